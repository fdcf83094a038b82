
/*
 * What is known of calls, one by one or of all: those of other machines too.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_fleet.h"

#include "../src/twilio/va_status.h"
#include "../src/wire/va_json.h"


/* calls in one answer */
#define NGX_HTTP_VOICEAI_API_SESSIONS  1000
#define NGX_HTTP_VOICEAI_API_JSON      (4 * 1024 * 1024)


/* A list that waits for what other machines have. */
typedef struct {
    ngx_http_request_t           *request;
    ngx_http_voiceai_fetch_t     *fetch;
    va_buf_t                      json;
    ngx_uint_t                    count;
    uint64_t                     *told;     /* digests of their CallSids */
    ngx_uint_t                    ended;    /* those as well */
} ngx_http_voiceai_list_t;


static ngx_int_t ngx_http_voiceai_sessions(ngx_http_request_t *r);
static void ngx_http_voiceai_sessions_own(ngx_http_voiceai_list_t *list,
    ngx_uint_t streaming);
static void ngx_http_voiceai_sessions_add(ngx_http_voiceai_list_t *list,
    ngx_http_voiceai_record_t *rec);
static void ngx_http_voiceai_sessions_other(void *data,
    ngx_http_voiceai_record_t *rec);
static ngx_int_t ngx_http_voiceai_sessions_send(ngx_http_voiceai_list_t *list);
static void ngx_http_voiceai_sessions_cleanup(void *data);
static ngx_int_t ngx_http_voiceai_session(ngx_http_request_t *r);


static const char *
ngx_http_voiceai_api_state(ngx_http_voiceai_record_t *rec)
{
    switch (rec->state) {

    case NGX_HTTP_VOICEAI_ANNOUNCED:
        return "announced";

    case NGX_HTTP_VOICEAI_STREAMING:
    case NGX_HTTP_VOICEAI_REMOTE:
        return "streaming";

    case NGX_HTTP_VOICEAI_LOST:
        return "reconnecting";

    case NGX_HTTP_VOICEAI_DIALING:
        return "transferred";

    default:
        return "ended";
    }
}


#define ngx_http_voiceai_api_str(b, name, field, rec)                         \
    do {                                                                      \
        va_buf_puts(b, ",\"" name "\":");                                     \
        va_json_quote(b, (va_str_t) { (char *) (rec)->field,                  \
                                      (rec)->field##_len });                  \
    } while (0)


void
ngx_http_voiceai_api_call(va_buf_t *b, ngx_http_voiceai_record_t *rec)
{
    va_buf_puts(b, "\"call_sid\":");
    va_json_quote(b, (va_str_t) { (char *) rec->sid, rec->sid_len });
    ngx_http_voiceai_api_str(b, "stream_sid", stream_sid, rec);
    ngx_http_voiceai_api_str(b, "from", from, rec);
    ngx_http_voiceai_api_str(b, "to", to, rec);
    ngx_http_voiceai_api_str(b, "direction", direction, rec);

    va_buf_printf(b, ",\"mode\":\"%s\",\"state\":\"%s\",\"phase\":\"%s\","
                  "\"status\":\"%s\",\"answered_by\":\"%s\","
                  "\"started\":%ld,\"duration\":%ld,\"connections\":%lu,"
                  "\"turns\":%lu,\"interruptions\":%lu,\"failures\":%lu,"
                  "\"latency_ms\":%lu,\"worker\":%ld%s",
                  rec->gather ? "gather" : "stream",
                  ngx_http_voiceai_api_state(rec),
                  rec->state == NGX_HTTP_VOICEAI_STREAMING
                  || rec->state == NGX_HTTP_VOICEAI_REMOTE
                      ? va_call_phase_name((va_phase_t) rec->phase) : "",
                  va_status_name((va_status_t) rec->status),
                  va_answered_name((va_answered_t) rec->answered_by),
                  (long) rec->created,
                  (long) ((rec->state == NGX_HTTP_VOICEAI_ENDED
                           ? rec->updated : ngx_time()) - rec->created),
                  (unsigned long) rec->connects,
                  (unsigned long) rec->turns,
                  (unsigned long) rec->interruptions,
                  (unsigned long) rec->failures,
                  (unsigned long) rec->latency,
                  rec->state == NGX_HTTP_VOICEAI_STREAMING
                      ? (long) rec->owner : 0L,
                  rec->state == NGX_HTTP_VOICEAI_REMOTE
                      ? ",\"remote\":true" : "");
}


ngx_int_t
ngx_http_voiceai_sessions_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc == NGX_OK) {
        return ngx_http_voiceai_sessions(r);
    }

    return ngx_http_voiceai_answer(r, rc);
}


static ngx_int_t
ngx_http_voiceai_sessions(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_voiceai_list_t      *list;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    if (ngx_http_voiceai_get_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_list_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list = cln->data;
    ngx_memzero(list, sizeof(ngx_http_voiceai_list_t));
    cln->handler = ngx_http_voiceai_sessions_cleanup;

    list->request = r;
    list->ended = (r->args.len == sizeof("ended=1") - 1
                   && ngx_strncmp(r->args.data, "ended=1", r->args.len) == 0);

    va_buf_init(&list->json, NGX_HTTP_VOICEAI_API_JSON);
    va_buf_puts(&list->json, "{\"sessions\":[");

    list->told = ngx_palloc(r->pool, NGX_HTTP_VOICEAI_API_SESSIONS
                                     * sizeof(uint64_t));
    if (list->told == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_voiceai_sessions_own(list, 1);

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    list->fetch = ngx_http_voiceai_fleet_list(vlcf->zone,
                                  NGX_HTTP_VOICEAI_API_SESSIONS - list->count,
                                  ngx_http_voiceai_sessions_other, list);

    if (list->fetch) {
        r->main->count++;
        return NGX_DONE;
    }

    return ngx_http_voiceai_sessions_send(list);
}


/*
 * Calls of this machine's zone: first those whose stream is here, of which
 * nobody knows more, and after those of other machines the rest.
 */

static void
ngx_http_voiceai_sessions_own(ngx_http_voiceai_list_t *list,
    ngx_uint_t streaming)
{
    uint32_t                      at;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(list->request, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(list->request,
                                        ngx_http_voiceai_module);
    rec = &ctx->record;
    at = 0;

    while (ngx_http_voiceai_zone_next(vlcf->zone, rec, &at) == NGX_OK) {

        if ((rec->state == NGX_HTTP_VOICEAI_STREAMING) == streaming) {
            ngx_http_voiceai_sessions_add(list, rec);
        }
    }
}


static void
ngx_http_voiceai_sessions_add(ngx_http_voiceai_list_t *list,
    ngx_http_voiceai_record_t *rec)
{
    uint64_t    digest;
    ngx_uint_t  i;

    if ((rec->state == NGX_HTTP_VOICEAI_ENDED && !list->ended)
        || ngx_http_voiceai_pending(rec)
        || list->count == NGX_HTTP_VOICEAI_API_SESSIONS)
    {
        return;
    }

    digest = (uint64_t) ngx_crc32_short(rec->sid, rec->sid_len) << 32
             | ngx_murmur_hash2(rec->sid, rec->sid_len);

    for (i = 0; i < list->count; i++) {
        if (list->told[i] == digest) {
            return;
        }
    }

    list->told[list->count] = digest;

    va_buf_puts(&list->json, list->count++ ? ",{" : "{");
    ngx_http_voiceai_api_call(&list->json, rec);
    va_buf_puts(&list->json, "}");
}


static void
ngx_http_voiceai_sessions_other(void *data, ngx_http_voiceai_record_t *rec)
{
    ngx_http_voiceai_list_t *list = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (rec) {
        ngx_http_voiceai_sessions_add(list, rec);
        return;
    }

    r = list->request;
    c = r->connection;
    list->fetch = NULL;

    ngx_http_finalize_request(r, ngx_http_voiceai_sessions_send(list));
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_voiceai_sessions_send(ngx_http_voiceai_list_t *list)
{
    ngx_http_voiceai_sessions_own(list, 0);

    va_buf_printf(&list->json, "],\"count\":%lu}\n",
                  (unsigned long) list->count);

    return ngx_http_voiceai_api_send(list->request, NGX_HTTP_OK, &list->json);
}


static void
ngx_http_voiceai_sessions_cleanup(void *data)
{
    ngx_http_voiceai_list_t *list = data;

    if (list->fetch) {
        ngx_http_voiceai_fleet_forget(list->fetch);
    }

    va_buf_free(&list->json);
}


ngx_int_t
ngx_http_voiceai_session_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  sid, segment;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc == NGX_OK) {
        ngx_http_voiceai_api_segment(r, &segment, &sid);
        rc = ngx_http_voiceai_fleet_request(r, &sid, ngx_http_voiceai_session);
    }

    return ngx_http_voiceai_answer(r, rc);
}


void
ngx_http_voiceai_api_turn(va_buf_t *b, const va_turn_t *turn)
{
    ngx_uint_t  i, comma;

    va_buf_printf(b, "{\"role\":\"%s\",\"text\":",
                  turn->role == VA_ROLE_USER ? "user" : "assistant");
    va_json_quote(b, turn->text);

    if (turn->confidence >= 0) {
        va_buf_printf(b, ",\"confidence\":%.2f", turn->confidence);
    }

    if (turn->interrupted) {
        va_buf_puts(b, ",\"interrupted\":true");
    }

    if (turn->timed) {
        va_buf_puts(b, ",\"latency_ms\":{");
        comma = 0;

        for (i = 0; i < VA_TURN_TIMES; i++) {
            if (turn->ms[i] != VA_TURN_NEVER) {
                va_buf_printf(b, "%s\"%s\":%u", comma++ ? "," : "",
                              va_turn_time_name((va_turn_time_t) i),
                              (unsigned) turn->ms[i]);
            }
        }

        va_buf_puts(b, "}");
    }

    va_buf_puts(b, "}");
}


static ngx_int_t
ngx_http_voiceai_session(ngx_http_request_t *r)
{
    u_char                     *p, *last;
    size_t                      at;
    va_buf_t                    b;
    va_turn_t                   turn;
    ngx_int_t                   rc;
    ngx_str_t                   segment, sid;
    ngx_uint_t                  comma;
    ngx_http_voiceai_ctx_t     *ctx;
    ngx_http_voiceai_record_t  *rec;

    ngx_http_voiceai_api_segment(r, &segment, &sid);

    rc = ngx_http_voiceai_api_find(r, &sid);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    va_buf_init(&b, NGX_HTTP_VOICEAI_API_JSON);
    va_buf_puts(&b, "{");
    ngx_http_voiceai_api_call(&b, rec);

    va_buf_puts(&b, ",\"parameters\":{");

    p = rec->params;
    last = p + rec->params_len;
    comma = 0;

    while (p < last) {
        va_buf_puts(&b, comma++ ? "," : "");
        va_json_quote(&b, va_str((char *) p));
        p += ngx_strlen(p) + 1;
        va_buf_puts(&b, ":");
        va_json_quote(&b, va_str((char *) p));
        p += ngx_strlen(p) + 1;
    }

    va_buf_puts(&b, "},\"conversation\":[");

    at = 0;
    comma = 0;

    while (va_turns_next(rec->history, rec->history_len, &at, &turn)) {
        va_buf_puts(&b, comma++ ? "," : "");
        ngx_http_voiceai_api_turn(&b, &turn);
    }

    va_buf_puts(&b, "]}\n");

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
}
