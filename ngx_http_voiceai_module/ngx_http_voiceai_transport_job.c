
/*
 * A job owns copies of all it was started with: neither the configuration
 * nor the call has to live as long as the thread works on it.
 */


#include "ngx_http_voiceai_loop.h"


static size_t ngx_http_voiceai_job_size(ngx_http_voiceai_provider_t *provider,
    va_ai_input_t *input);
static void ngx_http_voiceai_job_copy(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input);
static va_str_t ngx_http_voiceai_copy_bytes(u_char **p, const void *data,
    size_t len);
static va_str_t ngx_http_voiceai_copy_str(u_char **p, ngx_str_t *str);
static va_str_t ngx_http_voiceai_copy_view(u_char **p, va_str_t *view);
static void ngx_http_voiceai_copy_over(u_char **p, va_str_t *view);


ngx_http_voiceai_job_t *
ngx_http_voiceai_job_create(ngx_http_voiceai_provider_t *provider,
    va_ai_input_t *input, ngx_log_t *log)
{
    ngx_http_voiceai_job_t  *job;

    /* the heap, and not a pool: a thread outlives any request */

    job = ngx_calloc(sizeof(ngx_http_voiceai_job_t), log);
    if (job == NULL) {
        return NULL;
    }

    job->copy_len = ngx_http_voiceai_job_size(provider, input);

    job->copy = ngx_alloc(job->copy_len, log);
    if (job->copy == NULL) {
        ngx_free(job);
        return NULL;
    }

    ngx_http_voiceai_job_copy(job, provider, input);

    job->streams = va_ai_streams(job->kind, job->stage);

    va_buf_init(&job->mic, NGX_HTTP_VOICEAI_MIC_MAX);
    ngx_http_voiceai_msgs_init(&job->left);

    job->submitted = ngx_http_voiceai_msec();
    job->connect_timeout = provider->connect_timeout;
    job->first_timeout = provider->first_timeout;
    job->idle_timeout = provider->idle_timeout;
    job->timeout = provider->timeout;

    return job;
}


/* Each string is terminated in the copy. */

static size_t
ngx_http_voiceai_job_size(ngx_http_voiceai_provider_t *provider,
    va_ai_input_t *input)
{
    size_t         size;
    ngx_uint_t     i;
    ngx_keyval_t  *param;

    size = input->message_count * sizeof(va_ai_message_t)
           + input->tool_count * sizeof(va_ai_tool_t)
           + (provider->params ? provider->params->nelts : 0)
             * sizeof(va_ai_param_t)
           + input->ulaw_len + 1
           + provider->kind.len + 1
           + provider->url.len + 1
           + provider->socket.len + 1
           + provider->key.len + 1
           + provider->model.len + 1
           + provider->voice.len + 1
           + provider->language.len + 1
           + provider->format.len + 1
           + provider->proxy.len + 1
           + provider->ca.len + 1
           + provider->cert.len + 1
           + provider->cert_key.len + 1
           + input->context.len + 1
           + input->prompt.len + 1
           + input->text.len + 1
           + input->voice.len + 1
           + input->language.len + 1
           + input->call_sid.len + 1
           + input->traceparent.len + 1;

    for (i = 0; i < input->message_count; i++) {
        size += input->messages[i].text.len + 1
                + input->messages[i].tool_id.len + 1
                + input->messages[i].tool_name.len + 1
                + input->messages[i].tool_args.len + 1;
    }

    for (i = 0; i < input->tool_count; i++) {
        size += input->tools[i].name.len + 1
                + input->tools[i].description.len + 1
                + input->tools[i].schema.len + 1;
    }

    param = provider->params ? provider->params->elts : NULL;

    for (i = 0; param && i < provider->params->nelts; i++) {
        size += param[i].key.len + 1 + param[i].value.len + 1;
    }

    return size;
}


static void
ngx_http_voiceai_job_copy(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input)
{
    u_char           *p;
    va_str_t          ulaw;
    ngx_uint_t        i, nparams;
    ngx_keyval_t     *param;
    va_ai_tool_t     *tools;
    va_ai_param_t    *params;
    va_ai_message_t  *messages;

    /* first, because they have to be aligned */

    messages = (va_ai_message_t *) job->copy;
    tools = (va_ai_tool_t *) (messages + input->message_count);
    params = (va_ai_param_t *) (tools + input->tool_count);
    nparams = provider->params ? provider->params->nelts : 0;
    p = (u_char *) (params + nparams);

    for (i = 0; i < input->message_count; i++) {
        messages[i] = input->messages[i];
        ngx_http_voiceai_copy_over(&p, &messages[i].text);
        ngx_http_voiceai_copy_over(&p, &messages[i].tool_id);
        ngx_http_voiceai_copy_over(&p, &messages[i].tool_name);
        ngx_http_voiceai_copy_over(&p, &messages[i].tool_args);
    }

    for (i = 0; i < input->tool_count; i++) {
        tools[i] = input->tools[i];
        ngx_http_voiceai_copy_over(&p, &tools[i].name);
        ngx_http_voiceai_copy_over(&p, &tools[i].description);
        ngx_http_voiceai_copy_over(&p, &tools[i].schema);
    }

    for (i = 0; i < nparams; i++) {
        param = (ngx_keyval_t *) provider->params->elts + i;
        params[i].name = ngx_http_voiceai_copy_str(&p, &param->key);
        params[i].value = ngx_http_voiceai_copy_str(&p, &param->value);
    }

    ulaw = ngx_http_voiceai_copy_bytes(&p, input->ulaw, input->ulaw_len);

    job->stage = input->stage;
    job->kind = ngx_http_voiceai_copy_str(&p, &provider->kind);
    job->socket = ngx_http_voiceai_copy_str(&p, &provider->socket);

    job->proxy = ngx_http_voiceai_copy_str(&p, &provider->proxy);
    job->ca = ngx_http_voiceai_copy_str(&p, &provider->ca);
    job->cert = ngx_http_voiceai_copy_str(&p, &provider->cert);
    job->cert_key = ngx_http_voiceai_copy_str(&p, &provider->cert_key);
    job->tls = provider->tls;

    job->conf.url = ngx_http_voiceai_copy_str(&p, &provider->url);
    job->conf.key = ngx_http_voiceai_copy_str(&p, &provider->key);
    job->conf.model = ngx_http_voiceai_copy_str(&p, &provider->model);
    job->conf.voice = ngx_http_voiceai_copy_str(&p, &provider->voice);
    job->conf.language = ngx_http_voiceai_copy_str(&p, &provider->language);
    job->conf.format = ngx_http_voiceai_copy_str(&p, &provider->format);
    job->conf.rate = provider->rate;
    job->conf.params = params;
    job->conf.param_count = nparams;

    job->input.stage = input->stage;
    job->input.ulaw = (const uint8_t *) ulaw.data;
    job->input.ulaw_len = ulaw.len;
    job->input.messages = messages;
    job->input.message_count = input->message_count;
    job->input.tools = tools;
    job->input.tool_count = input->tool_count;
    job->input.context = ngx_http_voiceai_copy_view(&p, &input->context);
    job->input.prompt = ngx_http_voiceai_copy_view(&p, &input->prompt);
    job->input.text = ngx_http_voiceai_copy_view(&p, &input->text);
    job->input.voice = ngx_http_voiceai_copy_view(&p, &input->voice);
    job->input.language = ngx_http_voiceai_copy_view(&p, &input->language);
    job->input.call_sid = ngx_http_voiceai_copy_view(&p, &input->call_sid);
    job->input.traceparent = ngx_http_voiceai_copy_view(&p,
                                                        &input->traceparent);
}


static va_str_t
ngx_http_voiceai_copy_bytes(u_char **p, const void *data, size_t len)
{
    va_str_t  copy;

    copy.data = (const char *) *p;
    copy.len = len;

    if (len) {
        *p = ngx_cpymem(*p, data, len);
    }

    *(*p)++ = '\0';

    return copy;
}


static va_str_t
ngx_http_voiceai_copy_str(u_char **p, ngx_str_t *str)
{
    return ngx_http_voiceai_copy_bytes(p, str->data, str->len);
}


static va_str_t
ngx_http_voiceai_copy_view(u_char **p, va_str_t *view)
{
    return ngx_http_voiceai_copy_bytes(p, view->data, view->len);
}


/* Makes a view of the caller's a view of the copy. */

static void
ngx_http_voiceai_copy_over(u_char **p, va_str_t *view)
{
    *view = ngx_http_voiceai_copy_view(p, view);
}


/* Drops the copies as soon as the request has been made of them. */

void
ngx_http_voiceai_job_forget(ngx_http_voiceai_job_t *job)
{
    if (job->copy == NULL) {
        return;
    }

    /* the key is in there */
    ngx_explicit_memzero(job->copy, job->copy_len);

    ngx_free(job->copy);
    job->copy = NULL;
}


void
ngx_http_voiceai_job_free(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_job_forget(job);
    va_buf_free(&job->mic);
    ngx_free(job);
}
