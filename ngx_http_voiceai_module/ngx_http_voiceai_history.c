
/*
 * What the pages need of the past and have nobody to ask: calls, latencies and
 * failures of the last hours, and failed logins.  Of a fixed size, in the zone.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_web.h"
#include "ngx_http_voiceai_zone_sh.h"


/* failed logins of one address and of all in a minute */
#define NGX_HTTP_VOICEAI_ATTEMPTS_ONE   5
#define NGX_HTTP_VOICEAI_ATTEMPTS_ALL   100
#define NGX_HTTP_VOICEAI_ATTEMPTS_TIME  60


static const ngx_uint_t
    ngx_http_voiceai_history_bounds[NGX_HTTP_VOICEAI_HISTORY_BINS - 1] =
{
    100, 200, 300, 400, 550, 700, 900, 1200, 1600, 2200, 3000, 4500, 7000
};


/* The span that now belongs to, empty if it was another one's. */

static ngx_http_voiceai_span_t *
ngx_http_voiceai_history_span(ngx_http_voiceai_web_sh_t *web)
{
    uint32_t                  number;
    ngx_http_voiceai_span_t  *span;

    number = (uint32_t) (ngx_time() / NGX_HTTP_VOICEAI_HISTORY_SPAN);
    span = &web->spans[number % NGX_HTTP_VOICEAI_HISTORY_SPANS];

    if (span->number != number) {
        ngx_memzero(span, sizeof(ngx_http_voiceai_span_t));
        span->number = number;
    }

    return span;
}


void
ngx_http_voiceai_history(ngx_shm_zone_t *zone,
    ngx_http_voiceai_history_e what, ngx_uint_t value)
{
    ngx_uint_t                    i;
    ngx_http_voiceai_span_t      *span;
    ngx_http_voiceai_zone_sh_t   *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    span = ngx_http_voiceai_history_span(&sh->web);

    switch (what) {

    case NGX_HTTP_VOICEAI_HISTORY_CALL:
        span->counts[what]++;
        span->most = ngx_max(span->most, sh->streaming);
        break;

    case NGX_HTTP_VOICEAI_HISTORY_TURN:
        span->counts[what]++;

        for (i = 0; i < NGX_HTTP_VOICEAI_HISTORY_BINS - 1; i++) {
            if (value <= ngx_http_voiceai_history_bounds[i]) {
                break;
            }
        }

        span->bins[i]++;
        break;

    default:
        span->counts[what] += value;
        break;
    }

    ngx_http_voiceai_zone_unlock(sh);
}


static void
ngx_http_voiceai_history_write(va_buf_t *b, ngx_http_voiceai_span_t *span)
{
    ngx_uint_t  i;

    va_buf_printf(b, "{\"time\":%lu,\"calls\":%lu,\"turns\":%lu,"
                  "\"interruptions\":%lu,\"failures\":%lu,\"most\":%lu,"
                  "\"latency\":[",
                  (unsigned long) span->number * NGX_HTTP_VOICEAI_HISTORY_SPAN,
                  (unsigned long) span->counts[NGX_HTTP_VOICEAI_HISTORY_CALL],
                  (unsigned long) span->counts[NGX_HTTP_VOICEAI_HISTORY_TURN],
                  (unsigned long)
                      span->counts[NGX_HTTP_VOICEAI_HISTORY_INTERRUPTION],
                  (unsigned long)
                      span->counts[NGX_HTTP_VOICEAI_HISTORY_FAILURE],
                  (unsigned long) span->most);

    for (i = 0; i < NGX_HTTP_VOICEAI_HISTORY_BINS; i++) {
        va_buf_printf(b, i ? ",%lu" : "%lu", (unsigned long) span->bins[i]);
    }

    va_buf_puts(b, "]}");
}


/* GET history: the spans in which something happened, oldest first. */

ngx_int_t
ngx_http_voiceai_history_handler(ngx_http_request_t *r)
{
    va_buf_t                      b;
    uint32_t                      now, number;
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_http_voiceai_span_t      *spans;
    ngx_http_voiceai_loc_conf_t  *vlcf;
    ngx_http_voiceai_zone_sh_t   *sh;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET, HEAD", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc != NGX_OK) {
        return ngx_http_voiceai_answer(r, rc);
    }

    spans = ngx_palloc(r->pool, NGX_HTTP_VOICEAI_HISTORY_SPANS
                                * sizeof(ngx_http_voiceai_span_t));
    if (spans == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    sh = ngx_http_voiceai_zone_lock(vlcf->zone);
    ngx_memcpy(spans, sh->web.spans,
               NGX_HTTP_VOICEAI_HISTORY_SPANS
               * sizeof(ngx_http_voiceai_span_t));
    ngx_http_voiceai_zone_unlock(sh);

    va_buf_init(&b, 256 * 1024);
    va_buf_printf(&b, "{\"now\":%lu,\"span\":%d,\"spans\":%d,\"bounds\":[",
                  (unsigned long) ngx_time(), NGX_HTTP_VOICEAI_HISTORY_SPAN,
                  NGX_HTTP_VOICEAI_HISTORY_SPANS);

    for (i = 0; i < NGX_HTTP_VOICEAI_HISTORY_BINS - 1; i++) {
        va_buf_printf(&b, i ? ",%lu" : "%lu",
                      (unsigned long) ngx_http_voiceai_history_bounds[i]);
    }

    va_buf_puts(&b, "],\"history\":[");

    now = (uint32_t) (ngx_time() / NGX_HTTP_VOICEAI_HISTORY_SPAN);
    n = 0;

    for (i = NGX_HTTP_VOICEAI_HISTORY_SPANS; i > 0; i--) {
        number = now - (uint32_t) (i - 1);

        if (spans[number % NGX_HTTP_VOICEAI_HISTORY_SPANS].number == number) {
            va_buf_puts(&b, n++ ? "," : "");
            ngx_http_voiceai_history_write(&b,
                        &spans[number % NGX_HTTP_VOICEAI_HISTORY_SPANS]);
        }
    }

    va_buf_puts(&b, "]}\n");

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
}


/* The entry of an address, or else one that is over or the oldest. */

static ngx_http_voiceai_attempt_t *
ngx_http_voiceai_attempt_find(ngx_http_voiceai_web_sh_t *web, uint32_t who)
{
    ngx_uint_t                   i;
    ngx_http_voiceai_attempt_t  *a, *oldest;

    oldest = &web->attempts[0];

    for (i = 0; i < NGX_HTTP_VOICEAI_ATTEMPTS; i++) {
        a = &web->attempts[i];

        if (a->who == who && a->until) {
            oldest = a;
            break;
        }

        if (a->until < oldest->until) {
            oldest = a;
        }
    }

    if (oldest->who != who || oldest->until <= ngx_time()) {
        oldest->who = who;
        oldest->failed = 0;
        oldest->until = ngx_time() + NGX_HTTP_VOICEAI_ATTEMPTS_TIME;
    }

    return oldest;
}


/*
 * Counted as failed before it is looked at, so that attempts at the same time
 * are no way around.
 */

ngx_int_t
ngx_http_voiceai_attempt(ngx_shm_zone_t *zone, uint32_t who)
{
    ngx_int_t                     rc;
    ngx_http_voiceai_attempt_t   *a;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_web_sh_t    *web;

    rc = NGX_BUSY;
    sh = ngx_http_voiceai_zone_lock(zone);
    web = &sh->web;

    if (web->failed_until <= ngx_time()) {
        web->failed_until = ngx_time() + NGX_HTTP_VOICEAI_ATTEMPTS_TIME;
        web->failed = 0;
    }

    a = ngx_http_voiceai_attempt_find(web, who);

    if (a->failed < NGX_HTTP_VOICEAI_ATTEMPTS_ONE
        && web->failed < NGX_HTTP_VOICEAI_ATTEMPTS_ALL)
    {
        a->failed++;
        web->failed++;
        rc = NGX_OK;
    }

    ngx_http_voiceai_zone_unlock(sh);

    return rc;
}


void
ngx_http_voiceai_attempt_passed(ngx_shm_zone_t *zone, uint32_t who)
{
    ngx_http_voiceai_attempt_t   *a;
    ngx_http_voiceai_zone_sh_t   *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    a = ngx_http_voiceai_attempt_find(&sh->web, who);

    if (a->failed) {
        a->failed--;
    }

    if (sh->web.failed) {
        sh->web.failed--;
    }

    ngx_http_voiceai_zone_unlock(sh);
}
