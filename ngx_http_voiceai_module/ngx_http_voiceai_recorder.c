
/*
 * Recordings: of each call a stereo WAV file, the caller on the left and what
 * he was sent on the right, when it was played, and the log of the
 * conversation's inputs and actions, which voiceai-sim replays.
 *
 * Files are written by a thread pool of its own, one task of a call at a time.
 * What cannot be written soon enough is lost rather than waited for, and told.
 * A recorder outlives its call until its last task is done.
 */


#include "ngx_http_voiceai_call.h"

#include <ngx_thread_pool.h>

#include "../src/audio/va_wav.h"
#include "../src/dialog/va_trace.h"


/* what may wait for the disk, of each kind */
#define NGX_HTTP_VOICEAI_RECORD_WAIT   (2 * 1024 * 1024)
/* what is gathered for one task */
#define NGX_HTTP_VOICEAI_RECORD_PIECE  32768
/* ms by which the caller's audio may be late for its place */
#define NGX_HTTP_VOICEAI_RECORD_LATE   400
#define NGX_HTTP_VOICEAI_RECORD_NAME   256

#define ngx_http_voiceai_samples(ms)   ((size_t) (ms) * (VA_RATE / 1000))


/* What a task works on; the thread's while it runs. */
typedef struct {
    u_char                      *path;      /* without its extension */
    ngx_fd_t                     wav_fd;
    ngx_fd_t                     log_fd;
    va_buf_t                     wav;
    va_buf_t                     log;
    uint32_t                     written;   /* bytes of samples */
    ngx_err_t                    err;
    unsigned                     last:1;    /* and close */
} ngx_http_voiceai_record_task_t;


struct ngx_http_voiceai_recorder_s {
    ngx_pool_t                  *pool;
    ngx_thread_pool_t           *threads;
    ngx_thread_task_t           *task;
    uint64_t                     begin;     /* clock of the log's first line */
    uint64_t                     base;      /* samples that were gathered */
    va_buf_t                     left;      /* behind them */
    va_buf_t                     right;
    va_buf_t                     wav;       /* both, for the next task */
    va_buf_t                     log;
    size_t                       lost;

    unsigned                     busy:1;
    unsigned                     closing:1;
};


static void ngx_http_voiceai_recorder_tap(void *ctx, const va_input_t *in);
static void ngx_http_voiceai_recorder_gather(ngx_http_voiceai_recorder_t *rec,
    uint64_t samples);
static void ngx_http_voiceai_recorder_flush(ngx_http_voiceai_recorder_t *rec);
static void ngx_http_voiceai_recorder_post(ngx_http_voiceai_recorder_t *rec);
static void ngx_http_voiceai_recorder_done(ngx_event_t *ev);
static void ngx_http_voiceai_recorder_write(void *data, ngx_log_t *log);


/* "off" or a directory, which must exist */

char *
ngx_http_voiceai_record_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t                     *value, name = ngx_string("voiceai_record");
    ngx_file_info_t                fi;
    ngx_http_voiceai_main_conf_t  *vmcf;

    if (vlcf->record.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    vlcf->record = value[1];

    if (ngx_strcmp(value[1].data, "off") == 0) {
        vlcf->record.len = 0;
        return NGX_CONF_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &vlcf->record, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(vlcf->record.data, &fi) == NGX_FILE_ERROR
        || !ngx_is_dir(&fi))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" is not a directory", &vlcf->record);
        return NGX_CONF_ERROR;
    }

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_voiceai_module);

    if (vmcf->record_pool == NULL) {
        vmcf->record_pool = ngx_http_voiceai_own_pool(cf, &name, "threads=2");
    }

    return vmcf->record_pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Letters and digits of a name that came from outside. */

static u_char *
ngx_http_voiceai_recorder_name(u_char *p, u_char *last, u_char *name,
    size_t len)
{
    u_char  c;

    while (len-- && p < last) {
        c = *name++;
        *p++ = ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a'
                && (c | 0x20) <= 'z')) ? c : '_';
    }

    return p;
}


ngx_http_voiceai_recorder_t *
ngx_http_voiceai_recorder_create(ngx_http_voiceai_call_t *call,
    const va_call_conf_t *conf)
{
    u_char                           name[NGX_HTTP_VOICEAI_RECORD_NAME];
    u_char                          *p, *last;
    va_str_t                         audio;
    ngx_pool_t                      *pool;
    ngx_http_voiceai_record_t       *r;
    ngx_http_voiceai_recorder_t     *rec;
    ngx_http_voiceai_main_conf_t    *vmcf;
    ngx_http_voiceai_record_task_t  *t;

    if (call->conf->record.len == 0) {
        return NULL;
    }

    vmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_voiceai_module);

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    rec = ngx_pcalloc(pool, sizeof(ngx_http_voiceai_recorder_t));
    if (rec == NULL) {
        goto failed;
    }

    rec->task = ngx_thread_task_alloc(pool,
                                      sizeof(ngx_http_voiceai_record_task_t));
    if (rec->task == NULL) {
        goto failed;
    }

    r = &call->ctx->record;
    last = name + sizeof(name) - sizeof(".wav");
    p = ngx_http_voiceai_recorder_name(name, last, r->sid, r->sid_len);
    p = (p < last) ? ngx_cpymem(p, "-", 1) : p;
    p = ngx_http_voiceai_recorder_name(p, last, r->stream_sid,
                                       r->stream_sid_len);
    *p = '\0';

    t = rec->task->ctx;
    t->wav_fd = NGX_INVALID_FILE;
    t->log_fd = NGX_INVALID_FILE;
    t->path = ngx_pnalloc(pool, call->conf->record.len + 1 + (p - name)
                                + sizeof(".jsonl"));
    if (t->path == NULL) {
        goto failed;
    }

    *ngx_sprintf(t->path, "%V/%s", &call->conf->record, name) = '\0';

    rec->pool = pool;
    rec->threads = vmcf->record_pool;

    /* the rules of echo count in frames of the clock */
    rec->begin = ngx_current_msec - ngx_current_msec % VA_FRAME_MS;

    va_buf_init(&rec->left, NGX_HTTP_VOICEAI_RECORD_WAIT);
    va_buf_init(&rec->right, NGX_HTTP_VOICEAI_RECORD_WAIT);
    va_buf_init(&rec->wav, NGX_HTTP_VOICEAI_RECORD_WAIT);
    va_buf_init(&rec->log, NGX_HTTP_VOICEAI_RECORD_WAIT);

    rec->task->handler = ngx_http_voiceai_recorder_write;
    rec->task->event.handler = ngx_http_voiceai_recorder_done;
    rec->task->event.data = rec;
    rec->task->event.log = ngx_cycle->log;

    ngx_memcpy(p, ".wav", sizeof(".wav"));
    audio.data = (char *) name;
    audio.len = (p - name) + sizeof(".wav") - 1;

    va_trace_begin(&rec->log, conf, audio);
    va_call_tap(call->core, ngx_http_voiceai_recorder_tap, rec);

    return rec;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


/* Brings a channel to a length with silence. */

static void
ngx_http_voiceai_recorder_pad(va_buf_t *channel, size_t n)
{
    u_char  *p;

    if (channel->len < n) {
        p = va_buf_reserve(channel, n - channel->len);

        if (p) {
            ngx_memset(p, VA_ULAW_SILENCE, n - channel->len);
            channel->len = n;
        }
    }
}


/* The caller's audio; returns its place on the left. */

static uint64_t
ngx_http_voiceai_recorder_heard(ngx_http_voiceai_recorder_t *rec,
    const va_input_t *in)
{
    uint64_t  at, now;

    now = ngx_http_voiceai_samples(in->now_ms - rec->begin);
    at = rec->base + rec->left.len;

    /* where frames were missing, what comes next is not earlier for it */

    if (at + in->len + ngx_http_voiceai_samples(NGX_HTTP_VOICEAI_RECORD_LATE)
        < now)
    {
        at = now - in->len;
        ngx_http_voiceai_recorder_pad(&rec->left, at - rec->base);
    }

    if (va_buf_append(&rec->left, in->data, in->len) != VA_OK) {
        rec->left.rc = VA_OK;
        rec->lost += in->len;
        return VA_TRACE_INLINE;
    }

    return at;
}


static void
ngx_http_voiceai_recorder_tap(void *ctx, const va_input_t *in)
{
    ngx_http_voiceai_recorder_t *rec = ctx;

    size_t    len;
    uint64_t  at;

    at = VA_TRACE_INLINE;

    if (in->type == VA_IN_AUDIO) {
        at = ngx_http_voiceai_recorder_heard(rec, in);
    }

    len = rec->log.len;

    if (va_trace_input(&rec->log, in, rec->begin, at) != VA_OK) {
        rec->log.len = len;
        rec->log.rc = VA_OK;
        rec->lost++;
    }

    ngx_http_voiceai_recorder_flush(rec);
}


void
ngx_http_voiceai_recorder_action(ngx_http_voiceai_recorder_t *rec,
    const va_action_t *act)
{
    size_t  len, now;

    now = ngx_http_voiceai_samples(ngx_current_msec - rec->begin);
    now = now > rec->base ? now - rec->base : 0;

    if (act->type == VA_ACT_MEDIA) {
        ngx_http_voiceai_recorder_pad(&rec->right, now);

        if (va_buf_append(&rec->right, act->data, act->len) != VA_OK) {
            rec->right.rc = VA_OK;
            rec->lost += act->len;
        }

    } else if (act->type == VA_ACT_CLEAR && rec->right.len > now) {
        rec->right.len = now;
    }

    len = rec->log.len;

    if (va_trace_action(&rec->log, act, ngx_current_msec, rec->begin)
        != VA_OK)
    {
        rec->log.len = len;
        rec->log.rc = VA_OK;
        rec->lost++;
    }
}


/* Both channels up to a place, which nothing changes any more. */

static void
ngx_http_voiceai_recorder_gather(ngx_http_voiceai_recorder_t *rec,
    uint64_t samples)
{
    size_t   i, n;
    u_char  *p;

    if (samples <= rec->base) {
        return;
    }

    n = samples - rec->base;
    p = va_buf_reserve(&rec->wav, 2 * n);

    ngx_http_voiceai_recorder_pad(&rec->left, n);
    ngx_http_voiceai_recorder_pad(&rec->right, n);

    if (p && rec->left.len >= n && rec->right.len >= n) {

        for (i = 0; i < n; i++) {
            *p++ = rec->left.data[i];
            *p++ = rec->right.data[i];
        }

        rec->wav.len += 2 * n;

    } else {
        rec->wav.rc = VA_OK;
        rec->lost += 2 * n;
    }

    va_buf_consume(&rec->left, n);
    va_buf_consume(&rec->right, n);
    rec->base = samples;
}


static void
ngx_http_voiceai_recorder_flush(ngx_http_voiceai_recorder_t *rec)
{
    uint64_t  now;

    now = ngx_http_voiceai_samples(ngx_current_msec - rec->begin);

    if (rec->log.len < NGX_HTTP_VOICEAI_RECORD_PIECE
        && now < rec->base + NGX_HTTP_VOICEAI_RECORD_PIECE)
    {
        return;
    }

    if (now > ngx_http_voiceai_samples(2 * NGX_HTTP_VOICEAI_RECORD_LATE)) {
        ngx_http_voiceai_recorder_gather(rec,
            now - ngx_http_voiceai_samples(2 * NGX_HTTP_VOICEAI_RECORD_LATE));
    }

    ngx_http_voiceai_recorder_post(rec);
}


/* Hands over what is gathered, unless the thread is still at it. */

static void
ngx_http_voiceai_recorder_post(ngx_http_voiceai_recorder_t *rec)
{
    ngx_http_voiceai_record_task_t  *t;

    if (rec->busy) {
        return;
    }

    t = rec->task->ctx;

    t->wav = rec->wav;
    t->log = rec->log;
    t->last = rec->closing;

    va_buf_init(&rec->wav, NGX_HTTP_VOICEAI_RECORD_WAIT);
    va_buf_init(&rec->log, NGX_HTTP_VOICEAI_RECORD_WAIT);

    if (ngx_thread_task_post(rec->threads, rec->task) == NGX_OK) {
        rec->busy = 1;
        return;
    }

    /* the queue of the pool is full */

    rec->lost += t->wav.len + t->log.len;
    va_buf_free(&t->wav);
    va_buf_free(&t->log);

    if (rec->closing) {
        ngx_http_voiceai_recorder_done(&rec->task->event);
    }
}


static void
ngx_http_voiceai_recorder_done(ngx_event_t *ev)
{
    ngx_http_voiceai_recorder_t     *rec;
    ngx_http_voiceai_record_task_t  *t;

    rec = ev->data;
    t = rec->task->ctx;

    rec->busy = 0;
    va_buf_free(&t->wav);
    va_buf_free(&t->log);

    if (!rec->closing) {
        return;
    }

    if (!t->last) {
        ngx_http_voiceai_recorder_post(rec);
        return;
    }

    if (t->err) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, t->err,
                      "voiceai: recording \"%s\" failed", t->path);

    } else if (rec->lost) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "voiceai: recording \"%s\" lacks %uz bytes, because the "
                      "disk was too slow", t->path, rec->lost);
    }

    va_buf_free(&rec->left);
    va_buf_free(&rec->right);
    va_buf_free(&rec->wav);
    va_buf_free(&rec->log);
    ngx_destroy_pool(rec->pool);
}


/* The call is over; the recorder frees itself when all is written. */

void
ngx_http_voiceai_recorder_close(ngx_http_voiceai_recorder_t *rec)
{
    uint64_t  now;

    now = ngx_http_voiceai_samples(ngx_current_msec - rec->begin);
    now = ngx_max(now, rec->base + rec->left.len);

    if (rec->right.len > now - rec->base) {
        rec->right.len = now - rec->base;   /* it was not played any more */
    }

    ngx_http_voiceai_recorder_gather(rec, now);

    rec->closing = 1;
    ngx_http_voiceai_recorder_post(rec);
}


/* From here on in a thread: no memory, connection or log of nginx's. */

static ngx_err_t
ngx_http_voiceai_recorder_put(ngx_fd_t fd, const void *data, size_t n)
{
    ssize_t        rc;
    const u_char  *p = data;

    while (n) {
        rc = ngx_write_fd(fd, (void *) p, n);

        if (rc == -1) {
            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            return ngx_errno;
        }

        p += rc;
        n -= rc;
    }

    return 0;
}


static ngx_err_t
ngx_http_voiceai_recorder_open(ngx_http_voiceai_record_task_t *t)
{
    char     path[NGX_MAX_PATH];
    uint8_t  header[VA_WAV_HEADER];

    snprintf(path, sizeof(path), "%s.wav", t->path);
    t->wav_fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (t->wav_fd == NGX_INVALID_FILE) {
        return ngx_errno;
    }

    snprintf(path, sizeof(path), "%s.jsonl", t->path);
    t->log_fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (t->log_fd == NGX_INVALID_FILE) {
        return ngx_errno;
    }

    /* of a length that says: until the end of the file */

    va_wav_header(header, VA_WAV_ULAW, VA_RATE, 2, 0xffffffff - 36);

    return ngx_http_voiceai_recorder_put(t->wav_fd, header, sizeof(header));
}


static ngx_err_t
ngx_http_voiceai_recorder_end(ngx_http_voiceai_record_task_t *t)
{
    uint8_t    header[VA_WAV_HEADER];
    ngx_err_t  err;

    err = 0;

    if (t->wav_fd != NGX_INVALID_FILE) {
        va_wav_header(header, VA_WAV_ULAW, VA_RATE, 2, t->written);

        if (pwrite(t->wav_fd, header, sizeof(header), 0)
            != (ssize_t) sizeof(header))
        {
            err = ngx_errno;
        }

        if (ngx_close_file(t->wav_fd) == NGX_FILE_ERROR) {
            err = ngx_errno;
        }
    }

    if (t->log_fd != NGX_INVALID_FILE
        && ngx_close_file(t->log_fd) == NGX_FILE_ERROR)
    {
        err = ngx_errno;
    }

    return err;
}


static void
ngx_http_voiceai_recorder_write(void *data, ngx_log_t *log)
{
    ngx_http_voiceai_record_task_t *t = data;

    ngx_err_t  err;

    if (t->wav_fd == NGX_INVALID_FILE && t->err == 0) {
        t->err = ngx_http_voiceai_recorder_open(t);
    }

    if (t->err == 0) {
        t->err = ngx_http_voiceai_recorder_put(t->wav_fd, t->wav.data,
                                               t->wav.len);
        t->written += t->wav.len;
    }

    if (t->err == 0) {
        t->err = ngx_http_voiceai_recorder_put(t->log_fd, t->log.data,
                                               t->log.len);
    }

    if (t->last) {
        err = ngx_http_voiceai_recorder_end(t);
        t->err = t->err ? t->err : err;
    }
}
