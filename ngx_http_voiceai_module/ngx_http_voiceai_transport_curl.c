
/*
 * One transfer on the thread of its loop: the request of the provider goes
 * into an easy handle, the response goes through the provider's reader.
 */


#include "ngx_http_voiceai_loop.h"


static const char *ngx_http_voiceai_transfer_open(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_transfer_setup(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_transfer_trust(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_transfer_limits(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_transfer_request(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_transfer_mime(ngx_http_voiceai_job_t *job);
static void ngx_http_voiceai_transfer_peer(ngx_http_voiceai_job_t *job);
static size_t ngx_http_voiceai_transfer_write(char *data, size_t size,
    size_t count, void *arg);
static va_rc_t ngx_http_voiceai_transfer_head(ngx_http_voiceai_job_t *job);
static va_rc_t ngx_http_voiceai_transfer_event(void *ctx,
    const va_ai_event_t *event);
static void ngx_http_voiceai_transfer_explain(ngx_http_voiceai_job_t *job,
    CURLcode code);
static void ngx_http_voiceai_transfer_rejected(ngx_http_voiceai_job_t *job,
    va_rc_t rc);
static void ngx_http_voiceai_transfer_error(ngx_http_voiceai_job_t *job,
    const char *fmt, ...);
static void ngx_http_voiceai_transfer_verror(ngx_http_voiceai_job_t *job,
    const char *fmt, va_list args);
static void ngx_http_voiceai_transfer_end(ngx_http_voiceai_job_t *job,
    ngx_uint_t failed);
static ngx_uint_t ngx_http_voiceai_transfer_status(
    ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_transfer_retry_after(
    ngx_http_voiceai_job_t *job);
static void ngx_http_voiceai_transfer_close(ngx_http_voiceai_job_t *job);


void
ngx_http_voiceai_transfer_start(ngx_http_voiceai_job_t *job)
{
    const char  *error;

    job->started = 1;
    ngx_queue_insert_tail(&job->loop->active, &job->active);

    error = ngx_http_voiceai_transfer_open(job);

    ngx_http_voiceai_job_forget(job);

    if (error) {
        ngx_http_voiceai_transfer_fail(job, "%s", error);
    }
}


static const char *
ngx_http_voiceai_transfer_open(ngx_http_voiceai_job_t *job)
{
    va_rc_t                   rc;
    ngx_http_voiceai_loop_t  *loop;

    loop = job->loop;

    rc = va_ai_request(&job->request, job->kind, &job->conf, &job->input);

    if (rc == VA_LIMIT) {
        return "request is too large";
    }

    if (rc == VA_NOMEM) {
        return "out of memory";
    }

    if (rc != VA_OK) {
        return "provider cannot be asked for this";
    }

    ngx_http_voiceai_transfer_peer(job);

    job->reader = va_ai_reader_new(job->kind, &job->conf, &job->input,
                                   ngx_http_voiceai_transfer_event, job);
    if (job->reader == NULL) {
        return "out of memory";
    }

    /* the latest one first: it has TLS sessions to resume */

    job->easy = loop->nspare ? loop->spare[--loop->nspare] : curl_easy_init();
    if (job->easy == NULL) {
        return "out of memory";
    }

    if (ngx_http_voiceai_transfer_setup(job) != CURLE_OK
        || ngx_http_voiceai_transfer_trust(job) != CURLE_OK
        || ngx_http_voiceai_transfer_limits(job) != CURLE_OK
        || ngx_http_voiceai_transfer_request(job) != CURLE_OK)
    {
        return "request could not be set up";
    }

    if (curl_multi_add_handle(loop->multi, job->easy) != CURLM_OK) {
        return "request could not be started";
    }

    return NULL;
}


#define ngx_http_voiceai_set(option, value)                                   \
    do {                                                                      \
        CURLcode  code = curl_easy_setopt(job->easy, option, value);          \
                                                                              \
        if (code != CURLE_OK) {                                               \
            return code;                                                      \
        }                                                                     \
    } while (0)


static CURLcode
ngx_http_voiceai_transfer_setup(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_set(CURLOPT_NOSIGNAL, 1L);
    ngx_http_voiceai_set(CURLOPT_PRIVATE, job);
    ngx_http_voiceai_set(CURLOPT_ERRORBUFFER, job->reason);
    ngx_http_voiceai_set(CURLOPT_WRITEFUNCTION,
                         ngx_http_voiceai_transfer_write);
    ngx_http_voiceai_set(CURLOPT_WRITEDATA, job);
    ngx_http_voiceai_set(CURLOPT_USERAGENT, "voiceai/" VA_VERSION);
    ngx_http_voiceai_set(CURLOPT_FOLLOWLOCATION, 0L);
    ngx_http_voiceai_set(CURLOPT_TCP_NODELAY, 1L);
    ngx_http_voiceai_set(CURLOPT_TCP_KEEPALIVE, 1L);
    ngx_http_voiceai_set(CURLOPT_TCP_KEEPIDLE, 30L);
    ngx_http_voiceai_set(CURLOPT_TCP_KEEPINTVL, 15L);

    /* its default is for large uploads, and a thousand jobs are many */
    ngx_http_voiceai_set(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);

    /* waiting for another job's connection would tie jobs to each other */
    ngx_http_voiceai_set(CURLOPT_PIPEWAIT, 0L);

#if (LIBCURL_VERSION_NUM >= 0x075500)
    ngx_http_voiceai_set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    ngx_http_voiceai_set(CURLOPT_PROTOCOLS,
                         (long) (CURLPROTO_HTTP|CURLPROTO_HTTPS));
#endif

#if (LIBCURL_VERSION_NUM >= 0x075700)
    /* else the end of a job in the middle of a slow resolution blocks all */
    ngx_http_voiceai_set(CURLOPT_QUICK_EXIT, 1L);
#endif

    return CURLE_OK;
}


/*
 * libcurl keeps the bundle of authorities in memory unless a directory of
 * them is set as well, as Debian does; then it reads the bundle for each
 * connection, which takes 20 ms of this thread.
 */

static CURLcode
ngx_http_voiceai_transfer_trust(ngx_http_voiceai_job_t *job)
{
#if (LIBCURL_VERSION_NUM >= 0x075700)
    char  *bundle;

    bundle = NULL;

    if (curl_easy_getinfo(job->easy, CURLINFO_CAINFO, &bundle) == CURLE_OK
        && bundle)
    {
        ngx_http_voiceai_set(CURLOPT_CAPATH, NULL);
    }
#endif

    return CURLE_OK;
}


static CURLcode
ngx_http_voiceai_transfer_limits(ngx_http_voiceai_job_t *job)
{
    ngx_msec_t  spent, left;

    if (job->connect_timeout) {
        ngx_http_voiceai_set(CURLOPT_CONNECTTIMEOUT_MS,
                             (long) job->connect_timeout);
    }

    if (job->timeout) {
        spent = ngx_http_voiceai_msec() - job->submitted;
        left = spent < job->timeout ? job->timeout - spent : 1;

        ngx_http_voiceai_set(CURLOPT_TIMEOUT_MS, (long) left);
    }

    return CURLE_OK;
}


static CURLcode
ngx_http_voiceai_transfer_request(ngx_http_voiceai_job_t *job)
{
    size_t              i;
    va_ai_request_t    *request;
    struct curl_slist  *list;

    request = &job->request;

    /* an empty one: a large body must not wait for "100 Continue" */

    job->headers = curl_slist_append(NULL, "Expect:");
    if (job->headers == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }

    for (i = 0; i < request->header_count; i++) {
        list = curl_slist_append(job->headers, request->headers[i].data);
        if (list == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
    }

    if (job->socket.len) {
        ngx_http_voiceai_set(CURLOPT_UNIX_SOCKET_PATH, job->socket.data);
    }

    ngx_http_voiceai_set(CURLOPT_URL, request->url.data);
    ngx_http_voiceai_set(CURLOPT_HTTPHEADER, job->headers);

    if (request->part_count) {
        return ngx_http_voiceai_transfer_mime(job);
    }

    if (job->stage == VA_AI_REST) {

        /* libcurl sends again what fails on a used connection: a second call */

        ngx_http_voiceai_set(CURLOPT_FRESH_CONNECT, 1L);
    }

    if (request->body.len) {
        ngx_http_voiceai_set(CURLOPT_POST, 1L);
        ngx_http_voiceai_set(CURLOPT_POSTFIELDSIZE_LARGE,
                             (curl_off_t) request->body.len);
        ngx_http_voiceai_set(CURLOPT_POSTFIELDS, request->body.data);
    }

    if (request->method) {
        ngx_http_voiceai_set(CURLOPT_CUSTOMREQUEST, request->method);
    }

    return CURLE_OK;
}


static CURLcode
ngx_http_voiceai_transfer_mime(ngx_http_voiceai_job_t *job)
{
    size_t          i;
    CURLcode        code;
    va_ai_part_t   *part;
    curl_mimepart  *mp;

    job->mime = curl_mime_init(job->easy);
    if (job->mime == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }

    for (i = 0; i < job->request.part_count; i++) {
        part = &job->request.parts[i];

        mp = curl_mime_addpart(job->mime);
        if (mp == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }

        code = curl_mime_name(mp, part->name);

        if (code == CURLE_OK) {
            code = curl_mime_data(mp, part->data.len ? part->data.data : "",
                                  part->data.len);
        }

        if (code == CURLE_OK && part->filename) {
            code = curl_mime_filename(mp, part->filename);
        }

        if (code == CURLE_OK && part->type) {
            code = curl_mime_type(mp, part->type);
        }

        if (code != CURLE_OK) {
            return code;
        }

        /* libcurl has copied it, and an utterance is large */
        va_buf_free(&part->data);
    }

    return curl_easy_setopt(job->easy, CURLOPT_MIMEPOST, job->mime);
}


/* Whom error messages name: never the user part nor the path of a URL. */

static void
ngx_http_voiceai_transfer_peer(ngx_http_voiceai_job_t *job)
{
    u_char    *p, *start, *end;
    va_str_t   url;

    if (job->socket.len) {
        (void) ngx_snprintf(job->peer, NGX_HTTP_VOICEAI_PEER_LEN, "unix:%s%Z",
                            job->socket.data);
        job->peer[NGX_HTTP_VOICEAI_PEER_LEN - 1] = '\0';
        return;
    }

    url = va_buf_view(&job->request.url);

    start = (u_char *) url.data;
    end = start + url.len;

    for (p = start; end - p > 3; p++) {
        if (ngx_strncmp(p, "://", 3) == 0) {
            start = p + 3;
            break;
        }
    }

    for (p = start; p < end; p++) {
        if (*p == '/' || *p == '?' || *p == '#') {
            end = p;
            break;
        }
    }

    for (p = start; p < end; p++) {
        if (*p == '@') {
            start = p + 1;
        }
    }

    (void) ngx_cpystrn(job->peer, start,
                       ngx_min(end - start + 1, NGX_HTTP_VOICEAI_PEER_LEN));
}


void
ngx_http_voiceai_transfer_resume(ngx_http_voiceai_job_t *job)
{
    CURLcode  code;

    job->held = 0;
    job->last = ngx_http_voiceai_msec();

    /* calls the write function, which may pause it again */

    code = curl_easy_pause(job->easy, CURLPAUSE_CONT);

    /* a transfer without a connection has just come to its end by itself */

    if (code != CURLE_OK && code != CURLE_BAD_FUNCTION_ARGUMENT) {
        ngx_http_voiceai_transfer_done(job, code);
    }
}


static size_t
ngx_http_voiceai_transfer_write(char *data, size_t size, size_t count,
    void *arg)
{
    ngx_http_voiceai_job_t *job = arg;

    size_t   n;
    va_rc_t  rc;

    n = size * count;

    if (n == 0) {
        return 0;
    }

    job->last = ngx_http_voiceai_msec();

    if (job->shared) {

        if (ngx_http_voiceai_excess(job)) {
            job->rejected = 1;
            ngx_http_voiceai_transfer_error(job,
                                            "too much of it is not consumed");
            return 0;
        }

    } else if (ngx_http_voiceai_pause(job)) {
        job->held = 1;
        return CURL_WRITEFUNC_PAUSE;
    }

    if (!job->answered) {
        job->answered = 1;
        job->first = job->last;
    }

    rc = ngx_http_voiceai_transfer_head(job);

    if (rc == VA_OK) {
        rc = va_ai_reader_feed(job->reader, (const uint8_t *) data, n);
    }

    if (rc != VA_OK) {
        ngx_http_voiceai_transfer_rejected(job, rc);
        return 0;
    }

    return n;
}


static va_rc_t
ngx_http_voiceai_transfer_head(ngx_http_voiceai_job_t *job)
{
    char      *type;
    long       version;
    CURLcode   code;

    if (job->headed) {
        return VA_OK;
    }

    job->headed = 1;

    version = 0;
    code = curl_easy_getinfo(job->easy, CURLINFO_HTTP_VERSION, &version);

    job->shared = (code == CURLE_OK && version > CURL_HTTP_VERSION_1_1);

    type = NULL;
    code = curl_easy_getinfo(job->easy, CURLINFO_CONTENT_TYPE, &type);

    if (code != CURLE_OK) {
        type = NULL;
    }

    return va_ai_reader_head(job->reader,
                             (int) ngx_http_voiceai_transfer_status(job),
                             va_str(type));
}


static va_rc_t
ngx_http_voiceai_transfer_event(void *ctx, const va_ai_event_t *event)
{
    ngx_http_voiceai_job_t *job = ctx;

    return ngx_http_voiceai_push(job, event) == NGX_OK ? VA_OK : VA_NOMEM;
}


void
ngx_http_voiceai_transfer_done(ngx_http_voiceai_job_t *job, CURLcode code)
{
    va_rc_t  rc;

    if (code == CURLE_OK) {

        if (!job->answered) {
            job->answered = 1;
            job->first = ngx_http_voiceai_msec();
        }

        rc = ngx_http_voiceai_transfer_head(job);

        if (rc == VA_OK) {
            rc = va_ai_reader_finish(job->reader);
        }

        if (rc == VA_OK) {
            ngx_http_voiceai_transfer_end(job, 0);
            return;
        }

        ngx_http_voiceai_transfer_rejected(job, rc);

    } else if (!job->rejected) {
        ngx_http_voiceai_transfer_explain(job, code);
    }

    ngx_http_voiceai_transfer_end(job, 1);
}


static void
ngx_http_voiceai_transfer_rejected(ngx_http_voiceai_job_t *job, va_rc_t rc)
{
    const char  *error;

    job->rejected = 1;

    error = va_ai_reader_error(job->reader);

    if (error[0] == '\0') {
        error = (rc == VA_NOMEM) ? "out of memory" : "bad response";
    }

    ngx_http_voiceai_transfer_error(job, "%s", error);
}


static void
ngx_http_voiceai_transfer_explain(ngx_http_voiceai_job_t *job, CURLcode code)
{
    long         err;
    u_char      *last, text[NGX_MAX_ERROR_STR / 16];
    ngx_msec_t   spent;
    const char  *reason;

    reason = job->reason[0] ? job->reason : curl_easy_strerror(code);

    switch (code) {

    case CURLE_COULDNT_RESOLVE_HOST:
        ngx_http_voiceai_transfer_error(job, "host of %s was not found",
                                        job->peer);
        return;

    case CURLE_COULDNT_CONNECT:
        err = 0;

        if (curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &err) == CURLE_OK
            && err != 0)
        {
            last = ngx_strerror((ngx_err_t) err, text, sizeof(text) - 1);
            *last = '\0';
            reason = (const char *) text;
        }

        ngx_http_voiceai_transfer_error(job, "connect to %s failed: %s",
                                        job->peer, reason);
        return;

    case CURLE_OPERATION_TIMEDOUT:
        job->late = 1;
        spent = ngx_http_voiceai_msec() - job->submitted;

        if (job->timeout && spent >= job->timeout) {
            ngx_http_voiceai_transfer_error(job, "not finished within %Mms",
                                            job->timeout);
            return;
        }

        ngx_http_voiceai_transfer_error(job, "no connection to %s within %Mms",
                                        job->peer, job->connect_timeout);
        return;

    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
        ngx_http_voiceai_transfer_error(job, "TLS with %s failed: %s",
                                        job->peer, reason);
        return;

    default:
        ngx_http_voiceai_transfer_error(job, "transfer from %s failed: %s",
                                        job->peer, reason);
        return;
    }
}


static void
ngx_http_voiceai_transfer_error(ngx_http_voiceai_job_t *job,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_http_voiceai_transfer_verror(job, fmt, args);
    va_end(args);
}


static void
ngx_http_voiceai_transfer_verror(ngx_http_voiceai_job_t *job,
    const char *fmt, va_list args)
{
    u_char  *p, *last;

    last = job->error + NGX_HTTP_VOICEAI_ERROR_LEN - 1;
    last = ngx_vslprintf(job->error, last, fmt, args);

    *last = '\0';

    /* a part of it may have come from the network */

    for (p = job->error; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }
}


/* Ends a job which has not been started, or whose transfer still runs. */

void
ngx_http_voiceai_transfer_fail(ngx_http_voiceai_job_t *job,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_http_voiceai_transfer_verror(job, fmt, args);
    va_end(args);

    ngx_http_voiceai_transfer_end(job, 1);
}


static void
ngx_http_voiceai_transfer_end(ngx_http_voiceai_job_t *job, ngx_uint_t failed)
{
    ngx_int_t   retry_after;
    ngx_uint_t  status;

    status = ngx_http_voiceai_transfer_status(job);
    retry_after = ngx_http_voiceai_transfer_retry_after(job);

    ngx_http_voiceai_transfer_close(job);

    ngx_http_voiceai_push_end(job, failed, status, retry_after);
}


static ngx_uint_t
ngx_http_voiceai_transfer_status(ngx_http_voiceai_job_t *job)
{
    long  status;

    status = 0;

    if (job->easy
        && curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status)
           != CURLE_OK)
    {
        return 0;
    }

    return (ngx_uint_t) status;
}


/* libcurl reads dates too, and takes 0 for a header that is not there. */

static ngx_int_t
ngx_http_voiceai_transfer_retry_after(ngx_http_voiceai_job_t *job)
{
    curl_off_t  seconds;

    seconds = 0;

    if (job->easy == NULL
        || curl_easy_getinfo(job->easy, CURLINFO_RETRY_AFTER, &seconds)
           != CURLE_OK
        || seconds <= 0)
    {
        return -1;
    }

    return ngx_min(seconds, NGX_HTTP_VOICEAI_RETRY_MAX);
}


static void
ngx_http_voiceai_transfer_close(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_loop_t  *loop;

    if (!job->started) {
        return;
    }

    loop = job->loop;

    ngx_queue_remove(&job->active);

    if (job->easy) {
        /* does nothing if it has not been added */
        (void) curl_multi_remove_handle(loop->multi, job->easy);

        curl_easy_reset(job->easy);

        if (loop->nspare < NGX_HTTP_VOICEAI_SPARE) {
            loop->spare[loop->nspare++] = job->easy;

        } else {
            curl_easy_cleanup(job->easy);
        }
    }

    curl_mime_free(job->mime);
    curl_slist_free_all(job->headers);

    if (job->reader) {
        va_ai_reader_free(job->reader);
    }

    va_ai_request_free(&job->request);
}
