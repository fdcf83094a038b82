
/*
 * Requests that are about a call of which another machine may know more: they
 * wait until that was read, or as long as Redis may take, and go on then.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_fleet.h"


typedef struct {
    ngx_http_request_t           *request;
    ngx_http_voiceai_fetch_t     *fetch;
    ngx_str_t                     next;     /* to be read after this one */
    ngx_int_t                   (*handler)(ngx_http_request_t *r);
} ngx_http_voiceai_wait_t;


static ngx_int_t ngx_http_voiceai_fleet_wait(ngx_http_request_t *r,
    ngx_str_t *sid, ngx_str_t *next,
    ngx_int_t (*handler)(ngx_http_request_t *r));
static void ngx_http_voiceai_fleet_arrived(void *data);
static void ngx_http_voiceai_fleet_cleanup(void *data);


ngx_int_t
ngx_http_voiceai_fleet_request(ngx_http_request_t *r, ngx_str_t *sid,
    ngx_int_t (*handler)(ngx_http_request_t *r))
{
    ngx_str_t  none;

    ngx_str_null(&none);

    return ngx_http_voiceai_fleet_wait(r, sid, &none, handler);
}


ngx_int_t
ngx_http_voiceai_fleet_form(ngx_http_request_t *r)
{
    va_str_t                 call;
    ngx_str_t                sid, id, pending;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    call = va_form_get(ctx->form, "CallSid");

    sid.data = (u_char *) call.data;
    sid.len = call.len;

    ngx_str_null(&pending);

    /* a call that we make is known by another name before its CallSid */

    if (ngx_http_voiceai_fleet_up()
        && ngx_http_arg(r, (u_char *) "id", 2, &id) == NGX_OK
        && id.len && id.len <= NGX_HTTP_VOICEAI_TOKEN_LEN)
    {
        pending.data = ngx_pnalloc(r->pool, sizeof(NGX_HTTP_VOICEAI_PENDING)
                                            - 1 + id.len);
        if (pending.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        pending.len = ngx_sprintf(pending.data, NGX_HTTP_VOICEAI_PENDING "%V",
                                  &id)
                      - pending.data;
    }

    return ngx_http_voiceai_fleet_wait(r, &sid, &pending, ctx->form_handler);
}


static ngx_int_t
ngx_http_voiceai_fleet_wait(ngx_http_request_t *r, ngx_str_t *sid,
    ngx_str_t *next, ngx_int_t (*handler)(ngx_http_request_t *r))
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_voiceai_wait_t      *wait;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    if (!ngx_http_voiceai_fleet_up()) {
        return handler(r);
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_wait_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait = cln->data;
    wait->request = r;
    wait->handler = handler;
    wait->next = *next;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    wait->fetch = ngx_http_voiceai_fleet_fetch(vlcf->zone, sid,
                                               ngx_http_voiceai_fleet_arrived,
                                               wait);
    if (wait->fetch == NULL) {
        return handler(r);
    }

    cln->handler = ngx_http_voiceai_fleet_cleanup;

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_voiceai_fleet_arrived(void *data)
{
    ngx_http_voiceai_wait_t *wait = data;

    ngx_str_t                     next;
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    r = wait->request;
    c = r->connection;
    wait->fetch = NULL;

    ngx_http_set_log_request(c->log, r);

    if (wait->next.len) {
        next = wait->next;
        ngx_str_null(&wait->next);

        vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

        wait->fetch = ngx_http_voiceai_fleet_fetch(vlcf->zone, &next,
                                               ngx_http_voiceai_fleet_arrived,
                                               wait);
        if (wait->fetch) {
            return;
        }
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_answer(r,
                                                         wait->handler(r)));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_voiceai_fleet_cleanup(void *data)
{
    ngx_http_voiceai_wait_t *wait = data;

    if (wait->fetch) {
        ngx_http_voiceai_fleet_forget(wait->fetch);
    }
}
