
/*
 * A recogniser that streams: a WebSocket, on the thread of its loop.
 *
 * libcurl makes the connection (proxy, TLS, deadline) and hands bytes through
 * it; handshake and frames are ours, because its own need a newer release than
 * those in use.  Its handle has to stay in the multi handle as long as the
 * connection is used.
 *
 * Whatever may end the job says so by NGX_DONE: then it is gone.
 */


#include "ngx_http_voiceai_stream.h"

#include <sys/epoll.h>


/* audio is taken from the event loop while less than that waits for the peer */
#define NGX_HTTP_VOICEAI_STREAM_LOW   16384
#define NGX_HTTP_VOICEAI_STREAM_OUT   (256 * 1024)

#define NGX_HTTP_VOICEAI_STREAM_READ  16384
#define NGX_HTTP_VOICEAI_STREAM_TURN  4


static void ngx_http_voiceai_stream_watch(ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_stream_read(ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_stream_flush(ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_stream_pump(ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_stream_speak(ngx_http_voiceai_job_t *job,
    const char *data, size_t len, ngx_uint_t last);
static ngx_int_t ngx_http_voiceai_stream_say(ngx_http_voiceai_job_t *job,
    va_rc_t rc, bool text);
static ngx_int_t ngx_http_voiceai_stream_end(ngx_http_voiceai_job_t *job,
    ngx_uint_t failed);


/* Before the transfer is set up: the request has a URL of WebSocket. */

ngx_uint_t
ngx_http_voiceai_stream_create(ngx_http_voiceai_job_t *job)
{
    va_buf_t                    url;
    ngx_http_voiceai_stream_t  *s;

    s = calloc(1, sizeof(ngx_http_voiceai_stream_t));
    if (s == NULL) {
        return 0;
    }

    job->stream = s;

    s->job = job;
    s->fd = -1;
    s->retry_after = -1;
    s->pace = va_ai_pace(job->kind, job->stage);

    va_buf_init(&s->out, NGX_HTTP_VOICEAI_STREAM_OUT);
    va_buf_init(&s->payload, NGX_HTTP_VOICEAI_STREAM_OUT / 2);
    va_buf_init(&s->mic, NGX_HTTP_VOICEAI_MIC_MAX);
    va_buf_init(&s->audio, 2 * NGX_HTTP_VOICEAI_MIC_MAX);

    /* "ws" and "wss" are not known to every libcurl */

    va_buf_init(&url, job->request.url.len + 8);

    if (job->request.url.len > 2
        && ngx_strncmp(job->request.url.data, "ws", 2) == 0)
    {
        va_buf_puts(&url, "http");
        va_buf_puts(&url, job->request.url.data + 2);

        if (url.rc != VA_OK) {
            va_buf_free(&url);
            return 0;
        }

        va_buf_free(&job->request.url);
        job->request.url = url;
    }

    return 1;
}


/* Frees what the stream has; a farewell is sent if it can be at once. */

void
ngx_http_voiceai_stream_close(ngx_http_voiceai_job_t *job)
{
    bool                        text;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    if (s->events) {
        (void) epoll_ctl(job->loop->streams, EPOLL_CTL_DEL, s->fd, NULL);
    }

    if (s->queued) {
        ngx_queue_remove(&s->again);
    }

    if (s->open && s->out.len == 0) {
        va_buf_reset(&s->payload);

        if (va_ai_stream_close(job->kind, &job->conf, &s->payload, &text)
            == VA_OK)
        {
            (void) ngx_http_voiceai_stream_frame(s,
                                           text ? VA_WS_TEXT : VA_WS_BINARY,
                                           s->payload.data, s->payload.len);
        }

        ngx_http_voiceai_stream_farewell(s, VA_WS_CLOSE_NORMAL);
    }

    if (s->fd != -1 && s->out.len) {
        size_t  n;

        (void) curl_easy_send(job->easy, s->out.data, s->out.len, &n);
    }

    va_ws_client_free(s->client);
    va_ws_free(s->ws);
    va_buf_free(&s->out);
    va_buf_free(&s->payload);
    va_buf_free(&s->mic);
    va_buf_free(&s->audio);

    ngx_free(s);
    job->stream = NULL;
}


/* The connection is there: asks for the other protocol. */

ngx_int_t
ngx_http_voiceai_stream_connected(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    if (ngx_http_voiceai_stream_request(job) != NGX_OK) {
        return ngx_http_voiceai_stream_end(job, 1);
    }

    if (curl_easy_getinfo(job->easy, CURLINFO_ACTIVESOCKET, &s->fd) != CURLE_OK
        || s->fd == CURL_SOCKET_BAD)
    {
        s->fd = -1;
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "connection is not there");
        return ngx_http_voiceai_stream_end(job, 1);
    }

    return ngx_http_voiceai_stream_flush(job);
}


ngx_int_t
ngx_http_voiceai_stream_ready(ngx_http_voiceai_job_t *job, ngx_uint_t events)
{
    if ((events & EPOLLOUT)
        && (ngx_http_voiceai_stream_flush(job) != NGX_OK
            || ngx_http_voiceai_stream_pump(job) != NGX_OK))
    {
        return NGX_DONE;
    }

    if (events & (EPOLLIN|EPOLLERR|EPOLLHUP)) {
        return ngx_http_voiceai_stream_read(job);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_voiceai_stream_command(ngx_http_voiceai_job_t *job,
    ngx_uint_t commands)
{
    if ((commands & NGX_HTTP_VOICEAI_CMD_AUDIO)
        && ngx_http_voiceai_stream_pump(job) != NGX_OK)
    {
        return NGX_DONE;
    }

    if ((commands & NGX_HTTP_VOICEAI_CMD_RESUME) && job->held) {
        job->held = 0;
        job->stream->heard = ngx_http_voiceai_msec();

        /* TLS may have bytes which the socket does not tell of */

        return ngx_http_voiceai_stream_read(job);
    }

    return NGX_OK;
}


/* The next stream of those that wait for their turn. */

ngx_http_voiceai_job_t *
ngx_http_voiceai_stream_next(ngx_http_voiceai_loop_t *loop)
{
    ngx_queue_t                *q;
    ngx_http_voiceai_stream_t  *s;

    q = ngx_queue_head(&loop->again);
    s = ngx_queue_data(q, ngx_http_voiceai_stream_t, again);

    return s->job;
}


/* The turn of a stream which had more to be read than it may in one. */

ngx_int_t
ngx_http_voiceai_stream_again(ngx_http_voiceai_job_t *job)
{
    job->stream->queued = 0;
    ngx_queue_remove(&job->stream->again);

    return ngx_http_voiceai_stream_read(job);
}


/* Deadlines of an open stream, and what keeps it open. */

ngx_int_t
ngx_http_voiceai_stream_tick(ngx_http_voiceai_job_t *job, ngx_msec_t now)
{
    bool                        text;
    va_rc_t                     rc;
    ngx_msec_int_t              quiet;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;
    text = false;

    if (s->asking && job->idle_timeout && !job->held
        && (ngx_msec_int_t) (now - s->asked)
           >= (ngx_msec_int_t) job->idle_timeout)
    {
        job->late = 1;
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_TIMEOUT,
                                        "no words within %Mms of the end of "
                                        "speech", job->idle_timeout);
        return ngx_http_voiceai_stream_end(job, 1);
    }

    if (s->pace.keepalive_ms
        && (ngx_msec_int_t) (now - s->sent)
           >= (ngx_msec_int_t) s->pace.keepalive_ms)
    {
        s->sent = now;
        va_buf_reset(&s->payload);

        rc = va_ai_stream_keepalive(job->kind, &job->conf, &s->payload, &text);

        if (ngx_http_voiceai_stream_say(job, rc, text) != NGX_OK) {
            return NGX_DONE;
        }
    }

    /* a peer is asked once for a sign of life, and given as long again */

    quiet = (ngx_msec_int_t) (now - s->heard);

    if (job->idle_timeout == 0 || job->held
        || quiet < (ngx_msec_int_t) job->idle_timeout)
    {
        return NGX_OK;
    }

    if (quiet >= 2 * (ngx_msec_int_t) job->idle_timeout) {
        job->late = 1;
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_TIMEOUT,
                                        "no sign of life for %Mms",
                                        2 * job->idle_timeout);
        return ngx_http_voiceai_stream_end(job, 1);
    }

    if (!s->pinged) {
        s->pinged = 1;

        if (ngx_http_voiceai_stream_frame(s, VA_WS_PING, "", 0) == NGX_OK) {
            return ngx_http_voiceai_stream_flush(job);
        }
    }

    return NGX_OK;
}


/* What the reader found: an answer to what was asked for at a turn's end. */

void
ngx_http_voiceai_stream_event(ngx_http_voiceai_job_t *job,
    va_ai_event_type_t type)
{
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    if (type == VA_AI_FLUSHED) {
        s->asking = 0;

    } else if (type == VA_AI_TEXT) {
        s->asked = ngx_http_voiceai_msec();
    }
}


/* Of the handshake, which libcurl does not know. */

void
ngx_http_voiceai_stream_answer(ngx_http_voiceai_job_t *job,
    ngx_uint_t *status, ngx_int_t *retry_after)
{
    *status = job->stream->status;
    *retry_after = job->stream->retry_after;
}


static void
ngx_http_voiceai_stream_watch(ngx_http_voiceai_job_t *job)
{
    int                         op;
    struct epoll_event          ee;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    ngx_memzero(&ee, sizeof(struct epoll_event));
    ee.data.ptr = job;

    /* a peer that has gone is told of whatever is asked for: ask for nothing */

    if (!job->held) {
        ee.events = s->out.len ? EPOLLIN|EPOLLOUT : EPOLLIN;
    }

    if (ee.events == s->events) {
        return;
    }

    op = s->events == 0 ? EPOLL_CTL_ADD
         : ee.events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    s->events = ee.events;

    /* without an event it runs into a deadline */

    (void) epoll_ctl(job->loop->streams, op, s->fd, &ee);
}


static ngx_int_t
ngx_http_voiceai_stream_read(ngx_http_voiceai_job_t *job)
{
    size_t                      n;
    u_char                      buf[NGX_HTTP_VOICEAI_STREAM_READ];
    CURLcode                    code;
    ngx_uint_t                  turn, open;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    for (turn = 0; turn < NGX_HTTP_VOICEAI_STREAM_TURN; turn++) {

        if (ngx_http_voiceai_pause(job)) {
            job->held = 1;
            ngx_http_voiceai_stream_watch(job);
            return NGX_OK;
        }

        code = curl_easy_recv(job->easy, buf, sizeof(buf), &n);

        if (code == CURLE_AGAIN) {
            return ngx_http_voiceai_stream_flush(job);
        }

        if (code == CURLE_OK && n > 0) {
            s->heard = ngx_http_voiceai_msec();
            s->pinged = 0;
            open = s->open;

            if (ngx_http_voiceai_stream_feed(job, buf, n) == NGX_OK) {

                if (open || ngx_http_voiceai_stream_pump(job) == NGX_OK) {
                    continue;
                }

                return NGX_DONE;
            }

        } else if (code == CURLE_OK) {
            ngx_http_voiceai_stream_lost(job);

        } else {
            ngx_http_voiceai_transfer_explain(job, code);
        }

        return ngx_http_voiceai_stream_end(job, !s->complete);
    }

    if (!s->queued) {
        s->queued = 1;
        ngx_queue_insert_tail(&job->loop->again, &s->again);
    }

    return ngx_http_voiceai_stream_flush(job);
}


static ngx_int_t
ngx_http_voiceai_stream_flush(ngx_http_voiceai_job_t *job)
{
    size_t                      n;
    CURLcode                    code;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    while (s->out.len) {
        code = curl_easy_send(job->easy, s->out.data, s->out.len, &n);

        if (code == CURLE_AGAIN) {
            break;
        }

        if (code != CURLE_OK) {
            ngx_http_voiceai_transfer_explain(job, code);
            return ngx_http_voiceai_stream_end(job, 1);
        }

        va_buf_consume(&s->out, n);
    }

    ngx_http_voiceai_stream_watch(job);

    return NGX_OK;
}


/* Sends what was given on the event loop, as long as the peer takes it. */

static ngx_int_t
ngx_http_voiceai_stream_pump(ngx_http_voiceai_job_t *job)
{
    bool                        text;
    size_t                      first;
    ssize_t                     flush;
    va_rc_t                     rc;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;
    text = false;

    while (s->open && s->out.len < NGX_HTTP_VOICEAI_STREAM_LOW) {

        va_buf_reset(&s->mic);

        if (!ngx_http_voiceai_mic_take(job, &s->mic, &flush)) {
            break;
        }

        first = flush < 0 ? s->mic.len : (size_t) flush;

        if (ngx_http_voiceai_stream_speak(job, s->mic.data, first, flush >= 0)
            != NGX_OK)
        {
            return NGX_DONE;
        }

        if (flush < 0) {
            continue;
        }

        va_buf_reset(&s->payload);

        rc = va_ai_stream_finalize(job->kind, &job->conf, &s->payload, &text);

        if (rc == VA_OK) {
            s->asking = 1;
            s->asked = ngx_http_voiceai_msec();
            s->sent = s->asked;
        }

        if (ngx_http_voiceai_stream_say(job, rc, text) != NGX_OK
            || ngx_http_voiceai_stream_speak(job, s->mic.data + first,
                                             s->mic.len - first, 0)
               != NGX_OK)
        {
            return NGX_DONE;
        }
    }

    return NGX_OK;
}


/* Makes messages of audio, of the sizes which the provider takes. */

static ngx_int_t
ngx_http_voiceai_stream_speak(ngx_http_voiceai_job_t *job, const char *data,
    size_t len, ngx_uint_t last)
{
    bool                        text;
    size_t                      n, min, max;
    va_rc_t                     rc;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;
    text = false;

    min = ngx_max(s->pace.audio_min_ms, 1) * 8;
    max = s->pace.audio_max_ms ? s->pace.audio_max_ms * 8
                               : NGX_HTTP_VOICEAI_MIC_MAX;

    if (len && va_buf_append(&s->audio, data, len) != VA_OK) {
        return ngx_http_voiceai_stream_say(job, s->audio.rc, text);
    }

    while (s->audio.len >= min || (last && s->audio.len)) {
        n = ngx_min(s->audio.len, max);

        va_buf_reset(&s->payload);

        rc = va_ai_stream_audio(job->kind, &job->conf,
                                (uint8_t *) s->audio.data, n, &s->payload,
                                &text);

        if (ngx_http_voiceai_stream_say(job, rc, text) != NGX_OK) {
            return NGX_DONE;
        }

        va_buf_consume(&s->audio, n);
        s->sent = ngx_http_voiceai_msec();
    }

    return NGX_OK;
}


/* Sends the message in payload, which the provider made with that result. */

static ngx_int_t
ngx_http_voiceai_stream_say(ngx_http_voiceai_job_t *job, va_rc_t rc, bool text)
{
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    if (rc == VA_AGAIN) {
        return NGX_OK;
    }

    if (rc != VA_OK
        || ngx_http_voiceai_stream_frame(s, text ? VA_WS_TEXT : VA_WS_BINARY,
                                         s->payload.data, s->payload.len)
           != NGX_OK)
    {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "a message could not be made");
        return ngx_http_voiceai_stream_end(job, 1);
    }

    return ngx_http_voiceai_stream_flush(job);
}


static ngx_int_t
ngx_http_voiceai_stream_end(ngx_http_voiceai_job_t *job, ngx_uint_t failed)
{
    ngx_http_voiceai_transfer_end(job, failed);

    return NGX_DONE;
}


/* The handshake is over: what waits may be sent. */

ngx_int_t
ngx_http_voiceai_stream_opened(ngx_http_voiceai_job_t *job)
{
    bool                        text;
    va_rc_t                     rc;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;
    text = false;

    job->answered = 1;
    job->first = ngx_http_voiceai_msec();

    s->heard = job->first;
    s->sent = job->first;

    va_buf_reset(&s->payload);

    rc = va_ai_stream_open(job->kind, &job->conf, &job->input, &s->payload,
                           &text);

    if (rc == VA_OK
        && ngx_http_voiceai_stream_frame(s, text ? VA_WS_TEXT : VA_WS_BINARY,
                                         s->payload.data, s->payload.len)
           != NGX_OK)
    {
        rc = VA_NOMEM;
    }

    if (rc != VA_OK && rc != VA_AGAIN) {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "a message could not be made");
        return NGX_ERROR;
    }

    s->open = 1;

    return NGX_OK;
}
