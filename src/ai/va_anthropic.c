#include "va_anthropic.h"

#include "../wire/va_json.h"

/* What the user is made to say where nothing was said before the assistant. */
#define BEGINNING VA_STR("(The call begins.)")

static const char *const own[] = {"messages", "tools", "system", NULL};

static bool is_users(const va_ai_message_t *m)
{
    return m->role != VA_ROLE_ASSISTANT;
}

static bool is_empty(const va_ai_message_t *m)
{
    return m->text.len == 0 && m->role != VA_ROLE_TOOL && m->tool_name.len == 0;
}

static void begin_block(va_buf_t *b, const char *type)
{
    va_buf_puts(b, b->data[b->len - 1] == '}' ? ",{" : "{");
    va_ai_field(b, "type", va_str(type));
}

static void put_text(va_buf_t *b, va_str_t text)
{
    begin_block(b, "text");
    va_ai_field(b, "text", text);
    va_buf_puts(b, "}");
}

static void put_blocks(va_buf_t *b, const va_ai_message_t *m)
{
    if (m->role == VA_ROLE_TOOL) {
        begin_block(b, "tool_result");
        va_ai_field(b, "tool_use_id", m->tool_id);
        va_ai_field(b, "content", m->text);
        va_buf_puts(b, "}");
        return;
    }
    if (m->text.len != 0) {
        put_text(b, m->text);
    }
    if (m->tool_name.len != 0 && m->role == VA_ROLE_ASSISTANT) {
        begin_block(b, "tool_use");
        va_ai_field(b, "id", m->tool_id);
        va_ai_field(b, "name", m->tool_name);
        /* An object here, so what the model wrote wrongly is left out. */
        va_ai_field_json(b, "input",
                         va_ai_is_object(m->tool_args) ? m->tool_args
                                                       : VA_STR("{}"));
        va_buf_puts(b, "}");
    }
}

static void begin_message(va_buf_t *b, bool users)
{
    va_buf_puts(b, b->data[b->len - 1] == '}' ? ",{" : "{");
    va_ai_field(b, "role", users ? VA_STR("user") : VA_STR("assistant"));
    va_ai_field_json(b, "content", VA_STR("["));
}

static void put_messages(va_buf_t *b, const va_ai_input_t *in)
{
    bool users = true;
    size_t i;

    va_ai_field_json(b, "messages", VA_STR("["));
    begin_message(b, users);
    for (i = 0; i < in->message_count && is_empty(&in->messages[i]); i++) {
    }
    if (i == in->message_count || !is_users(&in->messages[i])) {
        put_text(b, BEGINNING);
    }
    for (; i < in->message_count && b->rc == VA_OK; i++) {
        const va_ai_message_t *m = &in->messages[i];

        if (is_empty(m)) {
            continue;
        }
        if (is_users(m) != users) {
            users = !users;
            va_buf_puts(b, "]}");
            begin_message(b, users);
        }
        put_blocks(b, m);
    }
    va_buf_puts(b, "]}]");
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
        va_ai_field(b, "name", t->name);
        if (t->description.len != 0) {
            va_ai_field(b, "description", t->description);
        }
        va_ai_field_json(b, "input_schema",
                         t->schema.len != 0 ? t->schema : va_ai_no_arguments);
        va_buf_puts(b, "}");
    }
    va_buf_puts(b, "]");
    return b->rc;
}

va_rc_t va_anthropic_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                             const va_ai_input_t *in)
{
    va_rc_t rc = va_ai_begin(req, conf, "/messages");
    va_buf_t *b = &req->body;

    if (rc == VA_OK && in->message_count == 0 && in->prompt.len == 0) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "x-api-key: ", conf->key);
    }
    if (rc == VA_OK) {
        rc = va_ai_add_header(
            req, "anthropic-version: ", VA_STR(VA_ANTHROPIC_VERSION));
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(req, "text/event-stream, application/json");
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_buf_puts(b, "{");
    va_ai_member(b, conf, "model", conf->model);
    va_ai_member_json(b, conf, "max_tokens", VA_STR("1024"));
    va_ai_member_json(b, conf, "stream", VA_STR("true"));
    va_ai_put_params(b, conf, own);
    if (in->prompt.len != 0) {
        va_ai_field(b, "system", in->prompt);
    }
    put_messages(b, in);
    rc = put_tools(b, in);
    va_buf_puts(b, "}");
    return rc;
}
