
/*
 * The request of a job as options of an easy handle.
 */


#include "ngx_http_voiceai_loop.h"


/* longer than any call, in seconds */
#define NGX_HTTP_VOICEAI_STREAM_AGE  864000L


static CURLcode ngx_http_voiceai_setup_options(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_setup_trust(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_setup_proxy(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_setup_limits(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_setup_request(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_setup_stream(ngx_http_voiceai_job_t *job);
static CURLcode ngx_http_voiceai_setup_mime(ngx_http_voiceai_job_t *job);


CURLcode
ngx_http_voiceai_transfer_setup(ngx_http_voiceai_job_t *job)
{
    CURLcode  code;

    code = ngx_http_voiceai_setup_options(job);

    if (code == CURLE_OK) {
        code = ngx_http_voiceai_setup_trust(job);
    }

    if (code == CURLE_OK) {
        code = ngx_http_voiceai_setup_proxy(job);
    }

    if (code == CURLE_OK) {
        code = ngx_http_voiceai_setup_limits(job);
    }

    if (code == CURLE_OK) {
        code = ngx_http_voiceai_setup_request(job);
    }

    return code;
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
ngx_http_voiceai_setup_options(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_set(CURLOPT_SHARE, job->loop->share);
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
 * libcurl keeps a file of authorities in memory unless a directory of them is
 * set as well, as Debian does; then it reads the file for each connection,
 * which takes 20 ms of this thread.
 */

static CURLcode
ngx_http_voiceai_setup_trust(ngx_http_voiceai_job_t *job)
{
#if (LIBCURL_VERSION_NUM >= 0x075700)
    char  *bundle;
#endif

    ngx_http_voiceai_set(CURLOPT_SSL_VERIFYPEER, 1L);
    ngx_http_voiceai_set(CURLOPT_SSL_VERIFYHOST, 2L);
    ngx_http_voiceai_set(CURLOPT_SSLVERSION,
                         job->tls == 13 ? (long) CURL_SSLVERSION_TLSv1_3
                                        : (long) CURL_SSLVERSION_TLSv1_2);

    if (job->cert.len) {
        ngx_http_voiceai_set(CURLOPT_SSLCERT, job->cert.data);
        ngx_http_voiceai_set(CURLOPT_SSLKEY,
                             job->cert_key.len ? job->cert_key.data
                                               : job->cert.data);
    }

    if (job->ca.len) {
        ngx_http_voiceai_set(CURLOPT_CAINFO, job->ca.data);
        ngx_http_voiceai_set(CURLOPT_CAPATH, NULL);
        return CURLE_OK;
    }

#if (LIBCURL_VERSION_NUM >= 0x075700)
    bundle = NULL;

    if (curl_easy_getinfo(job->easy, CURLINFO_CAINFO, &bundle) == CURLE_OK
        && bundle)
    {
        ngx_http_voiceai_set(CURLOPT_CAPATH, NULL);
    }
#endif

    return CURLE_OK;
}


/*
 * No proxy unless it was configured: what the environment says is for
 * programs of people.
 */

static CURLcode
ngx_http_voiceai_setup_proxy(ngx_http_voiceai_job_t *job)
{
    if (job->proxy.len == 0) {
        ngx_http_voiceai_set(CURLOPT_PROXY, "");
        return CURLE_OK;
    }

    /* of other schemes libcurl tells the URL, with its password */

    if (ngx_strncasecmp((u_char *) job->proxy.data, (u_char *) "http://", 7)
        != 0
        && ngx_strncasecmp((u_char *) job->proxy.data, (u_char *) "https://",
                           8)
           != 0)
    {
        return CURLE_UNSUPPORTED_PROTOCOL;
    }

    ngx_http_voiceai_set(CURLOPT_PROXY, job->proxy.data);
    ngx_http_voiceai_set(CURLOPT_NOPROXY, "");
    ngx_http_voiceai_set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    ngx_http_voiceai_set(CURLOPT_PROXY_SSLVERSION,
                         (long) CURL_SSLVERSION_TLSv1_2);

    if (job->ca.len) {
        ngx_http_voiceai_set(CURLOPT_PROXY_CAINFO, job->ca.data);
        ngx_http_voiceai_set(CURLOPT_PROXY_CAPATH, NULL);
    }

    return CURLE_OK;
}


static CURLcode
ngx_http_voiceai_setup_limits(ngx_http_voiceai_job_t *job)
{
    ngx_msec_t  spent, left;

    if (job->connect_timeout) {
        ngx_http_voiceai_set(CURLOPT_CONNECTTIMEOUT_MS,
                             (long) job->connect_timeout);
    }

    if (job->timeout && !job->streams) {
        spent = ngx_http_voiceai_msec() - job->submitted;
        left = spent < job->timeout ? job->timeout - spent : 1;

        ngx_http_voiceai_set(CURLOPT_TIMEOUT_MS, (long) left);
    }

    return CURLE_OK;
}


static CURLcode
ngx_http_voiceai_setup_request(ngx_http_voiceai_job_t *job)
{
    size_t              i;
    va_ai_request_t    *request;
    struct curl_slist  *list;

    request = &job->request;

    if (job->warm) {
        ngx_http_voiceai_set(CURLOPT_URL,
                             job->conf.url.len
                             ? job->conf.url.data
                             : va_ai_default_url(job->kind, job->stage));
        ngx_http_voiceai_set(CURLOPT_NOBODY, 1L);

        if (job->socket.len) {
            ngx_http_voiceai_set(CURLOPT_UNIX_SOCKET_PATH, job->socket.data);
        }

        return CURLE_OK;
    }

    if (job->streams) {
        return ngx_http_voiceai_setup_stream(job);
    }

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
        return ngx_http_voiceai_setup_mime(job);
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


/*
 * Only the connection is libcurl's.  It would close one that is older than the
 * limit as soon as it opens another, whatever goes over it meanwhile.
 */

static CURLcode
ngx_http_voiceai_setup_stream(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_set(CURLOPT_URL, job->request.url.data);
    ngx_http_voiceai_set(CURLOPT_CONNECT_ONLY, 1L);
    ngx_http_voiceai_set(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    ngx_http_voiceai_set(CURLOPT_MAXAGE_CONN, NGX_HTTP_VOICEAI_STREAM_AGE);

    if (job->socket.len) {
        ngx_http_voiceai_set(CURLOPT_UNIX_SOCKET_PATH, job->socket.data);
    }

    if (job->proxy.len) {
        ngx_http_voiceai_set(CURLOPT_HTTPPROXYTUNNEL, 1L);
    }

    return CURLE_OK;
}


static CURLcode
ngx_http_voiceai_setup_mime(ngx_http_voiceai_job_t *job)
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

void
ngx_http_voiceai_transfer_peer(ngx_http_voiceai_job_t *job, va_str_t url)
{
    u_char  *p, *start, *end;

    if (job->socket.len) {
        (void) ngx_snprintf(job->peer, NGX_HTTP_VOICEAI_PEER_LEN, "unix:%s%Z",
                            job->socket.data);
        job->peer[NGX_HTTP_VOICEAI_PEER_LEN - 1] = '\0';
        return;
    }

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
