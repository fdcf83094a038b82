
/*
 * After a cancelled transfer the connection has to be there for the next one,
 * and with HTTP/2 the provider has to hear that it may stop: libcurl keeps
 * that message until something else goes over the connection.  So the handle
 * of the transfer asks for the head of the same URL, without key and body.
 * With HTTP/1.1, where cancelling costs the connection, it opens another.
 */


#include "ngx_http_voiceai_loop.h"


#define NGX_HTTP_VOICEAI_NUDGE_TIME  5000L


static CURLcode ngx_http_voiceai_nudge_setup(CURL *easy);
static size_t ngx_http_voiceai_nudge_write(char *data, size_t size,
    size_t count, void *arg);


/*
 * Takes over the handle of the job, which is in no multi handle any more, or
 * returns 0.  One of a pass is enough for all transfers of a host that were
 * cancelled in it.
 */

ngx_uint_t
ngx_http_voiceai_nudge(ngx_http_voiceai_job_t *job)
{
    ngx_uint_t                 i;
    ngx_http_voiceai_loop_t   *loop;
    ngx_http_voiceai_nudge_t  *nudge;

    loop = job->loop;
    nudge = NULL;

    if (job->streams || job->warm || job->stage == VA_AI_REST
        || job->request.url.len < 8
        || ngx_strncasecmp((u_char *) job->request.url.data,
                           (u_char *) "https://", 8)
           != 0)
    {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_VOICEAI_NUDGES; i++) {

        if (loop->nudges[i].easy == NULL) {
            nudge = &loop->nudges[i];

        } else if (loop->nudges[i].pass == loop->pass
                   && ngx_strcmp(loop->nudges[i].peer, job->peer) == 0)
        {
            return 0;
        }
    }

    if (nudge == NULL
        || ngx_http_voiceai_nudge_setup(job->easy) != CURLE_OK
        || curl_multi_add_handle(
                           loop->multis[NGX_HTTP_VOICEAI_MULTI_HTTP].curl,
                           job->easy)
           != CURLM_OK)
    {
        return 0;
    }

    nudge->easy = job->easy;
    nudge->pass = loop->pass;
    (void) ngx_cpystrn(nudge->peer, job->peer, NGX_HTTP_VOICEAI_PEER_LEN);

    return 1;
}


#define ngx_http_voiceai_set(option, value)                                   \
    do {                                                                      \
        CURLcode  code = curl_easy_setopt(easy, option, value);               \
                                                                              \
        if (code != CURLE_OK) {                                               \
            return code;                                                      \
        }                                                                     \
    } while (0)


/* Nothing of the job may be left in it, which is about to be freed. */

static CURLcode
ngx_http_voiceai_nudge_setup(CURL *easy)
{
    ngx_http_voiceai_set(CURLOPT_PRIVATE, NULL);
    ngx_http_voiceai_set(CURLOPT_ERRORBUFFER, NULL);
    ngx_http_voiceai_set(CURLOPT_WRITEFUNCTION, ngx_http_voiceai_nudge_write);
    ngx_http_voiceai_set(CURLOPT_WRITEDATA, NULL);
    ngx_http_voiceai_set(CURLOPT_HTTPHEADER, NULL);
    ngx_http_voiceai_set(CURLOPT_MIMEPOST, NULL);
    ngx_http_voiceai_set(CURLOPT_POSTFIELDS, NULL);
    ngx_http_voiceai_set(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) -1);
    ngx_http_voiceai_set(CURLOPT_CUSTOMREQUEST, NULL);
    ngx_http_voiceai_set(CURLOPT_HTTPGET, 1L);
    ngx_http_voiceai_set(CURLOPT_NOBODY, 1L);
    ngx_http_voiceai_set(CURLOPT_TIMEOUT_MS, NGX_HTTP_VOICEAI_NUDGE_TIME);

    return CURLE_OK;
}


static size_t
ngx_http_voiceai_nudge_write(char *data, size_t size, size_t count, void *arg)
{
    return size * count;
}


void
ngx_http_voiceai_nudge_done(ngx_http_voiceai_loop_t *loop, CURL *easy)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_VOICEAI_NUDGES; i++) {
        if (easy && loop->nudges[i].easy == easy) {
            loop->nudges[i].easy = NULL;
        }
    }

    (void) curl_multi_remove_handle(
                           loop->multis[NGX_HTTP_VOICEAI_MULTI_HTTP].curl,
                           easy);

    ngx_http_voiceai_transfer_spare(loop, easy);
}
