
/*
 * Counters and histograms in memory shared by all workers of all
 * configurations, so that a reload or a dead worker loses none, and a table of
 * workers for what each has at the moment.
 */


#include "ngx_http_voiceai_call.h"
#include "ngx_http_voiceai_fleet.h"
#include "ngx_http_voiceai_metrics_sh.h"


/* how often a worker tells what it has and looks how late it is, ms */
#define NGX_HTTP_VOICEAI_METRICS_TICK  250


static ngx_int_t ngx_http_voiceai_metrics_zone_init(ngx_shm_zone_t *zone,
    void *data);
static void ngx_http_voiceai_metrics_tick(ngx_event_t *ev);


static const ngx_msec_t  ngx_http_voiceai_latencies[] = {
    1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000,
    5000, 10000
};


static const ngx_msec_t  ngx_http_voiceai_durations[] = {
    1000, 5000, 10000, 30000, 60000, 120000, 180000, 300000, 600000, 1200000,
    1800000, 3600000, 7200000
};


/* of the cycle that runs; counting begins when it is known */
static ngx_http_voiceai_metrics_sh_t      *ngx_http_voiceai_metrics;
static ngx_http_voiceai_metrics_worker_t  *ngx_http_voiceai_metrics_self;
static ngx_event_t                         ngx_http_voiceai_metrics_timer;
static ngx_msec_t                          ngx_http_voiceai_metrics_due;
static ngx_connection_t                    ngx_http_voiceai_metrics_dumb;


ngx_int_t
ngx_http_voiceai_metrics_zone(ngx_conf_t *cf)
{
    ngx_shm_zone_t                *zone;
    ngx_http_voiceai_main_conf_t  *vmcf;

    static ngx_str_t  name = ngx_string("voiceai_metrics");

    zone = ngx_shared_memory_add(cf, &name, 16 * ngx_pagesize,
                                 &ngx_http_voiceai_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_voiceai_metrics_zone_init;

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_voiceai_module);
    vmcf->metrics = zone;

    return NGX_OK;
}


/* zone->data is the shared struct itself. */

static ngx_int_t
ngx_http_voiceai_metrics_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t                *shpool;
    ngx_http_voiceai_metrics_sh_t  *sh;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_voiceai_metrics_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    shpool->data = sh;
    zone->data = sh;

    return NGX_OK;
}


ngx_int_t
ngx_http_voiceai_metrics_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                          i;
    ngx_pid_t                           pid;
    ngx_event_t                        *ev;
    ngx_http_voiceai_main_conf_t       *vmcf;
    ngx_http_voiceai_metrics_worker_t  *worker;

    vmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_voiceai_module);

    ngx_http_voiceai_metrics = vmcf->metrics->data;
    worker = ngx_http_voiceai_metrics->workers;

    for (i = 0; i < NGX_HTTP_VOICEAI_METRICS_WORKERS; i++) {
        pid = worker[i].pid;

        if ((pid == 0 || (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH))
            && ngx_atomic_cmp_set(&worker[i].pid, pid, ngx_pid))
        {
            worker[i].active = 0;
            ngx_http_voiceai_metrics_self = &worker[i];
            break;
        }
    }

    /* timers of a debug build print the descriptor of what data points to */

    ngx_http_voiceai_metrics_dumb.fd = (ngx_socket_t) -1;

    ev = &ngx_http_voiceai_metrics_timer;

    ev->handler = ngx_http_voiceai_metrics_tick;
    ev->data = &ngx_http_voiceai_metrics_dumb;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_VOICEAI_METRICS_TICK);

    return NGX_OK;
}


void
ngx_http_voiceai_metrics_exit(void)
{
    if (ngx_http_voiceai_metrics_timer.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_metrics_timer);
    }

    if (ngx_http_voiceai_metrics_self) {
        ngx_http_voiceai_metrics_self->active = 0;
        ngx_http_voiceai_metrics_self->pid = 0;
        ngx_http_voiceai_metrics_self = NULL;
    }

    ngx_http_voiceai_metrics = NULL;
}


static void
ngx_http_voiceai_metrics_tick(ngx_event_t *ev)
{
    ngx_msec_t                          late;
    ngx_http_voiceai_transport_stat_t   stat;

    /* the first one is reckoned from when the master last looked at a clock */

    if (ngx_http_voiceai_metrics_due) {
        late = ngx_current_msec - ngx_http_voiceai_metrics_due;
        ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_LAG,
                              (ngx_msec_int_t) late > 0 ? late : 0);
    }

    if (ngx_http_voiceai_metrics_self) {
        ngx_http_voiceai_transport_stat(&stat);
        ngx_http_voiceai_metrics_self->active = stat.active;
        ngx_http_voiceai_metrics_self->redis = ngx_http_voiceai_fleet_up();
    }

    ngx_http_voiceai_metrics_due = ngx_current_msec
                                   + NGX_HTTP_VOICEAI_METRICS_TICK;

    ngx_add_timer(ev, NGX_HTTP_VOICEAI_METRICS_TICK);
}


void
ngx_http_voiceai_count(ngx_http_voiceai_count_e what, ngx_uint_t n)
{
    if (ngx_http_voiceai_metrics) {
        (void) ngx_atomic_fetch_add(&ngx_http_voiceai_metrics->counts[what],
                                    n);
    }
}


const ngx_msec_t *
ngx_http_voiceai_metrics_bounds(ngx_uint_t what, ngx_uint_t *n)
{
    if (what == NGX_HTTP_VOICEAI_TIME_CALL) {
        *n = sizeof(ngx_http_voiceai_durations) / sizeof(ngx_msec_t);
        return ngx_http_voiceai_durations;
    }

    *n = sizeof(ngx_http_voiceai_latencies) / sizeof(ngx_msec_t);
    return ngx_http_voiceai_latencies;
}


void
ngx_http_voiceai_time(ngx_http_voiceai_time_e what, ngx_msec_t ms)
{
    ngx_uint_t                         i, n;
    const ngx_msec_t                  *bounds;
    ngx_http_voiceai_metrics_times_t  *times;

    if (ngx_http_voiceai_metrics == NULL) {
        return;
    }

    times = &ngx_http_voiceai_metrics->times[what];
    bounds = ngx_http_voiceai_metrics_bounds(what, &n);

    for (i = 0; i < n && ms > bounds[i]; i++) { /* void */ }

    (void) ngx_atomic_fetch_add(&times->buckets[i], 1);
    (void) ngx_atomic_fetch_add(&times->sum, ms);
}


void
ngx_http_voiceai_count_request(ngx_uint_t stage, ngx_uint_t failed,
    ngx_uint_t late, ngx_msec_t first)
{
    ngx_uint_t  what;

    what = NGX_HTTP_VOICEAI_COUNT_STT_DONE + 3 * stage;

    if (late) {
        ngx_http_voiceai_count(what + 2, 1);

    } else if (failed) {
        ngx_http_voiceai_count(what + 1, 1);

    } else {
        ngx_http_voiceai_count(what, 1);
        ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_STT_FIRST + stage, first);
    }
}


void
ngx_http_voiceai_time_answer(const va_turn_times_t *t)
{
    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_RESPONSE,
                          ngx_http_voiceai_since(t->speech_end,
                                                 t->first_sent));
    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_ENDPOINTING,
                          ngx_http_voiceai_since(t->speech_end, t->turn_end));
    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_RECOGNISER,
                          ngx_http_voiceai_since(t->turn_end, t->transcript));
    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_MODEL,
                          ngx_http_voiceai_since(t->transcript,
                                                 t->first_speak));
    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_VOICE,
                          ngx_http_voiceai_since(t->first_speak,
                                                 t->first_audio));
    ngx_http_voiceai_time(NGX_HTTP_VOICEAI_TIME_SENDING,
                          ngx_http_voiceai_since(t->first_audio,
                                                 t->first_sent));
}
