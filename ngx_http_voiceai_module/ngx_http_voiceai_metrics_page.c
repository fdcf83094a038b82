
/*
 * The metrics as Prometheus reads them.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_log.h"
#include "ngx_http_voiceai_engine.h"
#include "ngx_http_voiceai_metrics_sh.h"

#include "../src/wire/va_exposition.h"


#define NGX_HTTP_VOICEAI_METRICS_MAX  (256 * 1024)


/* A counter: consecutive ones of one name make a family. */
typedef struct {
    const char  *name;
    const char  *help;
    const char  *labels[5];
    double       scale;
} ngx_http_voiceai_metrics_count_t;


typedef struct {
    const char  *name;
    const char  *help;
    const char  *labels[3];
} ngx_http_voiceai_metrics_time_t;


static ngx_int_t ngx_http_voiceai_metrics_answer(ngx_http_request_t *r);
static void ngx_http_voiceai_metrics_counts(va_exposition_t *e,
    ngx_http_voiceai_metrics_sh_t *sh);
static void ngx_http_voiceai_metrics_times(va_exposition_t *e,
    ngx_http_voiceai_metrics_sh_t *sh);
static void ngx_http_voiceai_metrics_workers(va_exposition_t *e,
    ngx_http_voiceai_metrics_sh_t *sh, ngx_uint_t redis);
static void ngx_http_voiceai_metrics_providers(va_exposition_t *e,
    ngx_array_t *places);
static void ngx_http_voiceai_metrics_zones(va_exposition_t *e,
    ngx_http_voiceai_main_conf_t *vmcf);


#define NGX_HTTP_VOICEAI_CALLS                                                \
    "voiceai_calls", "Calls that Twilio told of or that were made."
#define NGX_HTTP_VOICEAI_CALL_ENDS                                            \
    "voiceai_calls_ended", "Calls whose final status Twilio reported."
#define NGX_HTTP_VOICEAI_TURNS                                                \
    "voiceai_turns", "Turns of conversations."
#define NGX_HTTP_VOICEAI_BYTES                                                \
    "voiceai_media_bytes", "Bytes on media sockets."
#define NGX_HTTP_VOICEAI_REQUESTS                                             \
    "voiceai_engine_requests", "Requests to engines that ended."
#define NGX_HTTP_VOICEAI_PHRASES                                              \
    "voiceai_phrases", "Fixed phrases looked for in the cache."


static ngx_http_voiceai_metrics_count_t  ngx_http_voiceai_metrics_list[] = {
    { NGX_HTTP_VOICEAI_CALLS, { "direction", "inbound" }, 1 },
    { NGX_HTTP_VOICEAI_CALLS, { "direction", "outbound" }, 1 },
    { "voiceai_calls_refused", "Calls turned away because of a limit.",
      { NULL }, 1 },

    { NGX_HTTP_VOICEAI_CALL_ENDS, { "status", "completed" }, 1 },
    { NGX_HTTP_VOICEAI_CALL_ENDS, { "status", "busy" }, 1 },
    { NGX_HTTP_VOICEAI_CALL_ENDS, { "status", "failed" }, 1 },
    { NGX_HTTP_VOICEAI_CALL_ENDS, { "status", "no-answer" }, 1 },
    { NGX_HTTP_VOICEAI_CALL_ENDS, { "status", "canceled" }, 1 },

    { "voiceai_streams", "Media streams that began.", { NULL }, 1 },
    { "voiceai_streams_lost", "Media streams that broke off.", { NULL }, 1 },

    { NGX_HTTP_VOICEAI_TURNS, { "role", "caller" }, 1 },
    { NGX_HTTP_VOICEAI_TURNS, { "role", "assistant" }, 1 },
    { "voiceai_interruptions", "Turns of the assistant that were cut off.",
      { NULL }, 1 },
    { "voiceai_false_interruptions",
      "Sentences that went on because nothing had really cut them off.",
      { NULL }, 1 },
    { "voiceai_noises", "Sounds of callers that were no turn.", { NULL }, 1 },
    { "voiceai_gap_seconds", "Audio that the carrier did not send.",
      { NULL }, 0.001 },

    { NGX_HTTP_VOICEAI_BYTES, { "direction", "received" }, 1 },
    { NGX_HTTP_VOICEAI_BYTES, { "direction", "sent" }, 1 },

    { NGX_HTTP_VOICEAI_REQUESTS,
      { "stage", "recogniser", "result", "done" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS,
      { "stage", "recogniser", "result", "failed" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS,
      { "stage", "recogniser", "result", "late" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS, { "stage", "model", "result", "done" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS, { "stage", "model", "result", "failed" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS, { "stage", "model", "result", "late" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS, { "stage", "voice", "result", "done" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS, { "stage", "voice", "result", "failed" }, 1 },
    { NGX_HTTP_VOICEAI_REQUESTS, { "stage", "voice", "result", "late" }, 1 },

    { NGX_HTTP_VOICEAI_PHRASES, { "result", "hit" }, 1 },
    { NGX_HTTP_VOICEAI_PHRASES, { "result", "miss" }, 1 }
};


#define NGX_HTTP_VOICEAI_STAGE_TIMES                                          \
    "voiceai_turn_stage_seconds", "Where the time before an answer went."
#define NGX_HTTP_VOICEAI_FIRST_TIMES                                          \
    "voiceai_engine_first_byte_seconds",                                      \
    "From a request to an engine to the first byte of its answer."


static ngx_http_voiceai_metrics_time_t  ngx_http_voiceai_metrics_timed[] = {
    { "voiceai_response_seconds",
      "From the end of the caller's speech to the first frame of the answer.",
      { NULL } },
    { NGX_HTTP_VOICEAI_STAGE_TIMES, { "stage", "endpointing" } },
    { NGX_HTTP_VOICEAI_STAGE_TIMES, { "stage", "recogniser" } },
    { NGX_HTTP_VOICEAI_STAGE_TIMES, { "stage", "model" } },
    { NGX_HTTP_VOICEAI_STAGE_TIMES, { "stage", "voice" } },
    { NGX_HTTP_VOICEAI_STAGE_TIMES, { "stage", "sending" } },
    { NGX_HTTP_VOICEAI_FIRST_TIMES, { "stage", "recogniser" } },
    { NGX_HTTP_VOICEAI_FIRST_TIMES, { "stage", "model" } },
    { NGX_HTTP_VOICEAI_FIRST_TIMES, { "stage", "voice" } },
    { "voiceai_event_loop_lag_seconds",
      "How late a timer of a worker's event loop was.", { NULL } },
    { "voiceai_stream_duration_seconds", "How long media streams lasted.",
      { NULL } }
};


ngx_int_t
ngx_http_voiceai_metrics_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_answer(r, ngx_http_voiceai_metrics_answer(r));
}


static ngx_int_t
ngx_http_voiceai_metrics_answer(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_str_t                      *accept, type;
    va_buf_t                        body;
    va_exposition_t                 e;
    ngx_http_voiceai_main_conf_t   *vmcf;
    ngx_http_voiceai_metrics_sh_t  *sh;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_voiceai_not_allowed(r, "GET, HEAD", "use GET");
    }

    rc = ngx_http_voiceai_api_allowed(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);
    sh = vmcf->metrics->data;
    accept = ngx_http_voiceai_header(r, "Accept");

    va_buf_init(&body, NGX_HTTP_VOICEAI_METRICS_MAX);

    va_exposition_begin(&e, &body,
                        accept && va_exposition_accepts(
                                           ngx_http_voiceai_view(accept)));

    ngx_http_voiceai_metrics_counts(&e, sh);
    ngx_http_voiceai_metrics_times(&e, sh);
    ngx_http_voiceai_metrics_workers(&e, sh, vmcf->redis != NULL);
    ngx_http_voiceai_metrics_providers(&e, &vmcf->places);
    ngx_http_voiceai_metrics_zones(&e, vmcf);
    ngx_http_voiceai_log_metrics(&e);

    va_exposition_end(&e);

    type.data = (u_char *) va_exposition_type(e.openmetrics);
    type.len = ngx_strlen(type.data);

    rc = ngx_http_voiceai_send(r, NGX_HTTP_OK, &type, &body);
    va_buf_free(&body);

    return rc;
}


static void
ngx_http_voiceai_metrics_counts(va_exposition_t *e,
    ngx_http_voiceai_metrics_sh_t *sh)
{
    ngx_uint_t                         i;
    ngx_http_voiceai_metrics_count_t  *m;

    m = ngx_http_voiceai_metrics_list;

    for (i = 0; i < NGX_HTTP_VOICEAI_COUNTS; i++) {

        if (i == 0 || ngx_strcmp(m[i].name, m[i - 1].name) != 0) {
            va_exposition_family(e, m[i].name, VA_METRIC_COUNTER, m[i].help);
        }

        va_exposition_value(e, m[i].labels, sh->counts[i] * m[i].scale);
    }
}


static void
ngx_http_voiceai_metrics_times(va_exposition_t *e,
    ngx_http_voiceai_metrics_sh_t *sh)
{
    double                             bounds[18];
    uint64_t                           counts[18];
    ngx_uint_t                         i, j, n;
    const ngx_msec_t                  *ms;
    ngx_http_voiceai_metrics_time_t   *m;
    ngx_http_voiceai_metrics_times_t  *times;

    m = ngx_http_voiceai_metrics_timed;

    for (i = 0; i < NGX_HTTP_VOICEAI_TIMES; i++) {

        if (i == 0 || ngx_strcmp(m[i].name, m[i - 1].name) != 0) {
            va_exposition_family(e, m[i].name, VA_METRIC_HISTOGRAM, m[i].help);
        }

        times = &sh->times[i];
        ms = ngx_http_voiceai_metrics_bounds(i, &n);

        for (j = 0; j < n; j++) {
            bounds[j] = ms[j] / 1000.0;
            counts[j] = times->buckets[j];
        }

        counts[n] = times->buckets[n];

        va_exposition_histogram(e, m[i].labels, bounds, counts, n,
                                times->sum / 1000.0);
    }
}


static void
ngx_http_voiceai_metrics_workers(va_exposition_t *e,
    ngx_http_voiceai_metrics_sh_t *sh, ngx_uint_t redis)
{
    ngx_pid_t   pid;
    ngx_uint_t  i, active, reach, workers;

    static const char  *version[] = { "version", VA_VERSION, NULL };

    active = 0;
    reach = 0;
    workers = 0;

    for (i = 0; i < NGX_HTTP_VOICEAI_METRICS_WORKERS; i++) {
        pid = sh->workers[i].pid;

        if (pid && (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH)) {
            workers++;
            active += sh->workers[i].active;
            reach += sh->workers[i].redis;
        }
    }

    va_exposition_family(e, "voiceai_build_info", VA_METRIC_GAUGE,
                         "The version of the module.");
    va_exposition_value(e, version, 1);

    va_exposition_family(e, "voiceai_workers", VA_METRIC_GAUGE,
                         "Worker processes, old ones that quit included.");
    va_exposition_value(e, NULL, workers);

    va_exposition_family(e, "voiceai_engine_requests_active", VA_METRIC_GAUGE,
                         "Requests to engines that are going on.");
    va_exposition_value(e, NULL, active);

    if (redis) {
        va_exposition_family(e, "voiceai_redis_up", VA_METRIC_GAUGE,
                             "Whether all workers reach Redis.");
        va_exposition_value(e, NULL, reach == workers);
    }
}


/* Each engine of the configuration by itself, and its circuit breaker. */

static void
ngx_http_voiceai_metrics_providers(va_exposition_t *e, ngx_array_t *places)
{
    char                              name[256];
    double                            value;
    ngx_uint_t                        i, n;
    const char                       *labels[5];
    ngx_http_voiceai_provider_stat_t  stat;

    static const char  *stages[] = { "recogniser", "model", "voice" };

    static const struct {
        const char        *name;
        va_metric_type_t   type;
        const char        *help;
    } families[] = {
        { "voiceai_provider_requests", VA_METRIC_COUNTER,
          "Requests to an engine of the configuration." },
        { "voiceai_provider_failures", VA_METRIC_COUNTER,
          "Requests that it failed." },
        { "voiceai_provider_circuit_open", VA_METRIC_GAUGE,
          "Whether it is left alone for a while." }
    };

    for (i = 0; places->nelts && i < 3; i++) {

        va_exposition_family(e, families[i].name, families[i].type,
                             families[i].help);

        for (n = 0;
             ngx_http_voiceai_provider_stat(places, n, &stat) == NGX_OK;
             n++)
        {
            va_str_copy(name, sizeof(name),
                        ngx_http_voiceai_view(&stat.name));

            labels[0] = "stage";
            labels[1] = stages[stat.stage];
            labels[2] = "provider";
            labels[3] = name;
            labels[4] = NULL;

            value = i == 0 ? stat.requests
                    : i == 1 ? stat.failures
                             : stat.health != NGX_HTTP_VOICEAI_WELL;
            va_exposition_value(e, labels, value);
        }
    }
}


static void
ngx_http_voiceai_metrics_zones(va_exposition_t *e,
    ngx_http_voiceai_main_conf_t *vmcf)
{
    char                           name[64];
    double                         value;
    ngx_uint_t                     i, j;
    const char                    *labels[5];
    ngx_http_voiceai_used_zone_t  *used;
    ngx_http_voiceai_zone_stat_t   stat;

    static const struct {
        const char        *name;
        va_metric_type_t   type;
        const char        *help;
        size_t             field;
    } families[] = {
        { "voiceai_zone_capacity", VA_METRIC_GAUGE,
          "Calls that a zone has room for.",
          offsetof(ngx_http_voiceai_zone_stat_t, slots) },
        { "voiceai_zone_records", VA_METRIC_GAUGE,
          "Records in a zone, those of calls that ended included.",
          offsetof(ngx_http_voiceai_zone_stat_t, used) },
        { "voiceai_calls_active", VA_METRIC_GAUGE,
          "Calls that are not over.",
          offsetof(ngx_http_voiceai_zone_stat_t, live) },
        { "voiceai_streams_active", VA_METRIC_GAUGE,
          "Calls with an open media stream.",
          offsetof(ngx_http_voiceai_zone_stat_t, streaming) },
        { "voiceai_draining", VA_METRIC_GAUGE,
          "Whether the machine is to get no new calls.",
          offsetof(ngx_http_voiceai_zone_stat_t, draining) },
        { "voiceai_zone_refused", VA_METRIC_COUNTER,
          "Calls that found a zone full.",
          offsetof(ngx_http_voiceai_zone_stat_t, refused) }
    };

    used = vmcf->zones.elts;

    for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {

        va_exposition_family(e, families[i].name, families[i].type,
                             families[i].help);

        for (j = 0; j < vmcf->zones.nelts; j++) {

            va_str_copy(name, sizeof(name),
                        ngx_http_voiceai_view(&used[j].zone->shm.name));

            labels[0] = "zone";
            labels[1] = name;
            labels[2] = NULL;

            ngx_http_voiceai_zone_stat(used[j].zone, &stat);

            value = *(ngx_uint_t *) ((u_char *) &stat + families[i].field);
            va_exposition_value(e, labels, value);
        }
    }
}
