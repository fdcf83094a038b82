
/*
 * The pages for people: files inside the module, who may use them, the browser
 * phone, and what the zone remembers for their plots.
 */


#ifndef _NGX_HTTP_VOICEAI_WEB_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_WEB_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../src/base/va_base.h"


/* addresses whose failed logins are counted at once */
#define NGX_HTTP_VOICEAI_ATTEMPTS       64

/* six hours of the past, and bounds of latencies in ms, the last is open */
#define NGX_HTTP_VOICEAI_HISTORY_SPAN   120
#define NGX_HTTP_VOICEAI_HISTORY_SPANS  180
#define NGX_HTTP_VOICEAI_HISTORY_BINS   14


typedef struct {
    uint32_t                    who;        /* hash of the address */
    uint32_t                    failed;
    time_t                      until;      /* then all is forgiven */
} ngx_http_voiceai_attempt_t;


typedef enum {
    NGX_HTTP_VOICEAI_HISTORY_CALL = 0,      /* began */
    NGX_HTTP_VOICEAI_HISTORY_TURN,          /* answered after value ms */
    NGX_HTTP_VOICEAI_HISTORY_INTERRUPTION,  /* value of them */
    NGX_HTTP_VOICEAI_HISTORY_FAILURE,       /* value of them */
    NGX_HTTP_VOICEAI_HISTORY_KINDS
} ngx_http_voiceai_history_e;


typedef struct {
    uint32_t                    number;     /* of the span since 1970 */
    uint32_t                    counts[NGX_HTTP_VOICEAI_HISTORY_KINDS];
    uint32_t                    most;       /* streams at once */
    uint32_t                    bins[NGX_HTTP_VOICEAI_HISTORY_BINS];
} ngx_http_voiceai_span_t;


/* What stands in the zone. */
typedef struct {
    ngx_http_voiceai_attempt_t  attempts[NGX_HTTP_VOICEAI_ATTEMPTS];
    time_t                      failed_until;
    ngx_uint_t                  failed;     /* of all addresses */
    ngx_http_voiceai_span_t     spans[NGX_HTTP_VOICEAI_HISTORY_SPANS];
} ngx_http_voiceai_web_sh_t;


VA_BEGIN_DECLS

/* ngx_http_voiceai_web.c */
ngx_int_t ngx_http_voiceai_phone_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_dashboard_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_module.c: what "voiceai on" serves under the path */
ngx_http_handler_pt ngx_http_voiceai_route(ngx_str_t *uri);

/* ngx_http_voiceai_login.c */

/*
 * Whether the request comes from a page of ours: NGX_OK, or a refusal that is
 * noted.  Requests of programs say nothing of pages and are taken.
 */
ngx_int_t ngx_http_voiceai_same_site(ngx_http_request_t *r);

/*
 * Whether the request brings the cookie of somebody who gave the key: NGX_OK,
 * NGX_DECLINED, or a refusal that is noted.
 */
ngx_int_t ngx_http_voiceai_cookie(ngx_http_request_t *r);

/* POST login {"key":"..."}, POST logout, GET me; of all pages. */
ngx_int_t ngx_http_voiceai_login_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_logout_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_me_handler(ngx_http_request_t *r);

/* ngx_http_voiceai_phone.c: POST call and POST next of the browser phone. */
ngx_int_t ngx_http_voiceai_phone_call_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_voiceai_phone_next_handler(ngx_http_request_t *r);

/*
 * Whether the handshake of a media socket brings a ticket of the browser
 * phone; NGX_OK or NGX_DECLINED.
 */
ngx_int_t ngx_http_voiceai_phone_ticket(ngx_http_request_t *r);

/* ngx_http_voiceai_history.c */
void ngx_http_voiceai_history(ngx_shm_zone_t *zone,
    ngx_http_voiceai_history_e what, ngx_uint_t value);
ngx_int_t ngx_http_voiceai_history_handler(ngx_http_request_t *r);

/* Counts a login that is tried: NGX_OK, or NGX_BUSY when there were many. */
ngx_int_t ngx_http_voiceai_attempt(ngx_shm_zone_t *zone, uint32_t who);

/* It was right. */
void ngx_http_voiceai_attempt_passed(ngx_shm_zone_t *zone, uint32_t who);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_WEB_H_INCLUDED_ */
