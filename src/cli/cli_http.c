#include "cli_http.h"

#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"

struct cli_http {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    curl_mime *mime;
    va_buf_t body;
    char error[CURL_ERROR_SIZE];
    cli_http_done_pt done;
    void *ctx;
};

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    cli_http_t *h = ctx;

    return va_buf_append(&h->body, data, size * n) == VA_OK ? size * n : 0;
}

static bool add_parts(cli_http_t *h, const cli_http_request_t *req)
{
    curl_mimepart *file, *model, *format;

    h->mime = curl_mime_init(h->easy);
    file = h->mime != NULL ? curl_mime_addpart(h->mime) : NULL;
    model = h->mime != NULL ? curl_mime_addpart(h->mime) : NULL;
    format = h->mime != NULL ? curl_mime_addpart(h->mime) : NULL;
    return file != NULL && model != NULL && format != NULL &&
           curl_mime_name(file, "file") == CURLE_OK &&
           curl_mime_filename(file, "speech.wav") == CURLE_OK &&
           curl_mime_type(file, "audio/wav") == CURLE_OK &&
           curl_mime_data(file, req->wav.data, req->wav.len) == CURLE_OK &&
           curl_mime_name(model, "model") == CURLE_OK &&
           curl_mime_data(model, req->model, CURL_ZERO_TERMINATED) ==
               CURLE_OK &&
           curl_mime_name(format, "response_format") == CURLE_OK &&
           curl_mime_data(format, "json", CURL_ZERO_TERMINATED) == CURLE_OK &&
           curl_easy_setopt(h->easy, CURLOPT_MIMEPOST, h->mime) == CURLE_OK;
}

static bool add_headers(cli_http_t *h, const cli_http_request_t *req)
{
    struct curl_slist *list;
    size_t i;

    for (i = 0; i < CLI_HTTP_HEADERS && req->headers[i] != NULL; i++) {
        list = curl_slist_append(h->headers, req->headers[i]);
        if (list == NULL) {
            return false;
        }
        h->headers = list;
    }
    return curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers) ==
           CURLE_OK;
}

static bool set_up(cli_http_t *h, const cli_http_request_t *req)
{
    CURL *e = h->easy;
    bool ok = curl_easy_setopt(e, CURLOPT_URL, req->url) == CURLE_OK;

    curl_easy_setopt(e, CURLOPT_PRIVATE, h);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)req->connect_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)req->total_ms);
    if (req->insecure) {
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (req->cacert != NULL) {
        ok = ok && curl_easy_setopt(e, CURLOPT_CAINFO, req->cacert) == CURLE_OK;
    }
    if (req->unix_socket != NULL) {
        ok = ok && curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH,
                                    req->unix_socket) == CURLE_OK;
    }
    if (req->connect_to != NULL) {
        h->connect_to = curl_slist_append(NULL, req->connect_to);
        ok = ok && h->connect_to != NULL &&
             curl_easy_setopt(e, CURLOPT_CONNECT_TO, h->connect_to) == CURLE_OK;
    }
    if (req->wav.len > 0) {
        ok = ok && add_parts(h, req);
    } else if (!req->get) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)req->body.len);
        ok = ok && curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS,
                                    req->body.data) == CURLE_OK;
    }
    return ok && add_headers(h, req);
}

static void http_free(cli_http_t *h)
{
    if (h->easy != NULL) {
        curl_easy_cleanup(h->easy);
    }
    curl_mime_free(h->mime);
    curl_slist_free_all(h->headers);
    curl_slist_free_all(h->connect_to);
    va_buf_free(&h->body);
    free(h);
}

cli_http_t *cli_http_start(cli_loop_t *loop, const cli_http_request_t *req,
                           cli_http_done_pt done, void *ctx)
{
    cli_http_t *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        return NULL;
    }
    h->done = done;
    h->ctx = ctx;
    h->multi = cli_loop_curl(loop);
    va_buf_init(&h->body, req->max_body);
    h->easy = curl_easy_init();
    if (h->easy == NULL || !set_up(h, req) ||
        curl_multi_add_handle(h->multi, h->easy) != CURLM_OK) {
        http_free(h);
        return NULL;
    }
    return h;
}

void cli_http_cancel(cli_http_t *h)
{
    if (h != NULL) {
        curl_multi_remove_handle(h->multi, h->easy);
        http_free(h);
    }
}

static void finish(cli_http_t *h, CURLcode code)
{
    cli_http_reply_t reply = {.error = "", .type = ""};
    char *type = NULL;

    curl_multi_remove_handle(h->multi, h->easy);
    if (code == CURLE_OK) {
        curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply.status);
        curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
        reply.type = type != NULL ? type : "";
        reply.body = va_buf_view(&h->body);
    } else if (h->body.rc == VA_LIMIT) {
        reply.error = "the response is too large";
    } else {
        reply.error = h->error[0] != '\0' ? h->error : curl_easy_strerror(code);
    }
    h->done(h->ctx, &reply);
    http_free(h);
}

void cli_http_reap(CURLM *multi)
{
    CURLMsg *msg;
    cli_http_t *h;
    char *private;
    int left;

    while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
        if (msg->msg == CURLMSG_DONE) {
            CURLcode code = msg->data.result;

            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
            h = (cli_http_t *)(void *)private;
            finish(h, code);
        }
    }
}
