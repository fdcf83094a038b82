#include "cli_make_call.h"

#include <stdio.h>
#include <string.h>

#include "../wire/va_json.h"
#include "cli_url.h"

#define PATH "/make-call"
#define BODY_MAX 262144
#define TOTAL_MS 60000

static void add(va_buf_t *b, const char *name, const char *value)
{
    if (value != NULL) {
        va_buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
        va_json_quote(b, va_str(value));
    }
}

static void add_parameters(va_buf_t *b, const cli_options_t *o)
{
    size_t i, n;

    va_buf_puts(b, ",\"parameters\":{");
    for (i = 0; i < o->parameter_count; i++) {
        n = strcspn(o->parameters[i], "=");
        va_buf_puts(b, i > 0 ? "," : "");
        va_json_quote(b, (va_str_t){o->parameters[i], n});
        va_buf_puts(b, ":");
        va_json_quote(b, va_str(o->parameters[i] + n + 1));
    }
    va_buf_puts(b, "}");
}

void cli_make_call_body(va_buf_t *b, const cli_options_t *o)
{
    va_buf_puts(b, "{");
    add(b, "to_number", o->to);
    add(b, "from_number", o->from_given ? o->from : NULL);
    add(b, "initial_message", o->message);
    add(b, "prompt", o->prompt);
    add(b, "voice", o->voice);
    add(b, "mode", o->call_mode);
    if (o->amd != NULL && strcmp(o->amd, "true") == 0) {
        va_buf_puts(b, ",\"machine_detection\":true");
    } else {
        add(b, "machine_detection", o->amd);
    }
    if (o->parameter_count > 0) {
        add_parameters(b, o);
    }
    va_buf_puts(b, "}");
}

cli_http_t *cli_make_call_start(cli_loop_t *loop, const cli_options_t *o,
                                cli_http_done_pt done, void *ctx,
                                char error[CLI_ERROR])
{
    char url[CLI_URL_MAX + 300], key[1024];
    cli_http_request_t req = {
        .url = url,
        .headers = {"Content-Type: application/json", "Expect:"},
        .connect_ms = 5000,
        .total_ms = TOTAL_MS,
        .cacert = o->cacert,
        .insecure = o->insecure,
        .max_body = BODY_MAX};
    cli_http_t *h = NULL;
    cli_url_t u;
    va_buf_t body;

    if (!cli_url_parse(&u, o->url)) {
        snprintf(error, CLI_ERROR, "\"%.160s\" is not an http URL", o->url);
        return NULL;
    }
    snprintf(url, sizeof(url), "%s://%s%s", u.scheme, u.authority,
             strcmp(u.path, "/") == 0 ? PATH : u.path);
    if (o->api_key != NULL) {
        snprintf(key, sizeof(key), "Authorization: Bearer %.900s", o->api_key);
        req.headers[2] = key;
    }
    va_buf_init(&body, BODY_MAX);
    cli_make_call_body(&body, o);
    req.body = va_buf_view(&body);
    if (body.rc == VA_OK) {
        h = cli_http_start(loop, &req, done, ctx);
    }
    if (h == NULL) {
        snprintf(error, CLI_ERROR, "the request cannot be made");
    }
    va_buf_free(&body);
    return h;
}

int cli_make_call_judge(const cli_options_t *o, const cli_http_reply_t *reply)
{
    FILE *out = o->json ? stderr : stdout;

    if (reply->status == 0) {
        cli_warn("%s", reply->error);
        return CLI_EXIT_BROKEN;
    }
    if (!o->quiet) {
        fprintf(out, "make-call answered %ld: %.*s\n", reply->status,
                (int)reply->body.len, reply->body.data);
        fflush(out);
    }
    return reply->status >= 200 && reply->status <= 299 ? CLI_EXIT_OK
                                                        : CLI_EXIT_UNMET;
}

typedef struct {
    const cli_options_t *o;
    bool done;
    int rc;
} order_t;

static void on_answer(void *ctx, const cli_http_reply_t *reply)
{
    order_t *order = ctx;

    order->done = true;
    order->rc = cli_make_call_judge(order->o, reply);
}

int cli_make_call_run(const cli_options_t *o)
{
    order_t order = {.o = o, .rc = CLI_EXIT_BROKEN};
    char error[CLI_ERROR] = "out of memory";
    cli_loop_t *loop = cli_loop_new();
    cli_http_t *http = NULL;

    cli_catch_signals();
    if (loop != NULL) {
        http = cli_make_call_start(loop, o, on_answer, &order, error);
    }
    if (http == NULL) {
        cli_warn("%s", error);
        cli_loop_free(loop);
        return CLI_EXIT_USAGE;
    }
    while (!order.done && !cli_interrupted()) {
        cli_loop_run(loop, cli_now_us() + 100000);
    }
    if (!order.done) {
        cli_http_cancel(http);
    }
    cli_loop_free(loop);
    return order.rc;
}
