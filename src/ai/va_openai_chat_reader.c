#include "../wire/va_json.h"
#include "va_ai_reply.h"
#include "va_openai.h"

/* Content is a string, or (rarely) a list of parts of which some are text. */
static void read_content(va_ai_reply_t *a, va_json_t *message)
{
    va_json_t *content = va_json_at(message, "content");
    va_str_t name;
    size_t i;

    va_ai_reply_say(a, va_json_str(message, "content"));
    va_ai_reply_say(a, va_json_str(message, "refusal"));
    for (i = 0; i < va_json_len(content); i++) {
        va_json_t *part = va_json_item(content, i, &name);

        if (va_str_eq(va_json_str(part, "type"), VA_STR("text"))) {
            va_ai_reply_say(a, va_json_str(part, "text"));
        }
    }
}

/* Some servers number the calls only when there are several of them. */
static va_rc_t read_calls(va_ai_reply_t *a, va_json_t *message)
{
    va_json_t *calls = va_json_at(message, "tool_calls");
    va_json_t *old = va_json_at(message, "function_call");
    va_rc_t rc = VA_OK;
    va_str_t name;
    size_t i;

    for (i = 0; i < va_json_len(calls) && rc == VA_OK; i++) {
        va_json_t *call = va_json_item(calls, i, &name);

        rc = va_ai_reply_call(a, va_json_num(call, "index", -1),
                              va_json_str(call, "id"),
                              va_json_str(call, "function.name"),
                              va_json_str(call, "function.arguments"));
    }
    if (va_json_len(old) != 0 && rc == VA_OK) {
        rc = va_ai_reply_call(a, 0, VA_STR(""), va_json_str(old, "name"),
                              va_json_str(old, "arguments"));
    }
    return rc;
}

static va_rc_t take(va_ai_reply_t *a, va_json_t *v, bool whole)
{
    va_json_t *choice = va_json_at(v, "choices.0");
    va_json_t *message = va_json_at(choice, whole ? "message" : "delta");
    va_str_t reason = va_json_str(choice, "finish_reason");
    va_rc_t rc = VA_OK;

    if (message != NULL) {
        read_content(a, message);
        rc = read_calls(a, message);
    }
    if (reason.len != 0) {
        a->over = true;
        a->stopped = va_str_eq(reason, VA_STR("content_filter"))
                         ? "the reply was stopped by a content filter"
                         : NULL;
    }
    return rc;
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    (void)conf;
    (void)in;
    return va_ai_reply_new(r, take);
}

const va_ai_reader_ops_t va_openai_chat_reader = {
    .body_max = VA_AI_REPLY_MAX,
    .create = create,
    .destroy = va_ai_reply_free,
    .head = va_ai_reply_head,
    .feed = va_ai_reply_feed,
    .finish = va_ai_reply_finish,
};
