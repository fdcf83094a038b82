#include "../wire/va_json.h"
#include "va_openai.h"

/* What the model is told about the one tool it has. */
static const char tools[] =
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"hang_up\","
    "\"description\":\"Ends the phone call once your reply has been spoken. "
    "Use it when the caller says goodbye or has no more requests, and say "
    "goodbye in the same reply.\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]";

static void put_message(va_buf_t *b, const char *role, va_str_t text)
{
    if (text.len == 0) {
        return;
    }
    if (b->len != 0 && b->data[b->len - 1] == '}') {
        va_buf_puts(b, ",");
    }
    va_buf_puts(b, "{");
    va_openai_field(b, "role", va_str(role));
    va_openai_field(b, "content", text);
    va_buf_puts(b, "}");
}

static void put_messages(va_buf_t *b, const va_ai_input_t *in)
{
    size_t i;

    va_buf_puts(b, ",\"messages\":[");
    put_message(b, "system", in->prompt);
    for (i = 0; i < in->message_count; i++) {
        const va_ai_message_t *m = &in->messages[i];

        put_message(b, m->role == VA_ROLE_USER ? "user" : "assistant", m->text);
    }
    va_buf_puts(b, "]");
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
        rc =
            va_ai_add_header(req, "Content-Type: ", VA_STR("application/json"));
    }
    if (rc == VA_OK) {
        rc = va_ai_add_header(
            req, "Accept: ", VA_STR("text/event-stream, application/json"));
    }
    va_buf_puts(b, "{");
    if (conf->model.len != 0) {
        va_openai_field(b, "model", conf->model);
    }
    if (in->call_sid.len != 0) {
        va_openai_field(b, "user", in->call_sid);
    }
    va_buf_puts(b, b->len > 1 ? ",\"stream\":true" : "\"stream\":true");
    put_messages(b, in);
    va_buf_printf(b, ",%s}", tools);
    return rc;
}
