
/*
 * Variables of a call, for maps, for the texts that are spoken, and for the
 * access log.  They are copied from the request's context, which outlasts the
 * call itself.
 */


#include "ngx_http_voiceai_module.h"


static ngx_int_t ngx_http_voiceai_variable_field(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_voiceai_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_voiceai_variable_span(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_voiceai_variable_reason(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_voiceai_variable_param(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


enum {
    NGX_HTTP_VOICEAI_VAR_TURNS = 0,
    NGX_HTTP_VOICEAI_VAR_INTERRUPTIONS,
    NGX_HTTP_VOICEAI_VAR_FAILURES,
    NGX_HTTP_VOICEAI_VAR_DURATION,
    NGX_HTTP_VOICEAI_VAR_LATENCY,
    NGX_HTTP_VOICEAI_VAR_BYTES_IN,
    NGX_HTTP_VOICEAI_VAR_BYTES_OUT
};

/* of a span: which one, and whether the longest instead of the average */
#define NGX_HTTP_VOICEAI_VAR_MAX  0x10


#define ngx_http_voiceai_var(name, getter, data)                              \
    { ngx_string("voiceai_" name), NULL, getter, (uintptr_t) (data),          \
      NGX_HTTP_VAR_NOCACHEABLE, 0 }

#define ngx_http_voiceai_var_field(name, field)                               \
    ngx_http_voiceai_var(name, ngx_http_voiceai_variable_field,               \
                     offsetof(ngx_http_voiceai_record_t, field##_len))

#define ngx_http_voiceai_var_number(name, id)                                 \
    ngx_http_voiceai_var(name, ngx_http_voiceai_variable_number,              \
                         NGX_HTTP_VOICEAI_VAR_##id)


#define ngx_http_voiceai_var_span(name, id)                                   \
    ngx_http_voiceai_var(name "_time", ngx_http_voiceai_variable_span,        \
                         NGX_HTTP_VOICEAI_SPAN_##id),                         \
    ngx_http_voiceai_var(name "_time_max", ngx_http_voiceai_variable_span,    \
                         NGX_HTTP_VOICEAI_SPAN_##id                           \
                         |NGX_HTTP_VOICEAI_VAR_MAX)


static ngx_http_variable_t  ngx_http_voiceai_vars[] = {

    ngx_http_voiceai_var_field("call_sid", sid),
    ngx_http_voiceai_var_field("account_sid", account_sid),
    ngx_http_voiceai_var_field("stream_sid", stream_sid),
    ngx_http_voiceai_var_field("from", from),
    ngx_http_voiceai_var_field("to", to),
    ngx_http_voiceai_var_field("direction", direction),

    ngx_http_voiceai_var_number("turns", TURNS),
    ngx_http_voiceai_var_number("interruptions", INTERRUPTIONS),
    ngx_http_voiceai_var_number("failures", FAILURES),
    ngx_http_voiceai_var_number("duration", DURATION),
    ngx_http_voiceai_var_number("latency", LATENCY),
    ngx_http_voiceai_var_span("response", RESPONSE),
    ngx_http_voiceai_var_span("silence", SILENCE),
    ngx_http_voiceai_var_span("stt", STT),
    ngx_http_voiceai_var_span("llm", LLM),
    ngx_http_voiceai_var_span("tts", TTS),
    ngx_http_voiceai_var_number("bytes_received", BYTES_IN),
    ngx_http_voiceai_var_number("bytes_sent", BYTES_OUT),

    ngx_http_voiceai_var("reason", ngx_http_voiceai_variable_reason, 0),

    { ngx_string("voiceai_param_"), NULL, ngx_http_voiceai_variable_param,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_voiceai_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_voiceai_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* `any`: a stream that was refused has it as well, though it has no call */

static ngx_http_voiceai_ctx_t *
ngx_http_voiceai_variable_ctx(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_uint_t any)
{
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_voiceai_module);

    if (ctx == NULL || !(ctx->known || (any && ctx->reason[0] != '\0'))) {
        v->not_found = 1;
        return NULL;
    }

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return ctx;
}


/* data is the offset of the length, which the bytes follow */

static ngx_int_t
ngx_http_voiceai_variable_field(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_voiceai_variable_ctx(r, v, 0);
    if (ctx == NULL) {
        return NGX_OK;
    }

    p = (u_char *) &ctx->record + data;

    v->len = *(u_short *) p;
    v->data = p + sizeof(u_short);

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    ngx_msec_t               ms;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_voiceai_variable_ctx(r, v, 1);
    if (ctx == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    switch (data) {

    case NGX_HTTP_VOICEAI_VAR_TURNS:
        p = ngx_sprintf(p, "%ud", ctx->stat.user_turns);
        break;

    case NGX_HTTP_VOICEAI_VAR_INTERRUPTIONS:
        p = ngx_sprintf(p, "%ud", ctx->stat.interruptions);
        break;

    case NGX_HTTP_VOICEAI_VAR_FAILURES:
        p = ngx_sprintf(p, "%ud", ctx->stat.failures);
        break;

    case NGX_HTTP_VOICEAI_VAR_DURATION:
        ms = (ctx->start == 0) ? 0
             : (ctx->ended ? ctx->end : ngx_current_msec) - ctx->start;
        p = ngx_sprintf(p, "%M.%03M", ms / 1000, ms % 1000);
        break;

    case NGX_HTTP_VOICEAI_VAR_LATENCY:
        p = ngx_sprintf(p, "%ui", ctx->latency);
        break;

    case NGX_HTTP_VOICEAI_VAR_BYTES_IN:
        p = ngx_sprintf(p, "%uL", ctx->bytes_in);
        break;

    default: /* NGX_HTTP_VOICEAI_VAR_BYTES_OUT */
        p = ngx_sprintf(p, "%uL", ctx->bytes_out);
        break;
    }

    v->len = p - v->data;

    return NGX_OK;
}


/* a stream without an answer has no times */

static ngx_int_t
ngx_http_voiceai_variable_span(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_msec_t                ms;
    ngx_http_voiceai_ctx_t   *ctx;
    ngx_http_voiceai_spent_t  *span;

    ctx = ngx_http_voiceai_variable_ctx(r, v, 1);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->answers == 0) {
        v->valid = 0;
        v->not_found = 1;
        return NGX_OK;
    }

    span = &ctx->spans[data & ~NGX_HTTP_VOICEAI_VAR_MAX];
    ms = (data & NGX_HTTP_VOICEAI_VAR_MAX) ? span->max
                                           : span->sum / ctx->answers;

    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%M", ms) - v->data;

    return NGX_OK;
}


/* Stages that were skipped or overlapped took no time. */

void
ngx_http_voiceai_answered(ngx_http_voiceai_ctx_t *ctx,
    const va_turn_times_t *times)
{
    ngx_uint_t  i;
    uint64_t    spans[NGX_HTTP_VOICEAI_SPANS][2] = {
        { times->speech_end, times->first_sent },
        { times->speech_end, times->turn_end },
        { times->turn_end, times->transcript },
        { times->transcript, times->first_speak },
        { times->first_speak, times->first_audio }
    };
    ngx_msec_t  ms;

    ctx->answers++;

    for (i = 0; i < NGX_HTTP_VOICEAI_SPANS; i++) {

        if (spans[i][0] == 0 || spans[i][1] < spans[i][0]) {
            continue;
        }

        ms = spans[i][1] - spans[i][0];

        ctx->spans[i].sum += ms;
        ctx->spans[i].max = ngx_max(ctx->spans[i].max, ms);
    }
}


static ngx_int_t
ngx_http_voiceai_variable_reason(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_voiceai_variable_ctx(r, v, 1);
    if (ctx == NULL) {
        return NGX_OK;
    }

    v->data = (u_char *) ctx->reason;
    v->len = ngx_strlen(ctx->reason);

    return NGX_OK;
}


/* $voiceai_param_NAME: a parameter of the stream */

static ngx_int_t
ngx_http_voiceai_variable_param(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *var = (ngx_str_t *) data;

    size_t                   len;
    u_char                  *name, *p, *last;
    ngx_http_voiceai_ctx_t  *ctx;

    name = var->data + sizeof("voiceai_param_") - 1;
    len = var->len - (sizeof("voiceai_param_") - 1);

    ctx = ngx_http_voiceai_variable_ctx(r, v, 0);
    if (ctx == NULL) {
        return NGX_OK;
    }

    p = ctx->record.params;
    last = p + ctx->record.params_len;

    while (p < last) {

        v->data = p + ngx_strlen(p) + 1;
        v->len = ngx_strlen(v->data);

        /* variable names are lower case */

        if (ngx_strlen(p) == len && ngx_strncasecmp(p, name, len) == 0) {
            return NGX_OK;
        }

        p = v->data + v->len + 1;
    }

    v->valid = 0;
    v->not_found = 1;

    return NGX_OK;
}
