
/*
 * What goes over the connection of a stream: the handshake, and frames.
 */


#include "ngx_http_voiceai_stream.h"

#include <sys/random.h>


/* one message of a recogniser */
#define NGX_HTTP_VOICEAI_WS_MESSAGE  (1024 * 1024)

/* pings are not answered while so much waits to be sent */
#define NGX_HTTP_VOICEAI_WS_PONGS    (128 * 1024)


static ngx_int_t ngx_http_voiceai_ws_request(ngx_http_voiceai_job_t *job,
    CURLU *url);
static ngx_int_t ngx_http_voiceai_ws_shake(ngx_http_voiceai_job_t *job,
    u_char **data, size_t *len);
static void ngx_http_voiceai_ws_refused(ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_ws_retry_after(va_str_t value);
static ngx_int_t ngx_http_voiceai_ws_event(ngx_http_voiceai_job_t *job,
    va_ws_event_t *ev);
static void ngx_http_voiceai_ws_closed(ngx_http_voiceai_job_t *job,
    ngx_uint_t code, va_str_t reason);


ngx_int_t
ngx_http_voiceai_stream_request(ngx_http_voiceai_job_t *job)
{
    CURLU                      *url;
    uint8_t                     nonce[16];
    ngx_int_t                   rc;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;
    rc = NGX_ERROR;

    if (getrandom(nonce, sizeof(nonce), 0) == sizeof(nonce)) {
        s->client = va_ws_client_new(nonce);
    }

    s->ws = va_ws_new(VA_WS_CLIENT, NGX_HTTP_VOICEAI_WS_MESSAGE);
    url = curl_url();

    if (s->client && s->ws && url) {
        rc = ngx_http_voiceai_ws_request(job, url);

    } else {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "out of memory");
    }

    curl_url_cleanup(url);

    return rc;
}


static ngx_int_t
ngx_http_voiceai_ws_request(ngx_http_voiceai_job_t *job, CURLU *url)
{
    char                       *host, *port, *path, *query;
    va_rc_t                     rc;
    va_buf_t                    authority, target;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    host = NULL;
    port = NULL;
    path = NULL;
    query = NULL;

    va_buf_init(&authority, 1024);
    va_buf_init(&target, VA_AI_BODY_MAX);

    rc = VA_INVALID;

    if (curl_url_set(url, CURLUPART_URL, job->request.url.data, 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK)
    {
        va_buf_puts(&authority, host);
        va_buf_puts(&target, path);

        if (curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK) {
            va_buf_printf(&authority, ":%s", port);
        }

        if (curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK) {
            va_buf_printf(&target, "?%s", query);
        }

        rc = va_ws_client_request(s->client, &s->out, va_buf_view(&target),
                                  va_buf_view(&authority),
                                  job->request.headers,
                                  job->request.header_count);
    }

    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_free(query);
    va_buf_free(&authority);
    va_buf_free(&target);

    if (rc != VA_OK) {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_REQUEST,
                                        "request could not be set up");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Takes bytes of the peer; the stream is over unless it is NGX_OK. */

ngx_int_t
ngx_http_voiceai_stream_feed(ngx_http_voiceai_job_t *job, u_char *data,
    size_t len)
{
    size_t                      used;
    va_rc_t                     rc;
    va_ws_event_t               ev;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    if (!s->open) {
        if (ngx_http_voiceai_ws_shake(job, &data, &len) != NGX_OK) {
            return NGX_ERROR;
        }

        if (!s->open) {
            return NGX_OK;
        }
    }

    for ( ;; ) {
        rc = va_ws_parse(s->ws, data, len, &used, &ev);

        if (rc == VA_AGAIN) {
            return NGX_OK;
        }

        if (rc != VA_OK) {
            ngx_http_voiceai_transfer_error(job,
                                            NGX_HTTP_VOICEAI_FAULT_RESPONSE,
                                            "broken WebSocket: %s",
                                            va_ws_error(s->ws));
            ngx_http_voiceai_stream_farewell(s, va_ws_close_code(s->ws));
            return NGX_ERROR;
        }

        data += used;
        len -= used;

        if (ngx_http_voiceai_ws_event(job, &ev) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_voiceai_ws_shake(ngx_http_voiceai_job_t *job, u_char **data,
    size_t *len)
{
    size_t                      used;
    va_rc_t                     rc;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    rc = va_ws_client_feed(s->client, *data, *len, &used);

    *data += used;
    *len -= used;

    if (rc == VA_AGAIN) {
        return NGX_OK;
    }

    if (rc == VA_OK) {
        s->status = 101;

        rc = va_ai_reader_head(job->reader, 101, VA_STR(""));
        if (rc != VA_OK) {
            ngx_http_voiceai_transfer_rejected(job, rc);
            return NGX_ERROR;
        }

        return ngx_http_voiceai_stream_opened(job);
    }

    if (rc == VA_FAILED) {
        ngx_http_voiceai_ws_refused(job);

    } else {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_RESPONSE,
                                        "no WebSocket with %s: %s", job->peer,
                                        va_ws_client_error(s->client));
    }

    return NGX_ERROR;
}


/* The reader knows what providers say when they do not want to. */

static void
ngx_http_voiceai_ws_refused(ngx_http_voiceai_job_t *job)
{
    va_rc_t                     rc;
    va_ws_refusal_t             refusal;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    va_ws_client_refusal(s->client, &refusal);

    s->status = (ngx_uint_t) refusal.status;
    s->retry_after = ngx_http_voiceai_ws_retry_after(refusal.retry_after);

    rc = va_ai_reader_head(job->reader, refusal.status, refusal.content_type);

    if (rc == VA_OK && refusal.body.len) {
        rc = va_ai_reader_feed(job->reader,
                               (const uint8_t *) refusal.body.data,
                               refusal.body.len);
    }

    if (rc == VA_OK) {
        rc = va_ai_reader_finish(job->reader);
    }

    if (rc != VA_OK) {
        ngx_http_voiceai_transfer_rejected(job, rc);
        return;
    }

    ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_RESPONSE,
                                    "no WebSocket with %s", job->peer);
}


/* Seconds or a date, as over HTTP. */

static ngx_int_t
ngx_http_voiceai_ws_retry_after(va_str_t value)
{
    char       text[64];
    time_t     date;
    ngx_int_t  n;

    if (value.len == 0 || value.len >= sizeof(text)) {
        return -1;
    }

    n = ngx_atoi((u_char *) value.data, value.len);

    if (n == NGX_ERROR) {
        va_str_copy(text, sizeof(text), value);
        date = curl_getdate(text, NULL);

        if (date == -1) {
            return -1;
        }

        n = (ngx_int_t) (date - time(NULL));
    }

    return n > 0 ? ngx_min(n, NGX_HTTP_VOICEAI_RETRY_MAX) : -1;
}


static ngx_int_t
ngx_http_voiceai_ws_event(ngx_http_voiceai_job_t *job, va_ws_event_t *ev)
{
    va_rc_t                     rc;
    va_str_t                    reason;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    switch (ev->opcode) {

    case VA_WS_TEXT:
    case VA_WS_BINARY:

        rc = va_ai_reader_message(job->reader, ev->opcode == VA_WS_TEXT,
                                  ev->data, ev->len);
        if (rc == VA_OK) {
            return NGX_OK;
        }

        ngx_http_voiceai_transfer_rejected(job, rc);
        ngx_http_voiceai_stream_farewell(s, VA_WS_CLOSE_NORMAL);
        return NGX_ERROR;

    case VA_WS_PING:

        if (s->out.len < NGX_HTTP_VOICEAI_WS_PONGS) {
            (void) ngx_http_voiceai_stream_frame(s, VA_WS_PONG, ev->data,
                                                 ev->len);
        }

        return NGX_OK;

    case VA_WS_CLOSE:

        reason.data = (const char *) ev->data;
        reason.len = ev->len;

        ngx_http_voiceai_ws_closed(job, ev->close_code, reason);
        ngx_http_voiceai_stream_farewell(s, ev->close_code);
        return NGX_ERROR;

    default: /* VA_WS_PONG */
        return NGX_OK;
    }
}


/* The connection has ended without a word. */

void
ngx_http_voiceai_stream_lost(ngx_http_voiceai_job_t *job)
{
    va_rc_t                     rc;
    ngx_http_voiceai_stream_t  *s;

    s = job->stream;

    if (s->open) {
        ngx_http_voiceai_ws_closed(job, 0, VA_STR(""));
        return;
    }

    rc = va_ws_client_end(s->client);

    if (rc == VA_FAILED) {
        ngx_http_voiceai_ws_refused(job);
        return;
    }

    ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_CUT,
                                    "no WebSocket with %s: %s", job->peer,
                                    va_ws_client_error(s->client));
}


static void
ngx_http_voiceai_ws_closed(ngx_http_voiceai_job_t *job, ngx_uint_t code,
    va_str_t reason)
{
    va_rc_t  rc;

    rc = va_ai_reader_closed(job->reader, (unsigned) code, reason);

    if (rc == VA_OK) {
        job->stream->complete = 1;
        return;
    }

    ngx_http_voiceai_transfer_rejected(job, rc);

    if (job->fault == NGX_HTTP_VOICEAI_FAULT_RESPONSE) {
        job->fault = NGX_HTTP_VOICEAI_FAULT_CUT;
    }
}


/* Each frame of a client has a mask which nobody can foresee. */

ngx_int_t
ngx_http_voiceai_stream_frame(ngx_http_voiceai_stream_t *s,
    va_ws_opcode_t opcode, const void *data, size_t len)
{
    size_t    n;
    u_char    header[VA_WS_HEADER_MAX], *mask, *p;

    if (s->nmasks == 0) {
        if (getrandom(s->masks, NGX_HTTP_VOICEAI_MASKS, 0)
            != NGX_HTTP_VOICEAI_MASKS)
        {
            return NGX_ERROR;
        }

        s->nmasks = NGX_HTTP_VOICEAI_MASKS;
    }

    s->nmasks -= 4;
    mask = s->masks + s->nmasks;

    n = va_ws_header(header, opcode, len, mask);

    p = va_buf_reserve(&s->out, n + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(p, header, n);

    if (len) {
        ngx_memcpy(p, data, len);
        va_ws_mask(p, len, mask, 0);
    }

    s->out.len += n + len;

    return NGX_OK;
}


/* Nothing is sent after it. */

void
ngx_http_voiceai_stream_farewell(ngx_http_voiceai_stream_t *s, ngx_uint_t code)
{
    size_t   n;
    uint8_t  payload[VA_WS_CONTROL_MAX];

    if (!s->open) {
        return;
    }

    s->open = 0;

    n = va_ws_close_payload(payload, (uint16_t) code, NULL);

    (void) ngx_http_voiceai_stream_frame(s, VA_WS_CLOSE, payload, n);
}
