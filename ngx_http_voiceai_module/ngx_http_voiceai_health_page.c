
/*
 * Whether this machine can take calls, for load balancers, and how what it
 * needs for that is.  Nothing is asked for the page: it tells what is known.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_fleet.h"
#include "ngx_http_voiceai_log.h"
#include "ngx_http_voiceai_zone_sh.h"

#include "../src/wire/va_json.h"


/* ms after which it is not known any more whether Twilio answers */
#define NGX_HTTP_VOICEAI_ASKED_TIME  300000


typedef enum {
    NGX_HTTP_VOICEAI_PART_WELL = 0,
    NGX_HTTP_VOICEAI_PART_BAD,      /* calls are taken all the same */
    NGX_HTTP_VOICEAI_PART_FATAL
} ngx_http_voiceai_part_e;


typedef struct {
    const char                    *name;
    const char                    *state;
    ngx_http_voiceai_part_e        is;
} ngx_http_voiceai_part_t;


enum {
    NGX_HTTP_VOICEAI_PART_ZONE = 0,
    NGX_HTTP_VOICEAI_PART_LOG,
    NGX_HTTP_VOICEAI_PART_REDIS,
    NGX_HTTP_VOICEAI_PART_TWILIO,
    NGX_HTTP_VOICEAI_PART_STAGES,
    NGX_HTTP_VOICEAI_PARTS = NGX_HTTP_VOICEAI_PART_STAGES
                             + NGX_HTTP_VOICEAI_STAGES
};


typedef struct {
    ngx_http_voiceai_loc_conf_t   *conf;
    ngx_http_voiceai_zone_stat_t   zone;
    ngx_http_voiceai_log_stat_t    log;
    ngx_http_voiceai_asked_t       asked;
    ngx_http_voiceai_part_t        parts[NGX_HTTP_VOICEAI_PARTS];
} ngx_http_voiceai_page_t;


static ngx_int_t ngx_http_voiceai_health_answer(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_health_send(ngx_http_request_t *r,
    ngx_http_voiceai_page_t *page);
static void ngx_http_voiceai_health_parts(ngx_http_voiceai_page_t *page,
    ngx_uint_t redis);
static void ngx_http_voiceai_health_twilio(ngx_http_voiceai_page_t *page);
static void ngx_http_voiceai_health_stage(ngx_http_voiceai_page_t *page,
    ngx_uint_t stage);
static void ngx_http_voiceai_health_details(va_buf_t *b,
    ngx_http_voiceai_page_t *page, ngx_uint_t part);
static void ngx_http_voiceai_health_engines(va_buf_t *b,
    ngx_http_voiceai_engines_t *engines);


static const char  *ngx_http_voiceai_part_names[] = {
    "zone", "call_log", "redis", "twilio", "recogniser", "model", "voice"
};


void
ngx_http_voiceai_zone_asked(ngx_shm_zone_t *zone, ngx_uint_t status)
{
    ngx_http_voiceai_zone_sh_t  *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    sh->asked.known = 1;
    sh->asked.status = status;
    sh->asked.at = ngx_current_msec;

    ngx_http_voiceai_zone_unlock(sh);
}


ngx_int_t
ngx_http_voiceai_health_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_answer(r, ngx_http_voiceai_health_answer(r));
}


static ngx_int_t
ngx_http_voiceai_health_answer(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_voiceai_page_t        page;
    ngx_http_voiceai_zone_sh_t    *sh;
    ngx_http_voiceai_main_conf_t  *vmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_voiceai_not_allowed(r, "GET, HEAD", "use GET");
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);

    ngx_memzero(&page, sizeof(ngx_http_voiceai_page_t));

    page.conf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    ngx_http_voiceai_zone_stat(page.conf->zone, &page.zone);

    sh = ngx_http_voiceai_zone_lock(page.conf->zone);
    page.asked = sh->asked;
    ngx_http_voiceai_zone_unlock(sh);

    ngx_http_voiceai_health_parts(&page, vmcf->redis != NULL);

    return ngx_http_voiceai_health_send(r, &page);
}


static ngx_int_t
ngx_http_voiceai_health_send(ngx_http_request_t *r,
    ngx_http_voiceai_page_t *page)
{
    va_buf_t                  body;
    ngx_uint_t                i, known;
    const char               *status, *sep;
    ngx_http_voiceai_part_e   worst;

    known = ngx_http_voiceai_api_known(r);
    worst = NGX_HTTP_VOICEAI_PART_WELL;

    for (i = 0; i < NGX_HTTP_VOICEAI_PARTS; i++) {
        worst = ngx_max(worst, page->parts[i].is);
    }

    status = page->zone.draining ? "draining"
             : worst == NGX_HTTP_VOICEAI_PART_WELL ? "ok"
             : worst == NGX_HTTP_VOICEAI_PART_BAD ? "degraded"
             : "unavailable";

    va_buf_init(&body, 65536);
    va_buf_printf(&body, "{\"status\":\"%s\",\"message\":\"", status);

    if (page->zone.draining) {
        va_buf_puts(&body, "this machine is drained");

    } else if (worst == NGX_HTTP_VOICEAI_PART_WELL) {
        va_buf_puts(&body, "voice AI server is running");

    } else {
        sep = (worst == NGX_HTTP_VOICEAI_PART_FATAL)
              ? "no calls can be taken: " : "calls are taken, but: ";

        for (i = 0; i < NGX_HTTP_VOICEAI_PARTS; i++) {
            if (page->parts[i].is) {
                va_buf_printf(&body, "%s%s %s", sep, page->parts[i].name,
                              page->parts[i].state);
                sep = ", ";
            }
        }
    }

    va_buf_printf(&body, "\",\"active_sessions\":%lu,\"public_url\":",
                  (unsigned long) page->zone.streaming);
    va_json_quote(&body, ngx_http_voiceai_view(&page->conf->public_url));
    va_buf_printf(&body, ",\"version\":\"%s\",\"draining\":%s,"
                  "\"components\":{", VA_VERSION,
                  page->zone.draining ? "true" : "false");

    for (i = 0; i < NGX_HTTP_VOICEAI_PARTS; i++) {
        va_buf_printf(&body, "%s\"%s\":{\"state\":\"%s\"", i ? "," : "",
                      page->parts[i].name, page->parts[i].state);

        if (known) {
            ngx_http_voiceai_health_details(&body, page, i);
        }

        va_buf_puts(&body, "}");
    }

    va_buf_puts(&body, "}}\n");

    if (ngx_http_voiceai_add_header(r, "Cache-Control", "no-store")
        != NGX_OK)
    {
        va_buf_free(&body);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_api_send(r, page->zone.draining
                                     || worst == NGX_HTTP_VOICEAI_PART_FATAL
                                     ? NGX_HTTP_SERVICE_UNAVAILABLE
                                     : NGX_HTTP_OK, &body);
}


static void
ngx_http_voiceai_health_set(ngx_http_voiceai_page_t *page, ngx_uint_t part,
    const char *state, ngx_http_voiceai_part_e is)
{
    page->parts[part].name = ngx_http_voiceai_part_names[part];
    page->parts[part].state = state;
    page->parts[part].is = is;
}


static void
ngx_http_voiceai_health_parts(ngx_http_voiceai_page_t *page, ngx_uint_t redis)
{
    ngx_uint_t  stage, max;

    max = page->conf->max_calls;

    if (page->zone.room && (max == 0 || page->zone.live < max)) {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_ZONE, "ok",
                                    NGX_HTTP_VOICEAI_PART_WELL);
    } else {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_ZONE, "full",
                                    NGX_HTTP_VOICEAI_PART_FATAL);
    }

    if (ngx_http_voiceai_log_stat(&page->log) != NGX_OK) {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_LOG, "off",
                                    NGX_HTTP_VOICEAI_PART_WELL);
    } else if (page->log.away) {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_LOG, "away",
                                    NGX_HTTP_VOICEAI_PART_BAD);
    } else {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_LOG, "ok",
                                    NGX_HTTP_VOICEAI_PART_WELL);
    }

    if (!redis) {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_REDIS, "off",
                                    NGX_HTTP_VOICEAI_PART_WELL);
    } else if (ngx_http_voiceai_fleet_up()) {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_REDIS, "ok",
                                    NGX_HTTP_VOICEAI_PART_WELL);
    } else {
        ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_REDIS, "away",
                                    NGX_HTTP_VOICEAI_PART_BAD);
    }

    ngx_http_voiceai_health_twilio(page);

    for (stage = 0; stage < NGX_HTTP_VOICEAI_STAGES; stage++) {
        ngx_http_voiceai_health_stage(page, stage);
    }
}


/* What the last request of ours told, if that was not too long ago. */

static void
ngx_http_voiceai_health_twilio(ngx_http_voiceai_page_t *page)
{
    const char               *state;
    ngx_uint_t                status;
    ngx_http_voiceai_part_e   is;

    is = NGX_HTTP_VOICEAI_PART_WELL;
    status = page->asked.status;

    if (page->conf->account_sid.len == 0) {
        state = "off";

    } else if (!page->asked.known
               || ngx_current_msec - page->asked.at
                  > NGX_HTTP_VOICEAI_ASKED_TIME)
    {
        state = "unknown";

    } else if (status == 0 || status >= 500) {
        state = "away";
        is = NGX_HTTP_VOICEAI_PART_BAD;

    } else if (status == 401 || status == 403) {
        state = "refused";
        is = NGX_HTTP_VOICEAI_PART_BAD;

    } else {
        state = "ok";
    }

    ngx_http_voiceai_health_set(page, NGX_HTTP_VOICEAI_PART_TWILIO, state, is);
}


/*
 * A stage is away while all its engines are left alone.  When a pause is over
 * calls are let in again, because only they find out how the engine is.
 */

static void
ngx_http_voiceai_health_stage(ngx_http_voiceai_page_t *page, ngx_uint_t stage)
{
    ngx_uint_t                         i, n, alone;
    ngx_http_voiceai_engine_t         *engine;
    ngx_http_voiceai_engines_t        *engines;
    ngx_http_voiceai_provider_stat_t   stat;

    engines = &page->conf->engines[stage];
    stage += NGX_HTTP_VOICEAI_PART_STAGES;

    /* <Gather>: Twilio listens and speaks */

    if (engines->off || engines->list == NULL
        || (page->conf->mode == NGX_HTTP_VOICEAI_MODE_GATHER
            && stage != NGX_HTTP_VOICEAI_PART_STAGES + NGX_HTTP_VOICEAI_LLM))
    {
        ngx_http_voiceai_health_set(page, stage, "off",
                                    NGX_HTTP_VOICEAI_PART_WELL);
        return;
    }

    engine = engines->list->elts;
    n = engines->list->nelts;
    alone = 0;

    for (i = 0; i < n; i++) {
        if (engine[i].place) {
            ngx_http_voiceai_place_stat(engine[i].place, &stat);
            alone += (stat.alone != 0);
        }
    }

    if (alone == 0) {
        ngx_http_voiceai_health_set(page, stage, "ok",
                                    NGX_HTTP_VOICEAI_PART_WELL);
    } else if (alone < n) {
        ngx_http_voiceai_health_set(page, stage, "degraded",
                                    NGX_HTTP_VOICEAI_PART_BAD);
    } else {
        ngx_http_voiceai_health_set(page, stage, "away",
                                    NGX_HTTP_VOICEAI_PART_FATAL);
    }
}


/* More of it, for who has the key. */

static void
ngx_http_voiceai_health_details(va_buf_t *b, ngx_http_voiceai_page_t *page,
    ngx_uint_t part)
{
    switch (part) {

    case NGX_HTTP_VOICEAI_PART_ZONE:
        va_buf_puts(b, ",\"name\":");
        va_json_quote(b, ngx_http_voiceai_view(&page->conf->zone->shm.name));
        va_buf_printf(b, ",\"slots\":%lu,\"used\":%lu,\"live\":%lu,"
                      "\"refused\":%lu",
                      (unsigned long) page->zone.slots,
                      (unsigned long) page->zone.used,
                      (unsigned long) page->zone.live,
                      (unsigned long) page->zone.refused);
        break;

    case NGX_HTTP_VOICEAI_PART_LOG:
        if (ngx_http_voiceai_log_conf()) {
            va_buf_printf(b, ",\"waiting\":%llu,\"journal\":%llu,"
                          "\"lost\":%llu",
                          (unsigned long long) page->log.waiting,
                          (unsigned long long) page->log.journal,
                          (unsigned long long) page->log.lost);
        }

        break;

    case NGX_HTTP_VOICEAI_PART_REDIS:
        va_buf_printf(b, ",\"elsewhere\":%s",
                      ngx_http_voiceai_fleet_elsewhere(page->conf->zone)
                      ? "true" : "false");
        break;

    case NGX_HTTP_VOICEAI_PART_TWILIO:
        if (page->asked.known) {
            va_buf_printf(b, ",\"http\":%lu,\"seconds\":%lu",
                          (unsigned long) page->asked.status,
                          (unsigned long) (ngx_current_msec - page->asked.at)
                          / 1000);
        }

        break;

    default:
        ngx_http_voiceai_health_engines(b,
                &page->conf->engines[part - NGX_HTTP_VOICEAI_PART_STAGES]);
        break;
    }
}


static void
ngx_http_voiceai_health_engines(va_buf_t *b,
    ngx_http_voiceai_engines_t *engines)
{
    ngx_uint_t                         i;
    const char                        *sep;
    ngx_http_voiceai_engine_t         *engine;
    ngx_http_voiceai_provider_stat_t   stat;

    static const char  *states[] = { "ok", "left alone", "tried" };

    if (engines->off || engines->list == NULL) {
        return;
    }

    engine = engines->list->elts;
    sep = "";

    va_buf_puts(b, ",\"engines\":[");

    for (i = 0; i < engines->list->nelts; i++) {

        if (engine[i].place == NULL) {
            continue;
        }

        ngx_http_voiceai_place_stat(engine[i].place, &stat);

        va_buf_printf(b, "%s{\"name\":", sep);
        va_json_quote(b, ngx_http_voiceai_view(&stat.name));
        va_buf_printf(b, ",\"state\":\"%s\",\"alone_ms\":%lu,"
                      "\"requests\":%lu,\"failures\":%lu}",
                      states[stat.health], (unsigned long) stat.alone,
                      (unsigned long) stat.requests,
                      (unsigned long) stat.failures);
        sep = ",";
    }

    va_buf_puts(b, "]");
}
