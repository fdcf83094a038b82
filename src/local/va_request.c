#include "va_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../wire/va_json.h"

#define STREAM_BLOCK 16384

va_request_t *va_request_new(va_app_t *app, struct MHD_Connection *conn)
{
    va_request_t *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->app = app;
    r->conn = conn;
    r->refs = 1;
    va_buf_init(&r->body, app->max_body);
    va_buf_init(&r->file, app->max_body);
    va_buf_init(&r->model, VA_FIELD_MAX);
    va_buf_init(&r->prompt, VA_FIELD_MAX);
    va_buf_init(&r->language, VA_FIELD_MAX);
    va_buf_init(&r->format, VA_FIELD_MAX);
    va_buf_init(&r->text, app->max_body);
    va_buf_init(&r->answer, VA_ANSWER_MAX);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->room, NULL);
    return r;
}

void va_request_unref(va_request_t *r)
{
    unsigned left;

    pthread_mutex_lock(&r->lock);
    left = --r->refs;
    pthread_mutex_unlock(&r->lock);
    if (left != 0) {
        return;
    }
    va_buf_free(&r->body);
    va_buf_free(&r->file);
    va_buf_free(&r->model);
    va_buf_free(&r->prompt);
    va_buf_free(&r->language);
    va_buf_free(&r->format);
    va_buf_free(&r->text);
    va_buf_free(&r->answer);
    pthread_cond_destroy(&r->room);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void va_request_gone(va_request_t *r)
{
    pthread_mutex_lock(&r->lock);
    r->gone = true;
    pthread_cond_broadcast(&r->room);
    pthread_mutex_unlock(&r->lock);
    if (r->form != NULL) {
        MHD_destroy_post_processor(r->form);
        r->form = NULL;
    }
    va_request_unref(r);
}

void va_request_answer(va_request_t *r, unsigned status, const char *type)
{
    r->status = status;
    r->type = type;
    if (r->state == VA_REQ_OPEN) {
        r->state = VA_REQ_READY;
    }
}

static void quote_or_null(va_buf_t *b, const char *s)
{
    if (s != NULL) {
        va_json_quote(b, va_str(s));
    } else {
        va_buf_puts(b, "null");
    }
}

void va_request_error(va_request_t *r, unsigned status, const char *code,
                      const char *param, const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    va_buf_reset(&r->answer);
    va_buf_puts(&r->answer, "{\"error\":{\"message\":");
    va_json_quote(&r->answer, va_str(message));
    va_buf_printf(&r->answer, ",\"type\":\"%s\",\"param\":",
                  status < 500 ? "invalid_request_error" : "server_error");
    quote_or_null(&r->answer, param);
    va_buf_puts(&r->answer, ",\"code\":");
    quote_or_null(&r->answer, code);
    va_buf_puts(&r->answer, "}}\n");
    va_request_answer(r, status, "application/json");
}

static void let_go(void *ctx)
{
    va_request_unref(ctx);
}

/* Gives the connection what is there; with nothing there, it sleeps. */
static ssize_t read_stream(void *ctx, uint64_t pos, char *buf, size_t max)
{
    va_request_t *r = ctx;
    ssize_t n = 0;
    size_t left;

    (void)pos;
    pthread_mutex_lock(&r->lock);
    left = r->answer.len - r->sent;
    if (left != 0) {
        n = (ssize_t)(left < max ? left : max);
        memcpy(buf, r->answer.data + r->sent, (size_t)n);
        r->sent += (size_t)n;
        if (r->sent == r->answer.len) {
            va_buf_reset(&r->answer);
            r->sent = 0;
        }
        pthread_cond_broadcast(&r->room);
    } else if (r->ended) {
        n = r->failed ? MHD_CONTENT_READER_END_WITH_ERROR
                      : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        r->asleep = true;
        MHD_suspend_connection(r->conn);
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}

static struct MHD_Response *make_response(va_request_t *r)
{
    struct MHD_Response *response;

    if (r->state == VA_REQ_STREAM) {
        pthread_mutex_lock(&r->lock);
        r->refs++;
        pthread_mutex_unlock(&r->lock);
        response = MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, r, let_go);
        if (response == NULL) {
            va_request_unref(r);
        }
        return response;
    }
    return MHD_create_response_from_buffer(r->answer.len, r->answer.data,
                                           MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result va_request_send(va_request_t *r)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result ok;
    char seconds[16];

    if (r->answer.rc == VA_OK || r->state == VA_REQ_STREAM) {
        response = make_response(r);
    }
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", r->type);
    MHD_add_response_header(response, "Server", "voiceai-local/" VA_VERSION);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (r->retry_after != 0) {
        snprintf(seconds, sizeof(seconds), "%u", r->retry_after);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (r->allow != NULL) {
        MHD_add_response_header(response, "Allow", r->allow);
    }
    ok = MHD_queue_response(r->conn, r->status, response);
    MHD_destroy_response(response);
    return ok;
}

static void busy(va_request_t *r)
{
    r->retry_after = 1;
    va_request_error(r, 503, "overloaded", NULL,
                     "all engines are busy and the queue is full");
}

/* Gives the request to a worker in that state.  Locked. */
static bool hand_over(va_request_t *r, va_work_t *work,
                      va_request_state_t state)
{
    r->state = state;
    r->refs++;
    if (va_work_add(work, r) == VA_OK) {
        return true;
    }
    r->refs--;
    r->state = VA_REQ_OPEN;
    return false;
}

void va_request_defer(va_request_t *r, va_work_t *work)
{
    bool taken;

    /* The worker may be done at once; it waits for the lock to tell. */
    pthread_mutex_lock(&r->lock);
    taken = hand_over(r, work, VA_REQ_WAITING);
    if (taken) {
        r->asleep = true;
        r->deferred = true;
        MHD_suspend_connection(r->conn);
    }
    pthread_mutex_unlock(&r->lock);
    if (!taken) {
        busy(r);
    }
}

/* Locked. */
static void wake(va_request_t *r)
{
    if (r->asleep) {
        r->asleep = false;
        MHD_resume_connection(r->conn);
    }
}

void va_request_done(va_request_t *r)
{
    pthread_mutex_lock(&r->lock);
    r->state = VA_REQ_READY;
    wake(r);
    pthread_mutex_unlock(&r->lock);
    va_request_unref(r);
}

void va_request_stream(va_request_t *r, va_work_t *work, const char *type)
{
    bool taken;

    pthread_mutex_lock(&r->lock);
    r->status = 200;
    r->type = type;
    r->answer.max = VA_STREAM_MAX;
    taken = hand_over(r, work, VA_REQ_STREAM);
    pthread_mutex_unlock(&r->lock);
    if (!taken) {
        busy(r);
    }
}

/* Waits until n more bytes fit.  Locked. */
static bool wait_for_room(va_request_t *r, size_t n)
{
    struct timespec until;
    unsigned waited = 0;

    while (r->answer.len - r->sent > VA_STREAM_MAX - n) {
        if (r->gone || atomic_load(&r->app->stopping) ||
            waited++ == VA_STREAM_WAIT_S) {
            return false;
        }
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&r->room, &r->lock, &until);
    }
    return !r->gone && !atomic_load(&r->app->stopping);
}

bool va_request_write(va_request_t *r, const void *data, size_t n)
{
    bool ok;

    pthread_mutex_lock(&r->lock);
    ok = n <= VA_STREAM_MAX && wait_for_room(r, n);
    if (ok && n > VA_STREAM_MAX - r->answer.len) {
        va_buf_consume(&r->answer, r->sent);
        r->sent = 0;
    }
    ok = ok && va_buf_append(&r->answer, data, n) == VA_OK;
    if (ok) {
        wake(r);
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}

void va_request_end(va_request_t *r, bool ok)
{
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    r->failed = !ok;
    wake(r);
    pthread_mutex_unlock(&r->lock);
    va_request_unref(r);
}
