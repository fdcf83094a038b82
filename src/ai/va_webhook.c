#include "va_webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "../wire/va_json.h"
#include "va_ai_reply.h"

#define SHA256 32

static const char *const own[] = {"call_sid", "language", "prompt", "text",
                                  "messages", "tools",    "auth",   NULL};

va_rc_t va_webhook_sign(va_ai_request_t *req, const va_ai_conf_t *conf,
                        va_str_t what)
{
    unsigned char mac[SHA256];
    char hex[2 * SHA256 + 1];
    unsigned len = 0;
    size_t i;

    if (conf->key.len == 0) {
        return VA_OK;
    }
    if (va_str_eq(va_ai_param(conf, "auth"), VA_STR("bearer"))) {
        return va_ai_add_header(req, "Authorization: Bearer ", conf->key);
    }
    if (conf->key.len > INT32_MAX ||
        HMAC(EVP_sha256(), conf->key.data, (int)conf->key.len,
             (const unsigned char *)what.data, what.len, mac, &len) == NULL ||
        len != SHA256) {
        return VA_FAILED;
    }
    for (i = 0; i < SHA256; i++) {
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    }
    return va_ai_add_header(req, "X-VoiceAI-Signature: sha256=", va_str(hex));
}

static void put_message(va_buf_t *b, const va_ai_message_t *m)
{
    static const char *const roles[] = {"user", "assistant", "tool"};

    va_buf_puts(b, b->data[b->len - 1] == '}' ? ",{" : "{");
    va_ai_field(b, "role", va_str(roles[m->role]));
    va_ai_field(b, "content", m->text);
    if (m->tool_id.len != 0) {
        va_ai_field(b, "tool_id", m->tool_id);
    }
    if (m->tool_name.len != 0) {
        va_ai_field(b, "tool_name", m->tool_name);
    }
    if (m->tool_args.len != 0) {
        va_ai_field(b, "arguments", m->tool_args);
    }
    va_buf_puts(b, "}");
}

static void put_tools(va_buf_t *b, const va_ai_input_t *in)
{
    size_t i;

    va_ai_field_json(b, "tools", VA_STR("["));
    for (i = 0; i < in->tool_count; i++) {
        va_buf_puts(b, i != 0 ? ",{" : "{");
        va_ai_field(b, "name", in->tools[i].name);
        va_ai_field(b, "description", in->tools[i].description);
        va_buf_puts(b, "}");
    }
    va_buf_puts(b, "]");
}

static va_str_t last_of_caller(const va_ai_input_t *in)
{
    size_t i = in->message_count;

    while (i-- != 0) {
        if (in->messages[i].role == VA_ROLE_USER) {
            return in->messages[i].text;
        }
    }
    return VA_STR("");
}

va_rc_t va_webhook_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                           const va_ai_input_t *in)
{
    va_buf_t *b = &req->body;
    va_rc_t rc = va_ai_use_url(req, conf);
    size_t i;

    if (rc == VA_OK && in->message_count == 0 && in->prompt.len == 0) {
        rc = VA_INVALID;
    }
    if (rc == VA_OK) {
        rc = va_ai_json_headers(
            req, "text/event-stream, text/plain, application/json");
    }
    if (rc != VA_OK) {
        return rc;
    }
    va_buf_puts(b, "{");
    va_ai_field(b, "call_sid", in->call_sid);
    va_ai_field(b, "language", va_ai_pick(in->language, conf->language));
    va_ai_field(b, "prompt", in->prompt);
    va_ai_field(b, "text", last_of_caller(in));
    va_ai_member(b, conf, "model", conf->model);
    va_ai_put_params(b, conf, own);
    va_ai_field_json(b, "messages", VA_STR("["));
    for (i = 0; i < in->message_count && b->rc == VA_OK; i++) {
        put_message(b, &in->messages[i]);
    }
    va_buf_puts(b, "]");
    put_tools(b, in);
    va_buf_puts(b, "}");
    return b->rc == VA_OK ? va_webhook_sign(req, conf, va_buf_view(b)) : b->rc;
}

static va_rc_t read_call(va_ai_reply_t *a, va_json_t *call, double index)
{
    va_json_t *tree = va_json_at(call, "arguments");
    va_buf_t args;
    va_rc_t rc;

    va_buf_init(&args, VA_AI_CALL_MAX);
    if (va_json_len(tree) != 0) {
        va_json_write(&args, tree);
    } else {
        va_buf_str(&args, va_json_str(call, "arguments"));
    }
    rc = args.rc != VA_OK
             ? va_ai_reader_fail(a->r, args.rc, "too many or too long calls")
             : va_ai_reply_call(a, index, va_json_str(call, "id"),
                                va_json_str(call, "name"), va_buf_view(&args));
    va_buf_free(&args);
    return rc;
}

/* {"text":"...","hang_up":true,"tools":[{"name","arguments"}]}, all optional */
static va_rc_t take(va_ai_reply_t *a, va_json_t *v, bool whole)
{
    va_json_t *tools = va_json_at(v, "tools");
    va_rc_t rc = VA_OK;
    va_str_t name;
    size_t i;

    (void)whole;
    va_ai_reply_say(a, va_json_str(v, "text"));
    for (i = 0; i < va_json_len(tools) && rc == VA_OK; i++) {
        rc =
            read_call(a, va_json_item(tools, i, &name), (double)a->calls.count);
    }
    if (rc == VA_OK && va_json_bool(v, "hang_up", false)) {
        rc = va_ai_reply_call(a, (double)a->calls.count, VA_STR(""),
                              VA_STR("hang_up"), VA_STR(""));
    }
    a->done = a->done || va_json_bool(v, "done", false);
    return rc;
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    va_ai_reply_t *a = va_ai_reply_new(r, take);

    (void)conf;
    (void)in;
    if (a != NULL) {
        a->plain = true;
        a->words = true;
        /* The transport knows whether the body came whole. */
        a->over = true;
        a->silent = true;
    }
    return a;
}

const va_ai_reader_ops_t va_webhook_reader = {
    .body_max = VA_AI_REPLY_MAX,
    .create = create,
    .destroy = va_ai_reply_free,
    .head = va_ai_reply_head,
    .feed = va_ai_reply_feed,
    .finish = va_ai_reply_finish,
};
