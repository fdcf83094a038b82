
/*
 * Tools: what a model called for is done when its reply is whole, and the
 * model is asked again with what came of it.
 */


#include "ngx_http_voiceai_tools.h"

#include "../src/dialog/va_tools.h"
#include "../src/wire/va_json.h"


#define NGX_HTTP_VOICEAI_KEYS_MAX  32


typedef struct {
    ngx_http_voiceai_tools_t  *tools;
    ngx_http_voiceai_tool_t   *tool;    /* NULL: one of ours */
    ngx_http_voiceai_job_t    *job;
    ngx_http_voiceai_trace_ask_t  ask;
    va_buf_t                   id;
    va_buf_t                   name;
    va_buf_t                   args;
    va_buf_t                   result;
} ngx_http_voiceai_tool_call_t;


/* One reply of the model that called for tools. */
typedef struct {
    va_buf_t                      said;
    ngx_uint_t                    n;
    ngx_http_voiceai_tool_call_t  calls[NGX_HTTP_VOICEAI_TOOL_CALLS];
} ngx_http_voiceai_tool_round_t;


struct ngx_http_voiceai_tools_s {
    ngx_http_voiceai_work_t        *work;
    ngx_uint_t                      running;  /* calls that are not over */
    ngx_uint_t                      n;        /* rounds */
    ngx_http_voiceai_tool_round_t  *rounds[NGX_HTTP_VOICEAI_TOOL_ROUNDS];
    ngx_event_t                     timer;
    ngx_connection_t                dummy;    /* what a timer's data must be */

    unsigned                        open:1;   /* the last round may grow */
    unsigned                        asked:1;  /* the model has to hear of it */
    unsigned                        filled:1; /* the caller was told to wait */
};


static ngx_http_voiceai_tool_round_t *ngx_http_voiceai_tools_round(
    ngx_http_voiceai_work_t *work);
static void ngx_http_voiceai_tools_do(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc);
static void ngx_http_voiceai_tools_own(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc);
static void ngx_http_voiceai_tools_transfer(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc, va_json_t *args);
static void ngx_http_voiceai_tools_keys(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc, va_json_t *args);
static ngx_int_t ngx_http_voiceai_tools_ask(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc);
static ngx_int_t ngx_http_voiceai_tools_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_tools_late(ngx_event_t *ev);


static void
ngx_http_voiceai_tools_error(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc, const char *error)
{
    t->asked = 1;

    va_buf_reset(&tc->result);
    va_buf_puts(&tc->result, "{\"error\":");
    va_json_quote(&tc->result, va_str(error));
    va_buf_puts(&tc->result, "}");
}


/* The round that grows, a new one if need be; NULL: there were too many. */

static ngx_http_voiceai_tool_round_t *
ngx_http_voiceai_tools_round(ngx_http_voiceai_work_t *work)
{
    ngx_log_t                      *log;
    ngx_http_voiceai_tools_t       *t;
    ngx_http_voiceai_tool_round_t  *round;

    log = work->call->request->connection->log;
    t = work->tools;

    if (t == NULL) {
        t = ngx_calloc(sizeof(ngx_http_voiceai_tools_t), log);
        if (t == NULL) {
            return NULL;
        }

        t->work = work;
        t->dummy.fd = (ngx_socket_t) -1;
        t->timer.handler = ngx_http_voiceai_tools_late;
        t->timer.data = &t->dummy;
        t->timer.log = log;

        work->tools = t;
    }

    if (t->open) {
        return t->rounds[t->n - 1];
    }

    if (t->n == NGX_HTTP_VOICEAI_TOOL_ROUNDS) {
        return NULL;
    }

    round = ngx_calloc(sizeof(ngx_http_voiceai_tool_round_t), log);
    if (round == NULL) {
        return NULL;
    }

    va_buf_init(&round->said, NGX_HTTP_VOICEAI_TEXT_MAX);
    t->rounds[t->n++] = round;
    t->open = 1;
    t->asked = 0;

    return round;
}


void
ngx_http_voiceai_tools_add(ngx_http_voiceai_work_t *work,
    ngx_http_voiceai_result_t *res)
{
    va_str_t                        name;
    ngx_uint_t                      i;
    ngx_array_t                    *list;
    ngx_http_voiceai_tool_t        *tool;
    ngx_http_voiceai_tool_call_t   *tc;
    ngx_http_voiceai_tool_round_t  *round;

    name = ngx_http_voiceai_view(&res->name);

    if (va_str_eq(name, va_tool_hang_up.name)
        && (work->call->conf->own_tools & NGX_HTTP_VOICEAI_TOOL_HANG_UP))
    {
        work->hangup = 1;
        return;
    }

    round = ngx_http_voiceai_tools_round(work);

    if (round == NULL || round->n == NGX_HTTP_VOICEAI_TOOL_CALLS) {
        ngx_log_error(NGX_LOG_WARN, work->call->request->connection->log, 0,
                      "voiceai: call %V model calls for too many tools",
                      &work->errand.sid);
        return;
    }

    tc = &round->calls[round->n++];

    tc->tools = work->tools;
    va_buf_init(&tc->id, 1024);
    va_buf_init(&tc->name, 1024);
    va_buf_init(&tc->args, NGX_HTTP_VOICEAI_TOOL_ARGS);
    va_buf_init(&tc->result, NGX_HTTP_VOICEAI_TOOL_MAX);

    va_buf_append(&tc->id, res->id.data, res->id.len);
    va_buf_append(&tc->name, res->name.data, res->name.len);
    va_buf_append(&tc->args, res->data, res->len);

    list = work->call->conf->tools;
    tool = list ? list->elts : NULL;

    for (i = 0; list && i < list->nelts; i++) {
        if (va_str_eq(name, ngx_http_voiceai_view(&tool[i].name))) {
            tc->tool = &tool[i];
            break;
        }
    }
}


ngx_int_t
ngx_http_voiceai_tools_run(ngx_http_voiceai_work_t *work)
{
    ngx_uint_t                      i;
    ngx_http_voiceai_tools_t       *t;
    ngx_http_voiceai_tool_round_t  *round;

    t = work->tools;

    if (t == NULL || !t->open) {
        return NGX_DECLINED;
    }

    t->open = 0;
    round = t->rounds[t->n - 1];

    if (work->text.len) {
        va_buf_str(&round->said, va_buf_view(&work->text));
        va_buf_reset(&work->text);

        /* a word of the next reply is not the end of this one */

        va_call_reply(work->call->core, work->request, VA_STR(" "),
                      ngx_current_msec);
    }

    for (i = 0; i < round->n; i++) {
        ngx_http_voiceai_tools_do(t, &round->calls[i]);
    }

    if (!t->asked) {
        return NGX_DECLINED;
    }

    if (t->running == 0) {
        ngx_http_voiceai_errand_start(&work->errand);
        return NGX_OK;
    }

    if (!t->filled && work->call->tool_filler.len) {
        ngx_add_timer(&t->timer, work->call->conf->tool_filler_after);
    }

    return NGX_OK;
}


static void
ngx_http_voiceai_tools_do(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc)
{
    ngx_http_voiceai_call_t  *call;

    call = t->work->call;

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "voiceai: call %V model calls for \"%*s\"",
                  &t->work->errand.sid, tc->name.len, tc->name.data);

    if (tc->id.rc != VA_OK || tc->name.rc != VA_OK || tc->args.rc != VA_OK) {
        ngx_http_voiceai_tools_error(t, tc, "the call is too long");
        return;
    }

    if (tc->tool == NULL) {
        ngx_http_voiceai_tools_own(t, tc);
        return;
    }

    t->asked = 1;

    if (ngx_http_voiceai_tools_ask(t, tc) != NGX_OK) {
        ngx_http_voiceai_tools_error(t, tc, "the service is busy");
    }
}


/* What the module does by itself. */

static void
ngx_http_voiceai_tools_own(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc)
{
    char                      why[64];
    va_str_t                  name;
    va_json_t                *args;
    ngx_uint_t                own;
    ngx_http_voiceai_call_t  *call;

    call = t->work->call;
    own = call->conf->own_tools;
    name = va_buf_view(&tc->name);

    args = va_json_parse(va_buf_view(&tc->args), why, sizeof(why));

    if (args == NULL) {
        ngx_http_voiceai_tools_error(t, tc, "the arguments are not JSON");

    } else if ((own & NGX_HTTP_VOICEAI_TOOL_TRANSFER)
               && va_str_eq(name, va_tool_transfer.name))
    {
        ngx_http_voiceai_tools_transfer(t, tc, args);

    } else if ((own & NGX_HTTP_VOICEAI_TOOL_KEYS)
               && va_str_eq(name, va_tool_send_dtmf.name))
    {
        ngx_http_voiceai_tools_keys(t, tc, args);

    } else if ((own & NGX_HTTP_VOICEAI_TOOL_REPEAT)
               && va_str_eq(name, va_tool_repeat.name))
    {
        va_buf_puts(&tc->result, "{}");
        va_call_reply(call->core, t->work->request,
                      ngx_http_voiceai_view(&call->reask), ngx_current_msec);

    } else {
        ngx_http_voiceai_tools_error(t, tc, "there is no such tool");
    }

    va_json_free(args);
}


/* The caller goes when what was said has been heard. */

static void
ngx_http_voiceai_tools_transfer(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc, va_json_t *args)
{
    va_str_t                    to;
    ngx_uint_t                  i;
    ngx_array_t                *list;
    ngx_http_voiceai_call_t    *call;
    ngx_http_voiceai_target_t  *target;

    call = t->work->call;
    to = va_json_str(args, "to");
    list = call->conf->targets;
    target = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (va_str_eq(to, ngx_http_voiceai_view(&target[i].name))
            || va_str_eq(to, ngx_http_voiceai_view(&target[i].to)))
        {
            ngx_http_voiceai_set(&call->ctx->record, transfer,
                                 target[i].to.data, target[i].to.len);

            call->leave = 1;
            t->work->hangup = 1;
            va_buf_puts(&tc->result, "{}");
            return;
        }
    }

    ngx_http_voiceai_tools_error(t, tc, "the caller may not be transferred "
                                 "there");
}


/* Twilio presses them while there is no stream, and then connects again. */

static void
ngx_http_voiceai_tools_keys(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc, va_json_t *args)
{
    u_char                    buf[sizeof(NGX_HTTP_VOICEAI_KEYS)
                                  + NGX_HTTP_VOICEAI_KEYS_MAX], *p;
    size_t                    i;
    va_str_t                  digits;
    ngx_http_voiceai_call_t  *call;

    call = t->work->call;
    digits = va_json_str(args, "digits");

    for (i = 0; i < digits.len; i++) {
        if (strchr("0123456789*#wW", digits.data[i]) == NULL) {
            break;
        }
    }

    if (digits.len == 0 || digits.len > NGX_HTTP_VOICEAI_KEYS_MAX
        || i < digits.len)
    {
        ngx_http_voiceai_tools_error(t, tc, "digits must be 1 to 32 of "
                                     "0-9, *, # and w");
        return;
    }

    p = ngx_cpymem(buf, NGX_HTTP_VOICEAI_KEYS,
                   sizeof(NGX_HTTP_VOICEAI_KEYS) - 1);
    p = ngx_cpymem(p, digits.data, digits.len);

    ngx_http_voiceai_set(&call->ctx->record, transfer, buf, p - buf);

    call->leave = 1;
    t->work->hangup = 1;
    va_buf_puts(&tc->result, "{}");
}


/* Asks a service; who calls stands in headers. */

static ngx_int_t
ngx_http_voiceai_tools_ask(ngx_http_voiceai_tools_t *t,
    ngx_http_voiceai_tool_call_t *tc)
{
    ngx_uint_t                      i, n;
    ngx_array_t                     params;
    va_ai_input_t                   input;
    ngx_keyval_t                    list[NGX_HTTP_VOICEAI_TOOL_PARAMS + 3];
    ngx_http_voiceai_record_t      *rec;
    ngx_http_voiceai_provider_t     provider;
    ngx_http_voiceai_main_conf_t   *vmcf;

    rec = &t->work->call->ctx->record;
    provider = tc->tool->provider;

    ngx_str_set(&list[0].key, "header.X-VoiceAI-Tool");
    list[0].value = tc->tool->name;
    ngx_str_set(&list[1].key, "header.X-VoiceAI-From");
    list[1].value.data = rec->from;
    list[1].value.len = rec->from_len;
    ngx_str_set(&list[2].key, "header.X-VoiceAI-To");
    list[2].value.data = rec->to;
    list[2].value.len = rec->to_len;

    n = 3;

    for (i = 0; provider.params && i < provider.params->nelts; i++) {
        list[n++] = ((ngx_keyval_t *) provider.params->elts)[i];
    }

    ngx_memzero(&params, sizeof(ngx_array_t));
    params.elts = list;
    params.nelts = n;
    params.size = sizeof(ngx_keyval_t);

    provider.params = &params;

    ngx_memzero(&input, sizeof(va_ai_input_t));
    input.stage = VA_AI_REST;
    input.text = va_buf_view(&tc->args);
    input.call_sid.data = (char *) rec->sid;
    input.call_sid.len = rec->sid_len;

    input.traceparent = ngx_http_voiceai_trace_ask(&tc->ask,
                                                t->work->call->trace,
                                                NGX_HTTP_VOICEAI_TRACE_TOOL);

    vmcf = ngx_http_get_module_main_conf(t->work->call->request,
                                         ngx_http_voiceai_module);

    tc->job = ngx_http_voiceai_job_start(vmcf->pool, &provider, &input,
                                     ngx_http_voiceai_tools_result, tc,
                                     t->work->call->request->connection->log);
    if (tc->job == NULL) {
        return NGX_ERROR;
    }

    t->running++;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_tools_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_tool_call_t *tc = data;

    char                       error[64];
    ngx_http_voiceai_call_t   *call;
    ngx_http_voiceai_tools_t  *t;

    t = tc->tools;
    call = t->work->call;

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TEXT:

        /* what is over the limit is left out */

        va_buf_append(&tc->result, res->data,
                      ngx_min(res->len, tc->result.max - tc->result.len));
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        if (tc->result.len == 0) {
            va_buf_puts(&tc->result, "{}");
        }

        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        ngx_http_set_log_request(call->request->connection->log,
                                 call->request);
        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "voiceai: call %V tool \"%V\" failed with status %ui: "
                      "%*s", &t->work->errand.sid, &tc->tool->name,
                      res->status, res->len, res->data);

        (void) ngx_snprintf((u_char *) error, sizeof(error),
                            "the service failed with status %ui%Z",
                            res->status);
        ngx_http_voiceai_tools_error(t, tc, error);
        break;

    default:
        return NGX_OK;
    }

    tc->job = NULL;
    ngx_http_voiceai_trace_answered(&tc->ask, NULL, &tc->tool->name, res);

    if (--t->running == 0) {

        if (t->timer.timer_set) {
            ngx_del_timer(&t->timer);
        }

        ngx_http_voiceai_errand_start(&t->work->errand);
    }

    return NGX_OK;
}


/* It takes long: says so, once. */

static void
ngx_http_voiceai_tools_late(ngx_event_t *ev)
{
    ngx_http_voiceai_call_t   *call;
    ngx_http_voiceai_tools_t  *t;

    t = (ngx_http_voiceai_tools_t *)
        ((u_char *) ev - offsetof(ngx_http_voiceai_tools_t, timer));
    call = t->work->call;

    t->filled = 1;

    ngx_http_set_log_request(call->request->connection->log, call->request);

    va_call_reply(call->core, t->work->request,
                  ngx_http_voiceai_view(&call->tool_filler),
                  ngx_current_msec);
    va_call_reply(call->core, t->work->request, VA_STR(" "),
                  ngx_current_msec);

    ngx_http_voiceai_call_after(call);
}


size_t
ngx_http_voiceai_tools_messages(ngx_http_voiceai_work_t *work,
    va_ai_message_t *messages, size_t n, size_t max)
{
    ngx_uint_t                      i, j;
    va_ai_message_t                *m;
    ngx_http_voiceai_tools_t       *t;
    ngx_http_voiceai_tool_call_t   *tc;
    ngx_http_voiceai_tool_round_t  *round;

    t = work->tools;

    for (i = 0; t && i < t->n; i++) {
        round = t->rounds[i];

        if (max - n < 2 * round->n) {
            break;
        }

        for (j = 0; j < round->n; j++) {
            tc = &round->calls[j];
            m = &messages[n++];

            ngx_memzero(m, sizeof(va_ai_message_t));
            m->role = VA_ROLE_ASSISTANT;
            m->text = j ? va_str(NULL) : va_buf_view(&round->said);
            m->tool_id = va_buf_view(&tc->id);
            m->tool_name = va_buf_view(&tc->name);
            m->tool_args = va_buf_view(&tc->args);
        }

        for (j = 0; j < round->n; j++) {
            tc = &round->calls[j];
            m = &messages[n++];

            ngx_memzero(m, sizeof(va_ai_message_t));
            m->role = VA_ROLE_TOOL;
            m->text = va_buf_view(&tc->result);
            m->tool_id = va_buf_view(&tc->id);
            m->tool_name = va_buf_view(&tc->name);
        }
    }

    return n;
}


void
ngx_http_voiceai_tools_free(ngx_http_voiceai_tools_t *t)
{
    ngx_uint_t                      i, j;
    ngx_http_voiceai_tool_call_t   *tc;
    ngx_http_voiceai_tool_round_t  *round;

    for (i = 0; i < t->n; i++) {
        round = t->rounds[i];

        for (j = 0; j < round->n; j++) {
            tc = &round->calls[j];

            if (tc->job) {
                ngx_http_voiceai_job_cancel(tc->job);
                ngx_http_voiceai_trace_answered(&tc->ask, NULL,
                                                &tc->tool->name, NULL);
            }

            va_buf_free(&tc->id);
            va_buf_free(&tc->name);
            va_buf_free(&tc->args);
            va_buf_free(&tc->result);
        }

        va_buf_free(&round->said);
        ngx_free(round);
    }

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    ngx_free(t);
}
