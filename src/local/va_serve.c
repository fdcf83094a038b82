#include "va_serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../wire/va_json.h"
#include "va_endpoints.h"

#define FORM_BUFFER 8192

/* A body without a length that goes on this far past the limit is cut off. */
#define PATIENCE (4UL * 1024 * 1024)

struct va_serve {
    struct MHD_Daemon *daemon;
    int quiesced; /* the socket, once it accepts no more */
};

static const va_route_t routes[] = {
    {"/health", "GET", false, va_health},
    {"/v1/models", "GET", false, va_models},
    {"/v1/chat/completions", "POST", false, va_chat},
    {"/v1/audio/transcriptions", "POST", true, va_transcribe},
    {"/v1/audio/speech", "POST", false, va_speech},
};

void va_health(va_request_t *r)
{
    va_buf_printf(&r->answer,
                  "{\"status\":\"ok\",\"version\":\"" VA_VERSION
                  "\",\"queued\":{\"transcriptions\":%zu,\"speech\":%zu}}\n",
                  va_work_waiting(r->app->hearing),
                  va_work_waiting(r->app->speaking));
    va_request_answer(r, 200, "application/json");
}

static void add_model(va_buf_t *b, const char *id, bool more)
{
    va_buf_puts(b, "{\"id\":");
    va_json_quote(b, va_str(id));
    va_buf_printf(b,
                  ",\"object\":\"model\",\"created\":0,"
                  "\"owned_by\":\"voiceai-local\"}%s",
                  more ? "," : "");
}

void va_models(va_request_t *r)
{
    const va_lexicon_t *l = r->app->lexicon;
    size_t i;

    va_buf_puts(&r->answer, "{\"object\":\"list\",\"data\":[");
    add_model(&r->answer, "voiceai-responder", true);
    add_model(&r->answer, "flite", true);
    for (i = 0; i < va_lexicon_count(l); i++) {
        add_model(&r->answer, va_lexicon_name(l, i),
                  i + 1 < va_lexicon_count(l));
    }
    va_buf_puts(&r->answer, "]}\n");
    va_request_answer(r, 200, "application/json");
}

static const va_route_t *find_route(va_request_t *r, const char *path,
                                    const char *method)
{
    size_t i;

    for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) != 0) {
            continue;
        }
        if (strcmp(method, routes[i].method) == 0 ||
            (strcmp(method, "HEAD") == 0 &&
             strcmp(routes[i].method, "GET") == 0)) {
            return &routes[i];
        }
        r->allow = routes[i].method;
        va_request_error(r, 405, "method_not_allowed", NULL,
                         "this path wants %s", routes[i].method);
        return NULL;
    }
    va_request_error(r, 404, "unknown_url", NULL, "there is no such path");
    return NULL;
}

static bool announced_too_much(va_request_t *r)
{
    const char *value = MHD_lookup_connection_value(
        r->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return value != NULL && strtoull(value, NULL, 10) > r->app->max_body;
}

static void too_large(va_request_t *r)
{
    va_request_error(r, 413, "body_too_large", NULL,
                     "the body is larger than %zu bytes", r->app->max_body);
}

static va_buf_t *field(va_request_t *r, const char *name)
{
    static const char *const names[] = {"file", "model", "prompt", "language",
                                        "response_format"};
    va_buf_t *const fields[] = {&r->file, &r->model, &r->prompt, &r->language,
                                &r->format};
    size_t i;

    for (i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return fields[i];
        }
    }
    return NULL;
}

static enum MHD_Result on_field(void *ctx, enum MHD_ValueKind kind,
                                const char *name, const char *filename,
                                const char *type, const char *encoding,
                                const char *data, uint64_t off, size_t n)
{
    va_request_t *r = ctx;
    va_buf_t *b = field(r, name);

    (void)kind, (void)filename, (void)type, (void)encoding;
    if (b == NULL) {
        return MHD_YES;
    }
    if (off == 0 && b->len != 0) {
        r->form_bad = true; /* twice the same field */
        return MHD_NO;
    }
    /* Whether it fitted is looked at when the body is whole. */
    va_buf_append(b, data, n);
    return MHD_YES;
}

/* The first word of a request: where to, and may it send its body. */
static enum MHD_Result greet(va_app_t *app, struct MHD_Connection *conn,
                             const char *path, const char *method, void **ctx)
{
    va_request_t *r = va_request_new(app, conn);

    if (r == NULL) {
        return MHD_NO;
    }
    *ctx = r;
    r->route = find_route(r, path, method);
    if (r->route != NULL && announced_too_much(r)) {
        too_large(r);
    } else if (r->route != NULL && r->route->form) {
        r->form = MHD_create_post_processor(conn, FORM_BUFFER, on_field, r);
        if (r->form == NULL) {
            va_request_error(r, 400, NULL, NULL,
                             "the body must be multipart/form-data");
        }
    }
    return r->state == VA_REQ_READY ? va_request_send(r) : MHD_YES;
}

static enum MHD_Result take_body(va_request_t *r, const char *data, size_t *n)
{
    size_t max = r->app->max_body;

    if (*n > SIZE_MAX - r->received || r->received + *n > max + PATIENCE) {
        return MHD_NO;
    }
    r->received += *n;
    if (r->received > max) {
        va_buf_free(&r->body);
        va_buf_free(&r->file);
    } else if (r->route->form) {
        if (!r->form_bad && MHD_post_process(r->form, data, *n) != MHD_YES) {
            r->form_bad = true;
        }
    } else {
        va_buf_append(&r->body, data, *n);
    }
    *n = 0;
    return MHD_YES;
}

static void finish(va_request_t *r)
{
    bool bad = r->form_bad;

    if (r->form != NULL) {
        bad = MHD_destroy_post_processor(r->form) != MHD_YES || bad;
        r->form = NULL;
    }
    if (r->received > r->app->max_body) {
        too_large(r);
    } else if (bad) {
        va_request_error(r, 400, NULL, NULL, "the form is malformed");
    } else if (r->body.rc != VA_OK) {
        va_request_error(r, 500, NULL, NULL, "out of memory");
    } else {
        r->route->run(r);
    }
}

static enum MHD_Result on_request(void *app, struct MHD_Connection *conn,
                                  const char *path, const char *method,
                                  const char *version, const char *data,
                                  size_t *n, void **ctx)
{
    va_request_t *r = *ctx;

    (void)version;
    if (r == NULL) {
        return greet(app, conn, path, method, ctx);
    }
    if (*n != 0) {
        return take_body(r, data, n);
    }
    if (!r->finished) {
        r->finished = true;
        finish(r);
        if (r->deferred) {
            return MHD_YES; /* to come here again when the worker is done */
        }
    }
    return va_request_send(r);
}

static void on_completed(void *app, struct MHD_Connection *conn, void **ctx,
                         enum MHD_RequestTerminationCode why)
{
    (void)app, (void)conn, (void)why;
    if (*ctx != NULL) {
        va_request_gone(*ctx);
        *ctx = NULL;
    }
}

va_serve_t *va_serve_start(va_app_t *app, int fd)
{
    va_serve_t *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        close(fd);
        return NULL;
    }
    s->quiesced = -1;
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, app, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, app,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)VA_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)VA_IDLE_S, MHD_OPTION_END);
    if (s->daemon == NULL) {
        close(fd);
        free(s);
        return NULL;
    }
    return s;
}

void va_serve_quiesce(va_serve_t *s)
{
    s->quiesced = MHD_quiesce_daemon(s->daemon);
}

void va_serve_stop(va_serve_t *s)
{
    if (s != NULL) {
        MHD_stop_daemon(s->daemon);
        if (s->quiesced >= 0) {
            close(s->quiesced);
        }
        free(s);
    }
}
