
#include "ngx_http_voiceai_rest.h"


#define NGX_HTTP_VOICEAI_REST_TRIES  3
#define NGX_HTTP_VOICEAI_REST_LIFE   90000 /* ms, over all tries and waits */
#define NGX_HTTP_VOICEAI_REST_WAIT   10    /* s of Retry-After that we follow */


struct ngx_http_voiceai_rest_s {
    ngx_http_voiceai_main_conf_t  *vmcf;
    ngx_http_voiceai_loc_conf_t   *conf;
    ngx_http_voiceai_job_t        *job;
    va_buf_t                       url;
    va_buf_t                       body;
    va_buf_t                       answer;
    ngx_uint_t                     tries;
    ngx_event_t                    timer;
    ngx_event_t                    alive;    /* keeps a worker that is to go */
    ngx_connection_t               dummy;    /* what a timer's data must be */
    ngx_http_voiceai_rest_pt       handler;
    void                          *data;
};


static ngx_int_t ngx_http_voiceai_rest_start(ngx_http_voiceai_rest_t *rest);
static ngx_int_t ngx_http_voiceai_rest_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_rest_again(ngx_event_t *ev);
static void ngx_http_voiceai_rest_late(ngx_event_t *ev);
static void ngx_http_voiceai_rest_done(ngx_http_voiceai_rest_t *rest,
    va_rc_t rc, va_rest_answer_t *answer);


ngx_http_voiceai_rest_t *
ngx_http_voiceai_rest_send(ngx_http_voiceai_main_conf_t *vmcf,
    ngx_http_voiceai_loc_conf_t *conf, va_buf_t *url, va_buf_t *body,
    ngx_http_voiceai_rest_pt handler, void *data, ngx_log_t *log)
{
    ngx_http_voiceai_rest_t  *rest;

    rest = ngx_calloc(sizeof(ngx_http_voiceai_rest_t), log);
    if (rest == NULL) {
        return NULL;
    }

    rest->vmcf = vmcf;
    rest->conf = conf;
    rest->handler = handler;
    rest->data = data;
    rest->dummy.fd = (ngx_socket_t) -1;
    rest->timer.handler = ngx_http_voiceai_rest_again;
    rest->timer.data = &rest->dummy;
    rest->timer.log = ngx_cycle->log;
    rest->alive = rest->timer;
    rest->alive.handler = ngx_http_voiceai_rest_late;

    va_buf_init(&rest->url, VA_REST_URL_MAX);
    va_buf_init(&rest->body, VA_REST_BODY_MAX);
    va_buf_init(&rest->answer, 65536);
    va_buf_append(&rest->url, url->data, url->len);
    va_buf_append(&rest->body, body->data, body->len);

    if (rest->url.rc != VA_OK || rest->body.rc != VA_OK
        || ngx_http_voiceai_rest_start(rest) != NGX_OK)
    {
        ngx_http_voiceai_rest_cancel(rest);
        return NULL;
    }

    ngx_add_timer(&rest->alive, NGX_HTTP_VOICEAI_REST_LIFE);

    return rest;
}


ngx_http_voiceai_rest_t *
ngx_http_voiceai_rest_update(ngx_http_voiceai_main_conf_t *vmcf,
    ngx_http_voiceai_loc_conf_t *conf, ngx_http_voiceai_record_t *rec,
    va_buf_t *hook, ngx_http_voiceai_rest_pt handler, void *data,
    ngx_log_t *log)
{
    va_buf_t                  url, body;
    va_rest_update_t          update;
    ngx_http_voiceai_rest_t  *rest;

    if (hook && hook->rc != VA_OK) {
        return NULL;
    }

    va_buf_init(&url, VA_REST_URL_MAX);
    va_buf_init(&body, VA_REST_BODY_MAX);

    ngx_memzero(&update, sizeof(va_rest_update_t));

    update.base = ngx_http_voiceai_view(&conf->api_url);
    update.account = ngx_http_voiceai_view(&conf->account_sid);
    update.call.data = (char *) rec->sid;
    update.call.len = rec->sid_len;

    if (hook) {
        update.url = va_buf_view(hook);

    } else {
        update.hang_up = 1;
    }

    rest = NULL;

    if (va_rest_update(&url, &body, &update) == VA_OK) {
        rest = ngx_http_voiceai_rest_send(vmcf, conf, &url, &body, handler,
                                          data, log);
    }

    va_buf_free(&url);
    va_buf_free(&body);

    return rest;
}


static ngx_int_t
ngx_http_voiceai_rest_start(ngx_http_voiceai_rest_t *rest)
{
    u_char                       *p;
    u_char                        key[512];
    va_ai_input_t                 input;
    ngx_http_voiceai_provider_t   provider;

    ngx_memzero(&provider, sizeof(ngx_http_voiceai_provider_t));
    ngx_memzero(&input, sizeof(va_ai_input_t));

    ngx_str_set(&provider.kind, "rest");
    provider.url.data = (u_char *) rest->url.data;
    provider.url.len = rest->url.len;

    p = ngx_snprintf(key, sizeof(key), "%V:%V", &rest->conf->account_sid,
                     &rest->conf->auth_token);
    provider.key.data = key;
    provider.key.len = p - key;

    provider.connect_timeout = 5000;
    provider.first_timeout = 10000;
    provider.idle_timeout = 10000;
    provider.timeout = 15000;

    input.stage = VA_AI_REST;
    input.text = va_buf_view(&rest->body);

    va_buf_reset(&rest->answer);
    rest->tries++;

    rest->job = ngx_http_voiceai_job_start(rest->vmcf->pool, &provider, &input,
                                           ngx_http_voiceai_rest_result, rest,
                                           ngx_cycle->log);

    ngx_explicit_memzero(key, sizeof(key));

    return rest->job ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_voiceai_rest_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_rest_t *rest = data;

    va_rc_t           rc;
    va_str_t          text;
    ngx_int_t         wait;
    va_rest_answer_t  answer;

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TEXT:
        va_buf_append(&rest->answer, res->data, res->len);
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        rest->job = NULL;
        ngx_http_voiceai_zone_asked(rest->conf->zone, res->status);

        if (res->status == 429 && rest->tries < NGX_HTTP_VOICEAI_REST_TRIES) {
            wait = res->retry_after;

            if (wait <= NGX_HTTP_VOICEAI_REST_WAIT) {
                ngx_add_timer(&rest->timer, wait > 0 ? wait * 1000 : 1000);
                return NGX_OK;
            }
        }

        rc = va_rest_read((int) res->status, va_buf_view(&rest->answer),
                          &answer);
        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        rest->job = NULL;

        if (res->fault != NGX_HTTP_VOICEAI_FAULT_LOCAL) {
            ngx_http_voiceai_zone_asked(rest->conf->zone, 0);
        }

        ngx_memzero(&answer, sizeof(va_rest_answer_t));
        text.data = (char *) res->data;
        text.len = res->len;
        va_str_copy(answer.message, sizeof(answer.message), text);
        answer.http = res->late ? NGX_HTTP_GATEWAY_TIME_OUT : 0;
        rc = VA_FAILED;
        break;

    default:
        return NGX_OK;
    }

    ngx_http_voiceai_rest_done(rest, rc, &answer);

    return NGX_OK;
}


static void
ngx_http_voiceai_rest_again(ngx_event_t *ev)
{
    va_rest_answer_t          answer;
    ngx_http_voiceai_rest_t  *rest;

    rest = (ngx_http_voiceai_rest_t *)
           ((u_char *) ev - offsetof(ngx_http_voiceai_rest_t, timer));

    if (ngx_http_voiceai_rest_start(rest) != NGX_OK) {
        ngx_memzero(&answer, sizeof(va_rest_answer_t));
        ngx_memcpy(answer.message, "too many requests are under way",
                   sizeof("too many requests are under way"));
        ngx_http_voiceai_rest_done(rest, VA_FAILED, &answer);
    }
}


static void
ngx_http_voiceai_rest_late(ngx_event_t *ev)
{
    va_rest_answer_t          answer;
    ngx_http_voiceai_rest_t  *rest;

    rest = (ngx_http_voiceai_rest_t *)
           ((u_char *) ev - offsetof(ngx_http_voiceai_rest_t, alive));

    ngx_http_voiceai_zone_asked(rest->conf->zone, 0);

    ngx_memzero(&answer, sizeof(va_rest_answer_t));
    ngx_memcpy(answer.message, "no answer", sizeof("no answer"));
    answer.http = NGX_HTTP_GATEWAY_TIME_OUT;
    ngx_http_voiceai_rest_done(rest, VA_FAILED, &answer);
}


static void
ngx_http_voiceai_rest_done(ngx_http_voiceai_rest_t *rest, va_rc_t rc,
    va_rest_answer_t *answer)
{
    void                      *data;
    ngx_http_voiceai_rest_pt   handler;

    handler = rest->handler;
    data = rest->data;

    ngx_http_voiceai_rest_cancel(rest);

    handler(data, rc, answer);
}


void
ngx_http_voiceai_rest_cancel(ngx_http_voiceai_rest_t *rest)
{
    if (rest->job) {
        ngx_http_voiceai_job_cancel(rest->job);
    }

    if (rest->timer.timer_set) {
        ngx_del_timer(&rest->timer);
    }

    if (rest->alive.timer_set) {
        ngx_del_timer(&rest->alive);
    }

    va_buf_free(&rest->url);
    va_buf_free(&rest->body);
    va_buf_free(&rest->answer);
    ngx_free(rest);
}
