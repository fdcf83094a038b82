
/*
 * A machine that is to get no new calls, and may hand over those it has.  That
 * stands in the zone, so that all workers know it and a reload does not forget
 * it; ngx_http_voiceai_leave.c moves the calls.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_fleet.h"
#include "ngx_http_voiceai_zone_sh.h"

#include "../src/wire/va_json.h"


static ngx_int_t ngx_http_voiceai_drain_answer(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_drain_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_drain_set(ngx_http_request_t *r,
    ngx_uint_t on, ngx_uint_t hand_over);
static ngx_int_t ngx_http_voiceai_drain_tell(ngx_http_request_t *r);


void
ngx_http_voiceai_zone_drain(ngx_shm_zone_t *zone,
    ngx_http_voiceai_drain_t *drain)
{
    ngx_http_voiceai_zone_sh_t  *sh;

    sh = ngx_http_voiceai_zone_lock(zone);
    *drain = sh->drain;
    ngx_http_voiceai_zone_unlock(sh);
}


ngx_uint_t
ngx_http_voiceai_zone_takes(ngx_shm_zone_t *zone)
{
    ngx_uint_t                   i, takes;
    ngx_http_voiceai_zone_sh_t  *sh;

    takes = 0;

    sh = ngx_http_voiceai_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS && !sh->drain.on; i++) {
        takes |= (sh->workers[i].pid && !sh->workers[i].exiting);
    }

    ngx_http_voiceai_zone_unlock(sh);

    return takes;
}


ngx_int_t
ngx_http_voiceai_drain_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_answer(r, ngx_http_voiceai_drain_answer(r));
}


static ngx_int_t
ngx_http_voiceai_drain_answer(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_api_allowed(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method & NGX_HTTP_POST) {
        return ngx_http_voiceai_read_body(r, ngx_http_voiceai_drain_body);
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_DELETE))) {
        return ngx_http_voiceai_not_allowed(r, "GET, HEAD, POST, DELETE",
                                            "use GET, POST or DELETE");
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return (r->method & NGX_HTTP_DELETE)
           ? ngx_http_voiceai_drain_set(r, 0, 0)
           : ngx_http_voiceai_drain_tell(r);
}


/* A flag of the body; NGX_ERROR when it is something else. */

static ngx_int_t
ngx_http_voiceai_drain_flag(va_json_t *json, const char *name,
    ngx_uint_t other)
{
    if (json == NULL || va_json_at(json, name) == NULL) {
        return other;
    }

    if (va_json_bool(json, name, 0) != va_json_bool(json, name, 1)) {
        return NGX_ERROR;
    }

    return va_json_bool(json, name, 0);
}


/* {"drain": true, "hand_over": false}, each as it is here by default */

static ngx_int_t
ngx_http_voiceai_drain_body(ngx_http_request_t *r)
{
    char                     error[128];
    va_str_t                 text;
    ngx_int_t                on, hand_over;
    va_json_t               *json;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    text = ngx_http_voiceai_view(&ctx->text);
    json = NULL;

    if (text.len) {
        json = va_json_parse(text, error, sizeof(error));

        if (json == NULL) {
            return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                           "the body is not JSON");
        }
    }

    on = ngx_http_voiceai_drain_flag(json, "drain", 1);
    hand_over = ngx_http_voiceai_drain_flag(json, "hand_over", 0);

    va_json_free(json);

    if (on == NGX_ERROR || hand_over == NGX_ERROR) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                    "\"drain\" and \"hand_over\" must be true or false");
    }

    return ngx_http_voiceai_drain_set(r, on, hand_over);
}


static ngx_int_t
ngx_http_voiceai_drain_set(ngx_http_request_t *r, ngx_uint_t on,
    ngx_uint_t hand_over)
{
    ngx_http_voiceai_drain_t       drain;
    ngx_http_voiceai_zone_sh_t    *sh;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_main_conf_t  *vmcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);

    if (on && hand_over && vmcf->redis == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_CONFLICT,
                    "there is nobody to hand over to without voiceai_redis");
    }

    drain.on = on;
    drain.hand_over = on && hand_over;
    drain.since = ngx_current_msec;

    sh = ngx_http_voiceai_zone_lock(vlcf->zone);
    sh->drain = drain;
    ngx_http_voiceai_zone_unlock(sh);

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "voiceai zone \"%V\" %s", &vlcf->zone->shm.name,
                  drain.hand_over ? "is drained, its calls are handed over"
                  : on ? "is drained" : "takes calls");

    return ngx_http_voiceai_drain_tell(r);
}


static ngx_int_t
ngx_http_voiceai_drain_tell(ngx_http_request_t *r)
{
    va_buf_t                       json;
    ngx_http_voiceai_drain_t       drain;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_zone_stat_t   stat;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    ngx_http_voiceai_zone_drain(vlcf->zone, &drain);
    ngx_http_voiceai_zone_stat(vlcf->zone, &stat);

    va_buf_init(&json, 1024);
    va_buf_printf(&json, "{\"draining\":%s,\"hand_over\":%s,"
                  "\"streams\":%lu,\"elsewhere\":%s}\n",
                  drain.on ? "true" : "false",
                  drain.hand_over ? "true" : "false",
                  (unsigned long) stat.streaming,
                  ngx_http_voiceai_fleet_elsewhere(vlcf->zone)
                  ? "true" : "false");

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &json);
}
