
/*
 * What all of the interface needs: who may use it, which call is meant.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_web.h"

#include "../src/twilio/va_signature.h"


static ngx_str_t  ngx_http_voiceai_api_type = ngx_string("application/json");


static ngx_uint_t
ngx_http_voiceai_api_bearer(ngx_http_request_t *r)
{
    va_str_t                      key;
    ngx_str_t                    *value;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    value = ngx_http_voiceai_header(r, "Authorization");

    if (value == NULL || value->len <= 7
        || ngx_strncasecmp(value->data, (u_char *) "Bearer ", 7) != 0)
    {
        return 0;
    }

    key.data = (char *) value->data + 7;
    key.len = value->len - 7;

    return va_secret_eq(key, ngx_http_voiceai_view(&vlcf->api_key));
}


ngx_uint_t
ngx_http_voiceai_api_known(ngx_http_request_t *r)
{
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    return vlcf->api_key.len
           && (vlcf->api_open || ngx_http_voiceai_api_bearer(r)
               || ngx_http_voiceai_cookie(r) == NGX_OK);
}


ngx_int_t
ngx_http_voiceai_api_allowed(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (vlcf->api_key.len == 0) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                       "no voiceai_api_key is configured");
    }

    if (vlcf->api_open) {
        return ngx_http_voiceai_same_site(r);
    }

    if (ngx_http_voiceai_api_bearer(r)) {
        return NGX_OK;
    }

    rc = ngx_http_voiceai_cookie(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_voiceai_add_header(r, "WWW-Authenticate", "Bearer")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                   "the API key is missing or wrong");
}


ngx_int_t
ngx_http_voiceai_api_send(ngx_http_request_t *r, ngx_uint_t status,
    va_buf_t *json)
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_send(r, status, &ngx_http_voiceai_api_type, json);
    va_buf_free(json);

    return rc;
}


void
ngx_http_voiceai_api_segment(ngx_http_request_t *r, ngx_str_t *segment,
    ngx_str_t *last)
{
    u_char  *p, *end;

    end = r->uri.data + r->uri.len;

    for (p = end; p > r->uri.data && p[-1] != '/'; p--) { /* void */ }

    last->data = p;
    last->len = end - p;

    end = (p > r->uri.data) ? p - 1 : p;

    for (p = end; p > r->uri.data && p[-1] != '/'; p--) { /* void */ }

    segment->data = p;
    segment->len = end - p;
}


ngx_int_t
ngx_http_voiceai_api_find(ngx_http_request_t *r, ngx_str_t *sid)
{
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (sid->len && sid->len <= NGX_HTTP_VOICEAI_SID_LEN) {

        ngx_http_voiceai_set(&ctx->record, sid, sid->data, sid->len);

        if (!ngx_http_voiceai_pending(&ctx->record)
            && ngx_http_voiceai_zone_find(vlcf->zone, &ctx->record, 0)
               == NGX_OK)
        {
            ctx->known = 1;
            return NGX_OK;
        }
    }

    return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND, "no such call");
}
