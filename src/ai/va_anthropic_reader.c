#include "../wire/va_json.h"
#include "va_ai_reply.h"
#include "va_anthropic.h"

#define INPUT_MAX VA_AI_CALL_MAX

/* The arguments of a call that is whole are a tree, not a text. */
static va_rc_t read_input(va_ai_reply_t *a, va_json_t *block, double index)
{
    va_json_t *input = va_json_at(block, "input");
    va_buf_t args;
    va_rc_t rc;

    va_buf_init(&args, INPUT_MAX);
    if (va_json_len(input) != 0) {
        va_json_write(&args, input);
    }
    rc = args.rc != VA_OK
             ? va_ai_reader_fail(a->r, args.rc, "too many or too long calls")
             : va_ai_reply_call(a, index, va_json_str(block, "id"),
                                va_json_str(block, "name"), va_buf_view(&args));
    va_buf_free(&args);
    return rc;
}

/* A block that begins, or is whole. */
static va_rc_t take_block(va_ai_reply_t *a, va_json_t *block, double index)
{
    va_str_t type = va_json_str(block, "type");

    if (va_str_eq(type, VA_STR("tool_use"))) {
        return read_input(a, block, index);
    }
    if (va_str_eq(type, VA_STR("text"))) {
        va_ai_reply_say(a, va_json_str(block, "text"));
    }
    return VA_OK;
}

static va_rc_t take_delta(va_ai_reply_t *a, va_json_t *v)
{
    va_str_t type = va_json_str(v, "delta.type");

    if (va_str_eq(type, VA_STR("text_delta"))) {
        va_ai_reply_say(a, va_json_str(v, "delta.text"));
    }
    if (va_str_eq(type, VA_STR("input_json_delta"))) {
        return va_ai_reply_call(a, va_json_num(v, "index", -1), VA_STR(""),
                                VA_STR(""),
                                va_json_str(v, "delta.partial_json"));
    }
    return VA_OK;
}

static void take_reason(va_ai_reply_t *a, va_str_t reason)
{
    if (reason.len != 0) {
        a->over = true;
        a->stopped = va_str_eq(reason, VA_STR("refusal"))
                         ? "the model refused to reply"
                         : NULL;
    }
}

static va_rc_t take_whole(va_ai_reply_t *a, va_json_t *v)
{
    va_json_t *content = va_json_at(v, "content");
    va_rc_t rc = VA_OK;
    va_str_t name;
    size_t i;

    for (i = 0; i < va_json_len(content) && rc == VA_OK; i++) {
        rc = take_block(a, va_json_item(content, i, &name), (double)i);
    }
    take_reason(a, va_json_str(v, "stop_reason"));
    return rc;
}

static va_rc_t take(va_ai_reply_t *a, va_json_t *v, bool whole)
{
    va_str_t type = va_json_str(v, "type");

    if (whole) {
        return take_whole(a, v);
    }
    if (va_str_eq(type, VA_STR("content_block_start"))) {
        return take_block(a, va_json_at(v, "content_block"),
                          va_json_num(v, "index", -1));
    }
    if (va_str_eq(type, VA_STR("content_block_delta"))) {
        return take_delta(a, v);
    }
    if (va_str_eq(type, VA_STR("message_delta"))) {
        take_reason(a, va_json_str(v, "delta.stop_reason"));
    }
    a->done = a->done || va_str_eq(type, VA_STR("message_stop"));
    return VA_OK;
}

static void *create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                    const va_ai_input_t *in)
{
    (void)conf;
    (void)in;
    return va_ai_reply_new(r, take);
}

const va_ai_reader_ops_t va_anthropic_reader = {
    .body_max = VA_AI_REPLY_MAX,
    .create = create,
    .destroy = va_ai_reply_free,
    .head = va_ai_reply_head,
    .feed = va_ai_reply_feed,
    .finish = va_ai_reply_finish,
};
