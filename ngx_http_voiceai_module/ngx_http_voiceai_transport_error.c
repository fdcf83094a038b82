
/*
 * Why a transfer failed: one line for the log, and a kind for whoever decides
 * what to do about it.
 */


#include "ngx_http_voiceai_loop.h"


static void ngx_http_voiceai_error_connect(ngx_http_voiceai_job_t *job,
    const char *reason);
static ngx_http_voiceai_fault_e ngx_http_voiceai_error_fault(
    ngx_http_voiceai_job_t *job, CURLcode code, const char *reason);
static void ngx_http_voiceai_error_text(ngx_http_voiceai_job_t *job,
    const char *fmt, va_list args);


void
ngx_http_voiceai_transfer_rejected(ngx_http_voiceai_job_t *job, va_rc_t rc)
{
    const char  *error;

    job->rejected = 1;

    error = va_ai_reader_error(job->reader);

    if (error[0] == '\0') {
        error = (rc == VA_NOMEM) ? "out of memory" : "bad response";
    }

    ngx_http_voiceai_transfer_error(job,
                                    rc == VA_NOMEM
                                    ? NGX_HTTP_VOICEAI_FAULT_LOCAL
                                    : NGX_HTTP_VOICEAI_FAULT_RESPONSE,
                                    "%s", error);
}


void
ngx_http_voiceai_transfer_explain(ngx_http_voiceai_job_t *job, CURLcode code)
{
    ngx_msec_t                 spent;
    const char                *reason;
    ngx_http_voiceai_fault_e   fault;

    reason = job->reason[0] ? job->reason : curl_easy_strerror(code);

    switch (code) {

    case CURLE_COULDNT_RESOLVE_HOST:
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_RESOLVE,
                                        "host of %s was not found", job->peer);
        return;

    case CURLE_COULDNT_RESOLVE_PROXY:
        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_RESOLVE,
                                        "host of the proxy was not found");
        return;

    case CURLE_COULDNT_CONNECT:
        ngx_http_voiceai_error_connect(job, reason);
        return;

    case CURLE_OPERATION_TIMEDOUT:
        job->late = 1;
        spent = ngx_http_voiceai_msec() - job->submitted;

        if (job->timeout && !job->streams && spent >= job->timeout) {
            ngx_http_voiceai_transfer_error(job,
                                            NGX_HTTP_VOICEAI_FAULT_TIMEOUT,
                                            "not finished within %Mms",
                                            job->timeout);
            return;
        }

        ngx_http_voiceai_transfer_error(job, NGX_HTTP_VOICEAI_FAULT_TIMEOUT,
                                        "no connection to %s within %Mms",
                                        job->peer, job->connect_timeout);
        return;

    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        fault = NGX_HTTP_VOICEAI_FAULT_REQUEST;
        break;

    case CURLE_OUT_OF_MEMORY:
        fault = NGX_HTTP_VOICEAI_FAULT_LOCAL;
        break;

    default:
        fault = ngx_http_voiceai_error_fault(job, code, reason);
        break;
    }

    if (fault == NGX_HTTP_VOICEAI_FAULT_TLS) {
        ngx_http_voiceai_transfer_error(job, fault, "TLS with %s failed: %s",
                                        job->peer, reason);

    } else if (fault == NGX_HTTP_VOICEAI_FAULT_CONNECT) {
        ngx_http_voiceai_transfer_error(job, fault, "proxy to %s failed: %s",
                                        job->peer, reason);

    } else {
        ngx_http_voiceai_transfer_error(job, fault,
                                        "transfer from %s failed: %s",
                                        job->peer, reason);
    }
}


static void
ngx_http_voiceai_error_connect(ngx_http_voiceai_job_t *job, const char *reason)
{
    long                       err;
    u_char                    *last, text[NGX_MAX_ERROR_STR / 16];
    ngx_http_voiceai_fault_e   fault;

    err = 0;
    fault = NGX_HTTP_VOICEAI_FAULT_CONNECT;

    if (curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &err) == CURLE_OK
        && err != 0)
    {
        last = ngx_strerror((ngx_err_t) err, text, sizeof(text) - 1);
        *last = '\0';
        reason = (const char *) text;

        if (err == EMFILE || err == ENFILE) {
            fault = NGX_HTTP_VOICEAI_FAULT_LOCAL;
        }
    }

    ngx_http_voiceai_transfer_error(job, fault, "connect to %s failed: %s",
                                    job->peer, reason);
}


static ngx_http_voiceai_fault_e
ngx_http_voiceai_error_fault(ngx_http_voiceai_job_t *job, CURLcode code,
    const char *reason)
{
    long  status;

    switch (code) {

    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
        return NGX_HTTP_VOICEAI_FAULT_TLS;

    case CURLE_PROXY:
        return NGX_HTTP_VOICEAI_FAULT_CONNECT;

    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:

        /* with TLS 1.3 a certificate is refused when all seems well */

        if (!job->answered && ngx_strstr(reason, "alert")) {
            return NGX_HTTP_VOICEAI_FAULT_TLS;
        }

        status = 0;

        if (job->proxy.len
            && curl_easy_getinfo(job->easy, CURLINFO_HTTP_CONNECTCODE, &status)
               == CURLE_OK
            && status >= 300)
        {
            return NGX_HTTP_VOICEAI_FAULT_CONNECT;
        }

        return NGX_HTTP_VOICEAI_FAULT_CUT;

    case CURLE_WEIRD_SERVER_REPLY:
        return NGX_HTTP_VOICEAI_FAULT_RESPONSE;

    default:
        return NGX_HTTP_VOICEAI_FAULT_CUT;
    }
}


void
ngx_http_voiceai_transfer_error(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_fault_e fault, const char *fmt, ...)
{
    va_list  args;

    job->fault = fault;

    va_start(args, fmt);
    ngx_http_voiceai_error_text(job, fmt, args);
    va_end(args);
}


static void
ngx_http_voiceai_error_text(ngx_http_voiceai_job_t *job,
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
    ngx_http_voiceai_fault_e fault, const char *fmt, ...)
{
    va_list  args;

    job->fault = fault;

    va_start(args, fmt);
    ngx_http_voiceai_error_text(job, fmt, args);
    va_end(args);

    ngx_http_voiceai_transfer_end(job, 1);
}
