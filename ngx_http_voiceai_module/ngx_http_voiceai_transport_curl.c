
/*
 * One transfer on the thread of its loop: the request of the provider goes
 * into an easy handle, the response goes through the provider's reader.
 */


#include "ngx_http_voiceai_loop.h"


static ngx_uint_t ngx_http_voiceai_transfer_open(ngx_http_voiceai_job_t *job);
static ngx_uint_t ngx_http_voiceai_transfer_build(ngx_http_voiceai_job_t *job);
static va_rc_t ngx_http_voiceai_transfer_head(ngx_http_voiceai_job_t *job);
static va_rc_t ngx_http_voiceai_transfer_event(void *ctx,
    const va_ai_event_t *event);
static ngx_uint_t ngx_http_voiceai_transfer_status(
    ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_transfer_retry_after(
    ngx_http_voiceai_job_t *job);
static void ngx_http_voiceai_transfer_close(ngx_http_voiceai_job_t *job);


void
ngx_http_voiceai_transfer_start(ngx_http_voiceai_job_t *job)
{
    ngx_uint_t  ok;

    job->started = 1;
    ngx_queue_insert_tail(&job->loop->active, &job->active);

    ok = ngx_http_voiceai_transfer_open(job);

    /* a stream goes on asking how to say what */

    if (!job->streams) {
        ngx_http_voiceai_job_forget(job);
    }

    if (!ok) {
        ngx_http_voiceai_transfer_end(job, 1);
    }
}


static ngx_uint_t
ngx_http_voiceai_transfer_open(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_loop_t  *loop;

    loop = job->loop;

    if (!job->warm && !ngx_http_voiceai_transfer_build(job)) {
        return 0;
    }

    job->easy = loop->nspare ? loop->spare[--loop->nspare] : curl_easy_init();

    if (job->easy == NULL) {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "out of memory");
        return 0;
    }

    if (ngx_http_voiceai_transfer_setup(job) != CURLE_OK) {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_REQUEST,
                                        "request could not be set up");
        return 0;
    }

    if (curl_multi_add_handle(ngx_http_voiceai_multi(job), job->easy)
        != CURLM_OK)
    {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "request could not be started");
        return 0;
    }

    return 1;
}


/* Makes the request, and the reader of its answer. */

static ngx_uint_t
ngx_http_voiceai_transfer_build(ngx_http_voiceai_job_t *job)
{
    va_rc_t  rc;

    rc = va_ai_request(&job->request, job->kind, &job->conf, &job->input);

    if (rc == VA_OK) {
        ngx_http_voiceai_transfer_peer(job, va_buf_view(&job->request.url));

        job->reader = va_ai_reader_new(job->kind, &job->conf, &job->input,
                                       ngx_http_voiceai_transfer_event, job);

        if (job->reader
            && (!job->streams || ngx_http_voiceai_stream_create(job)))
        {
            return 1;
        }

        rc = VA_NOMEM;
    }

    if (rc == VA_NOMEM) {
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                        "out of memory");
        return 0;
    }

    ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_REQUEST,
                                    rc == VA_LIMIT
                                    ? "request is too large"
                                    : "provider cannot be asked for this");
    return 0;
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


size_t
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
                                            NGX_HTTP_VOICEAI_FAULT_UNREAD,
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

    if (job->stream) {
        ngx_http_voiceai_stream_event(job, event->type);
    }

    return ngx_http_voiceai_push(job, event) == NGX_OK ? VA_OK : VA_NOMEM;
}


void
ngx_http_voiceai_transfer_done(ngx_http_voiceai_job_t *job, CURLcode code)
{
    va_rc_t  rc;

    if (job->warm) {
        ngx_http_voiceai_transfer_end(job, 0);
        return;
    }

    if (job->stream && code == CURLE_OK) {
        (void) ngx_http_voiceai_stream_connected(job);
        return;
    }

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


void
ngx_http_voiceai_transfer_end(ngx_http_voiceai_job_t *job, ngx_uint_t failed)
{
    ngx_int_t   retry_after;
    ngx_uint_t  status;

    status = ngx_http_voiceai_transfer_status(job);
    retry_after = ngx_http_voiceai_transfer_retry_after(job);

    if (job->stream) {
        ngx_http_voiceai_stream_answer(job, &status, &retry_after);
    }

    if (job->reader) {
        job->why = va_ai_reader_class(job->reader);
    }

    if (job->fault == NGX_HTTP_VOICEAI_FAULT_RESPONSE
        && job->why == VA_AI_CUT)
    {
        job->fault = NGX_HTTP_VOICEAI_FAULT_CUT;
    }

    if (job->fault == NGX_HTTP_VOICEAI_FAULT_RESPONSE
        && status && status != 101 && (status < 200 || status > 299))
    {
        job->fault = NGX_HTTP_VOICEAI_FAULT_STATUS;
    }

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

    if (job->stream) {
        ngx_http_voiceai_stream_close(job);
    }

    if (job->easy) {
        /* does nothing if it has not been added */
        (void) curl_multi_remove_handle(ngx_http_voiceai_multi(job),
                                        job->easy);

        if (!job->given_up || !ngx_http_voiceai_nudge(job)) {
            ngx_http_voiceai_transfer_spare(loop, job->easy);
        }
    }

    curl_mime_free(job->mime);
    curl_slist_free_all(job->headers);

    if (job->reader) {
        va_ai_reader_free(job->reader);
    }

    va_ai_request_free(&job->request);
}


/* Keeps a handle for later, or frees it. */

void
ngx_http_voiceai_transfer_spare(ngx_http_voiceai_loop_t *loop, CURL *easy)
{
    curl_easy_reset(easy);

    if (loop->nspare < NGX_HTTP_VOICEAI_SPARE) {
        loop->spare[loop->nspare++] = easy;

    } else {
        curl_easy_cleanup(easy);
    }
}
