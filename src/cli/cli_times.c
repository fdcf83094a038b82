#include "cli_times.h"

#include "../wire/va_json.h"
#include "cli_http.h"

#define TOTAL_MS 2000
#define BODY_MAX (1024 * 1024)

typedef struct {
    bool done;
    va_buf_t *out;
} asked_t;

static void on_session(void *ctx, const cli_http_reply_t *reply)
{
    asked_t *a = ctx;
    size_t i, n = 0;
    char error[CLI_ERROR];
    va_json_t *session, *turns, *times;
    va_str_t name;

    a->done = true;
    if (reply->status != 200) {
        return;
    }
    session = va_json_parse(reply->body, error, sizeof(error));
    turns = session ? va_json_at(session, "conversation") : NULL;
    va_buf_puts(a->out, "[");
    for (i = 0; turns && i < va_json_len(turns); i++) {
        times = va_json_at(va_json_item(turns, i, &name), "latency_ms");
        if (times) {
            va_buf_puts(a->out, n++ ? "," : "");
            va_json_write(a->out, times);
        }
    }
    va_buf_puts(a->out, "]");
    va_json_free(session);
}

bool cli_times_ask(cli_loop_t *loop, const cli_route_t *route,
                   const char *call_sid, const char *api_key, va_buf_t *b)
{
    char url[CLI_URL_MAX + 300], key[1024];
    asked_t asked = {.out = b};
    cli_http_request_t req = {.url = url,
                              .connect_to = route->connect_to,
                              .headers = {key},
                              .get = true,
                              .connect_ms = TOTAL_MS,
                              .total_ms = TOTAL_MS,
                              .cacert = route->cacert,
                              .insecure = route->insecure,
                              .max_body = BODY_MAX};
    uint64_t end = cli_now_us() + 2 * (uint64_t)TOTAL_MS * 1000;
    cli_http_t *http;

    snprintf(key, sizeof(key), "Authorization: Bearer %.900s", api_key);
    snprintf(url, sizeof(url), "%s://%s/session/%s", route->real.scheme,
             route->outside.authority, call_sid);
    http = cli_http_start(loop, &req, on_session, &asked);
    if (http == NULL) {
        return false;
    }
    while (!asked.done && cli_now_us() < end) {
        cli_loop_run(loop, end);
    }
    if (!asked.done) {
        cli_http_cancel(http);
    }
    return b->len != 0 && b->rc == VA_OK;
}

void cli_times_print(va_str_t json, FILE *out)
{
    char error[CLI_ERROR];
    va_json_t *list = va_json_parse(json, error, sizeof(error));
    size_t i, k;

    for (i = 0; list && i < va_json_len(list); i++) {
        va_str_t name;
        va_json_t *times = va_json_item(list, i, &name);

        fprintf(out, "answer %zu, ms since the caller's last word:", i + 1);
        for (k = 0; k < va_json_len(times); k++) {
            va_json_t *at = va_json_item(times, k, &name);

            fprintf(out, "%s %.*s %.0f", k ? "," : "", (int)name.len, name.data,
                    va_json_num(at, "", 0));
        }
        fputs("\n", out);
    }
    va_json_free(list);
}
