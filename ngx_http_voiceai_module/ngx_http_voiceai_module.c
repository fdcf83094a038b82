
/*
 * Answers telephone calls: Twilio's voice webhooks, the media socket and the
 * conversation on it.
 */


#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_web.h"
#include "ngx_http_voiceai_log.h"
#include "ngx_http_voiceai_fleet.h"


typedef struct {
    ngx_str_t               uri;
    ngx_http_handler_pt     handler;
    ngx_uint_t              prefix;     /* more follows */
} ngx_http_voiceai_path_t;


static ngx_int_t ngx_http_voiceai_preaccess_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_voiceai_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_voiceai_create_main_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_voiceai_init_process(ngx_cycle_t *cycle);
static void ngx_http_voiceai_exit_process(ngx_cycle_t *cycle);


/* what "voiceai on" serves */

static ngx_http_voiceai_path_t  ngx_http_voiceai_paths[] = {
    { ngx_string("/"), ngx_http_voiceai_root_handler, 0 },
    { ngx_string("/health"), ngx_http_voiceai_health_handler, 0 },
    { ngx_string("/drain"), ngx_http_voiceai_drain_handler, 0 },
    { ngx_string("/voice/incoming"), ngx_http_voiceai_incoming_handler, 0 },
    { ngx_string("/voice/outbound"), ngx_http_voiceai_outbound_handler, 0 },
    { ngx_string("/voice/continue"), ngx_http_voiceai_continue_handler, 0 },
    { ngx_string("/voice/process-speech"),
      ngx_http_voiceai_speech_handler, 0 },
    { ngx_string("/media"), ngx_http_voiceai_media_handler, 0 },
    { ngx_string("/call-status"), ngx_http_voiceai_status_handler, 0 },
    { ngx_string("/make-call"), ngx_http_voiceai_make_call_handler, 0 },
    { ngx_string("/sessions"), ngx_http_voiceai_sessions_handler, 0 },
    { ngx_string("/session/"), ngx_http_voiceai_session_handler, 1 },
    { ngx_string("/interrupt-call/"), ngx_http_voiceai_interrupt_handler, 1 },
    { ngx_string("/calls"), ngx_http_voiceai_calls_handler, 0 },
    { ngx_string("/calls.csv"), ngx_http_voiceai_calls_handler, 0 },
    { ngx_string("/calls/"), ngx_http_voiceai_calls_handler, 1 },
    { ngx_string("/events"), ngx_http_voiceai_events_handler, 0 },
    { ngx_string("/metrics"), ngx_http_voiceai_metrics_handler, 0 },
    { ngx_string("/phone"), ngx_http_voiceai_phone_handler, 0 },
    { ngx_string("/phone/"), ngx_http_voiceai_phone_handler, 1 },
    { ngx_string("/dashboard"), ngx_http_voiceai_dashboard_handler, 0 },
    { ngx_string("/dashboard/"), ngx_http_voiceai_dashboard_handler, 1 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_module_t  ngx_http_voiceai_module_ctx = {
    ngx_http_voiceai_preconfiguration,     /* preconfiguration */
    ngx_http_voiceai_postconfiguration,    /* postconfiguration */

    ngx_http_voiceai_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_voiceai_create_srv_conf,      /* create server configuration */
    ngx_http_voiceai_merge_srv_conf,       /* merge server configuration */

    ngx_http_voiceai_create_loc_conf,      /* create location configuration */
    ngx_http_voiceai_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_voiceai_module = {
    NGX_MODULE_V1,
    &ngx_http_voiceai_module_ctx,          /* module context */
    ngx_http_voiceai_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_voiceai_zone_pass,            /* init module */
    ngx_http_voiceai_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_voiceai_exit_process,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * "voiceai on" serves its paths whatever location they fall into, so that a
 * "location /" does not swallow them; access rules of that location apply.  An
 * exact location with a handler of its own wins.
 */

static ngx_int_t
ngx_http_voiceai_preaccess_handler(ngx_http_request_t *r)
{
    ngx_http_handler_pt           handler;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (!vlcf->enable) {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->exact_match && clcf->handler) {
        return NGX_DECLINED;
    }

    handler = ngx_http_voiceai_route(&r->uri);

    if (handler) {
        r->content_handler = handler;
    }

    return NGX_DECLINED;
}


ngx_http_handler_pt
ngx_http_voiceai_route(ngx_str_t *uri)
{
    ngx_http_voiceai_path_t  *path;

    for (path = ngx_http_voiceai_paths; path->uri.len; path++) {

        if ((uri->len == path->uri.len
             || (path->prefix && uri->len > path->uri.len))
            && ngx_memcmp(uri->data, path->uri.data, path->uri.len) == 0)
        {
            return path->handler;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_voiceai_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_voiceai_add_variables(cf);
}


static ngx_int_t
ngx_http_voiceai_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt           *h;
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_voiceai_main_conf_t  *vmcf;

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_voiceai_module);

    if (!vmcf->used) {
        return NGX_OK;
    }

    if (ngx_http_voiceai_pool(cf, vmcf) != NGX_OK
        || ngx_http_voiceai_log_setup(cf, vmcf) != NGX_OK
        || ngx_http_voiceai_metrics_zone(cf) != NGX_OK
        || ngx_http_voiceai_health_zone(cf, &vmcf->places) != NGX_OK
        || ngx_http_voiceai_phrase_zone(cf, vmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_voiceai_preaccess_handler;

    return NGX_OK;
}


static void *
ngx_http_voiceai_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_main_conf_t));
}


static ngx_int_t
ngx_http_voiceai_init_process(ngx_cycle_t *cycle)
{
    ngx_http_voiceai_main_conf_t  *vmcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    vmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_voiceai_module);

    if (vmcf == NULL || !vmcf->used) {
        return NGX_OK;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, cycle->log, 0,
                   "voiceai %s", VA_VERSION);

    ngx_http_voiceai_phrase_init(vmcf);

    if (ngx_http_voiceai_metrics_init(cycle) != NGX_OK
        || ngx_http_voiceai_log_init(cycle, vmcf) != NGX_OK
        || ngx_http_voiceai_trace_init(cycle, vmcf->pool, vmcf->trace)
           != NGX_OK
        || ngx_http_voiceai_bus_init(cycle, vmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_voiceai_transport_init(cycle);
}


static void
ngx_http_voiceai_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_voiceai_main_conf_t  *vmcf;

    vmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_voiceai_module);

    if (vmcf == NULL || !vmcf->used) {
        return;
    }

    ngx_http_voiceai_leave_all(cycle);
    ngx_http_voiceai_balance_exit();
    ngx_http_voiceai_fleet_exit();
    ngx_http_voiceai_bus_exit();
    ngx_http_voiceai_phrases_exit();
    ngx_http_voiceai_gather_exit();
    ngx_http_voiceai_trace_exit();
    ngx_http_voiceai_transport_exit(cycle);
    ngx_http_voiceai_log_exit();
    ngx_http_voiceai_metrics_exit();
}
