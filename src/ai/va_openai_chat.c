#include "../wire/va_json.h"
#include "va_openai.h"

/* What the request is made of; a parameter of such a name is not sent. */
static const char *const own[] = {"messages", "tools", NULL};

static void put_call(va_buf_t *b, const va_ai_message_t *m)
{
    va_buf_puts(b, "{");
    va_ai_field(b, "id", m->tool_id);
    va_ai_field_json(b, "type", VA_STR("\"function\""));
    va_ai_field_json(b, "function", VA_STR("{"));
    va_ai_field(b, "name", m->tool_name);
    va_ai_field(b, "arguments",
                m->tool_args.len != 0 ? m->tool_args : VA_STR("{}"));
    va_buf_puts(b, "}}");
}

/*
 * Writes what the assistant said and the calls it made after it as one message.
 * Returns how many messages it took.
 */
static size_t put_assistant(va_buf_t *b, const va_ai_message_t *m, size_t n)
{
    size_t used = m->tool_name.len == 0 ? 1 : 0;
    bool calls = false;

    if (m->text.len != 0) {
        va_ai_field(b, "content", m->text);
    } else {
        va_ai_field_json(b, "content", VA_STR("null"));
    }
    while (used < n && m[used].role == VA_ROLE_ASSISTANT &&
           m[used].tool_name.len != 0 && (used == 0 || m[used].text.len == 0)) {
        if (!calls) {
            va_ai_field_json(b, "tool_calls", VA_STR("["));
        } else {
            va_buf_puts(b, ",");
        }
        calls = true;
        put_call(b, &m[used++]);
    }
    if (calls) {
        va_buf_puts(b, "]");
    }
    return used;
}

static size_t put_message(va_buf_t *b, const va_ai_message_t *m, size_t n)
{
    size_t used = 1;

    va_buf_puts(b, b->data[b->len - 1] == '}' ? ",{" : "{");
    switch (m->role) {
    case VA_ROLE_ASSISTANT:
        va_ai_field(b, "role", VA_STR("assistant"));
        used = put_assistant(b, m, n);
        break;
    case VA_ROLE_TOOL:
        va_ai_field(b, "role", VA_STR("tool"));
        va_ai_field(b, "tool_call_id", m->tool_id);
        va_ai_field(b, "content", m->text);
        break;
    default: /* VA_ROLE_USER */
        va_ai_field(b, "role", VA_STR("user"));
        va_ai_field(b, "content", m->text);
        break;
    }
    va_buf_puts(b, "}");
    return used;
}

static void put_messages(va_buf_t *b, const va_ai_input_t *in)
{
    size_t i = 0;

    va_ai_field_json(b, "messages", VA_STR("["));
    if (in->prompt.len != 0) {
        va_buf_puts(b, "{");
        va_ai_field(b, "role", VA_STR("system"));
        va_ai_field(b, "content", in->prompt);
        va_buf_puts(b, "}");
    }
    while (i < in->message_count && b->rc == VA_OK) {
        const va_ai_message_t *m = &in->messages[i];

        if (m->text.len == 0 && m->tool_name.len == 0 &&
            m->role != VA_ROLE_TOOL) {
            i++;
        } else {
            i += put_message(b, m, in->message_count - i);
        }
    }
    va_buf_puts(b, "]");
}

static va_rc_t put_tools(va_buf_t *b, const va_ai_input_t *in)
{
    size_t i;

    if (in->tool_count == 0) {
        return VA_OK;
    }
    va_ai_field_json(b, "tools", VA_STR("["));
    for (i = 0; i < in->tool_count; i++) {
        const va_ai_tool_t *t = &in->tools[i];

        if (t->name.len == 0 ||
            (t->schema.len != 0 && !va_ai_is_object(t->schema))) {
            return VA_INVALID;
        }
        va_buf_puts(b, i != 0 ? ",{" : "{");
        va_ai_field(b, "type", VA_STR("function"));
        va_ai_field_json(b, "function", VA_STR("{"));
        va_ai_field(b, "name", t->name);
        if (t->description.len != 0) {
            va_ai_field(b, "description", t->description);
        }
        va_ai_field_json(b, "parameters",
                         t->schema.len != 0 ? t->schema : va_ai_no_arguments);
        va_buf_puts(b, "}}");
    }
    va_buf_puts(b, "]");
    return b->rc;
}

va_rc_t va_openai_chat_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                               const va_ai_input_t *in)
{
    va_rc_t rc = va_openai_begin(req, conf, "/chat/completions");
    va_buf_t *b = &req->body;

    if (rc == VA_OK && in->message_count == 0 && in->prompt.len == 0) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(req, "text/event-stream, application/json");
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_buf_puts(b, "{");
    va_ai_member(b, conf, "model", conf->model);
    va_ai_member(b, conf, "user", in->call_sid);
    va_ai_member_json(b, conf, "stream", VA_STR("true"));
    va_ai_put_params(b, conf, own);
    put_messages(b, in);
    rc = put_tools(b, in);
    va_buf_puts(b, "}");
    return rc;
}
