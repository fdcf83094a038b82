#include <string.h>
#include <time.h>

#include "../dialog/va_responder.h"
#include "../wire/va_json.h"
#include "va_endpoints.h"

#define MODEL "voiceai-responder"
#define MESSAGES_MAX 4096

/* What of a conversation the rules look at. */
typedef struct {
    va_str_t said;     /* by the caller, last; data NULL when never */
    va_str_t answered; /* by the assistant, last */
    bool tool_result;  /* the last message is the result of a tool */
    bool can_hang_up;  /* the tool "hang_up" was declared */
    bool stream;
    bool usage;
} talk_t;

typedef struct {
    va_buf_t *out;
    unsigned long id;
    long long created;
} writer_t;

/* Returns the text of a message, also when it is an array of parts. */
static va_str_t message_text(va_json_t *message)
{
    va_str_t text = va_json_str(message, "content");
    va_json_t *parts;

    if (text.data == NULL) {
        parts = va_json_at(message, "content");
        text = parts != NULL ? va_json_str(parts, "0.text") : text;
    }
    return text.data != NULL ? text : VA_STR("");
}

static bool read_messages(talk_t *t, va_json_t *messages)
{
    size_t i, n = va_json_len(messages);
    va_json_t *m;
    va_str_t role, none;

    if (n == 0 || n > MESSAGES_MAX) {
        return false;
    }
    for (i = 0; i < n; i++) {
        m = va_json_item(messages, i, &none);
        role = va_json_str(m, "role");
        if (role.data == NULL) {
            return false;
        }
        if (va_str_eq(role, VA_STR("user"))) {
            t->said = message_text(m);
        } else if (va_str_eq(role, VA_STR("assistant")) &&
                   message_text(m).len != 0) {
            t->answered = message_text(m);
        }
        t->tool_result = va_str_eq(role, VA_STR("tool"));
    }
    return true;
}

static void read_tools(talk_t *t, va_json_t *tools)
{
    size_t i, n = va_json_len(tools);
    va_str_t none;
    va_json_t *tool;

    for (i = 0; i < n && i < MESSAGES_MAX; i++) {
        tool = va_json_item(tools, i, &none);
        if (va_str_eq(va_json_str(tool, "function.name"), VA_STR("hang_up"))) {
            t->can_hang_up = true;
        }
    }
}

static void think(const talk_t *t, va_reply_t *reply)
{
    time_t now = time(NULL);
    struct tm local;

    memset(&local, 0, sizeof(local));
    localtime_r(&now, &local);
    if (t->tool_result) {
        reply->text[0] = '\0';
        reply->end = false;
    } else if (t->said.data == NULL) {
        va_responder_reply(reply, VA_STR("hello"), &local);
    } else if (va_responder_repeat(t->said) && t->answered.len != 0 &&
               t->answered.len < sizeof(reply->text)) {
        va_str_copy(reply->text, sizeof(reply->text), t->answered);
        reply->end = false;
    } else {
        va_responder_reply(reply, t->said, &local);
    }
}

static void head(const writer_t *w, const char *object)
{
    va_buf_printf(w->out,
                  "{\"id\":\"chatcmpl-%lu\",\"object\":\"%s\","
                  "\"created\":%lld,\"model\":\"" MODEL "\",\"choices\":",
                  w->id, object, w->created);
}

static void chunk(const writer_t *w, const char *delta, const char *reason)
{
    va_buf_puts(w->out, "data: ");
    head(w, "chat.completion.chunk");
    va_buf_printf(w->out,
                  "[{\"index\":0,\"delta\":%s,\"finish_reason\":", delta);
    if (reason != NULL) {
        va_buf_printf(w->out, "\"%s\"}]}\n\n", reason);
    } else {
        va_buf_puts(w->out, "null}]}\n\n");
    }
}

/* One chunk a word, as models do. */
static void words(const writer_t *w, const char *text)
{
    char delta[VA_RESPONDER_TEXT * 6 + 32];
    va_buf_t b;
    size_t n;

    for (; *text != '\0'; text += n) {
        n = strspn(text, " ");
        n += strcspn(text + n, " ");
        va_buf_init(&b, sizeof(delta) - 1);
        va_buf_puts(&b, "{\"content\":");
        va_json_quote(&b, (va_str_t){text, n});
        va_buf_puts(&b, "}");
        va_str_copy(delta, sizeof(delta), va_buf_view(&b));
        va_buf_free(&b);
        chunk(w, delta, NULL);
    }
}

static void write_stream(const writer_t *w, const talk_t *t,
                         const va_reply_t *reply)
{
    bool call = reply->end && t->can_hang_up;
    va_buf_t b;

    chunk(w, "{\"role\":\"assistant\",\"content\":\"\"}", NULL);
    words(w, reply->text);
    if (call) {
        va_buf_init(&b, 256);
        va_buf_printf(&b,
                      "{\"tool_calls\":[{\"index\":0,\"id\":\"call_%lu\","
                      "\"type\":\"function\",\"function\":{\"name\":"
                      "\"hang_up\",\"arguments\":\"{}\"}}]}",
                      w->id);
        chunk(w, b.data != NULL ? b.data : "{}", NULL);
        va_buf_free(&b);
    }
    chunk(w, "{}", call ? "tool_calls" : "stop");
    if (t->usage) {
        va_buf_puts(w->out, "data: ");
        head(w, "chat.completion.chunk");
        va_buf_puts(w->out, "[],\"usage\":{\"prompt_tokens\":0,"
                            "\"completion_tokens\":0,\"total_tokens\":0}}\n\n");
    }
    va_buf_puts(w->out, "data: [DONE]\n\n");
}

static void write_whole(const writer_t *w, const talk_t *t,
                        const va_reply_t *reply)
{
    bool call = reply->end && t->can_hang_up;

    head(w, "chat.completion");
    va_buf_puts(w->out, "[{\"index\":0,\"message\":{\"role\":\"assistant\","
                        "\"content\":");
    va_json_quote(w->out, va_str(reply->text));
    if (call) {
        va_buf_printf(w->out,
                      ",\"tool_calls\":[{\"id\":\"call_%lu\",\"type\":"
                      "\"function\",\"function\":{\"name\":\"hang_up\","
                      "\"arguments\":\"{}\"}}]",
                      w->id);
    }
    va_buf_printf(w->out,
                  "},\"finish_reason\":\"%s\"}],\"usage\":{\"prompt_tokens\":0,"
                  "\"completion_tokens\":0,\"total_tokens\":0}}\n",
                  call ? "tool_calls" : "stop");
}

static void answer(va_request_t *r, const talk_t *t)
{
    va_reply_t reply;
    writer_t w = {&r->answer, atomic_fetch_add(&r->app->ids, 1) + 1,
                  (long long)time(NULL)};

    think(t, &reply);
    if (t->stream) {
        write_stream(&w, t, &reply);
        va_request_answer(r, 200, "text/event-stream");
    } else {
        write_whole(&w, t, &reply);
        va_request_answer(r, 200, "application/json");
    }
}

void va_chat(va_request_t *r)
{
    char why[160] = "";
    va_json_t *json = va_json_parse(va_buf_view(&r->body), why, sizeof(why));
    talk_t t;

    if (json == NULL) {
        va_request_error(r, 400, "invalid_json", NULL,
                         "the body is not JSON: %s", why);
        return;
    }
    memset(&t, 0, sizeof(t));
    if (!read_messages(&t, va_json_at(json, "messages"))) {
        va_request_error(r, 400, NULL, "messages",
                         "\"messages\" must be an array of 1 to %d messages "
                         "with roles",
                         MESSAGES_MAX);
    } else {
        read_tools(&t, va_json_at(json, "tools"));
        t.stream = va_json_bool(json, "stream", false);
        t.usage = va_json_bool(json, "stream_options.include_usage", false);
        answer(r, &t);
    }
    va_json_free(json);
}
