
/*
 * Several machines that answer calls together: the records of calls are
 * mirrored in Redis, and commands travel by its channels.
 */


#ifndef _NGX_HTTP_VOICEAI_FLEET_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_FLEET_H_INCLUDED_


#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_redis.h"


/* beside NGX_HTTP_VOICEAI_STORE_...: what is mirrored of a record */
#define NGX_HTTP_VOICEAI_FLEET_IDENTITY  0x1000
#define NGX_HTTP_VOICEAI_FLEET_OWNER     0x2000
#define NGX_HTTP_VOICEAI_FLEET_ALL       0xffff

#define NGX_HTTP_VOICEAI_FLEET_KEY       512
#define NGX_HTTP_VOICEAI_MACHINE_LEN     16

/* strings of a command that writes a record */
#define NGX_HTTP_VOICEAI_FLEET_ARGS      128


typedef struct ngx_http_voiceai_fetch_s  ngx_http_voiceai_fetch_t;

/* What was there is in the zone now. */
typedef void (*ngx_http_voiceai_fetch_pt)(void *data);

/* A record of another machine; NULL: that was the last one. */
typedef void (*ngx_http_voiceai_fleet_pt)(void *data,
    ngx_http_voiceai_record_t *rec);


VA_BEGIN_DECLS

/* Per worker; name is that of its mailbox. */
ngx_int_t ngx_http_voiceai_fleet_init(ngx_cycle_t *cycle,
    ngx_http_voiceai_main_conf_t *vmcf, u_char *name);
void ngx_http_voiceai_fleet_exit(void);

/* Whether the other machines can be asked. */
ngx_uint_t ngx_http_voiceai_fleet_up(void);

/* Another machine takes new calls: seen now, and whether one was seen. */
void ngx_http_voiceai_fleet_other(ngx_shm_zone_t *zone);
ngx_uint_t ngx_http_voiceai_fleet_elsewhere(ngx_shm_zone_t *zone);

/* Whether everybody has had time to come back since Redis was away. */
ngx_uint_t ngx_http_voiceai_fleet_settled(void);

/*
 * Writes what was changed of a record of this zone.  Without Redis nothing
 * happens; when it is back all records of this machine are written.
 */
void ngx_http_voiceai_fleet_put(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t what);

/*
 * Brings what other machines know of a call into the zone.  NULL when there is
 * nobody to ask, and then the handler is not called; otherwise it is called
 * once, later, whether or not anything was found, unless it is forgotten.
 */
ngx_http_voiceai_fetch_t *ngx_http_voiceai_fleet_fetch(ngx_shm_zone_t *zone,
    ngx_str_t *sid, ngx_http_voiceai_fetch_pt handler, void *data);
void ngx_http_voiceai_fleet_forget(ngx_http_voiceai_fetch_t *fetch);

/*
 * Reads the records of other machines one by one.  NULL when there is nobody to
 * ask; the handler is called later otherwise.
 */
ngx_http_voiceai_fetch_t *ngx_http_voiceai_fleet_list(ngx_shm_zone_t *zone,
    ngx_uint_t max, ngx_http_voiceai_fleet_pt handler, void *data);

/*
 * Sends bytes to the mailbox of a worker of another machine; sent is told how
 * it went: NGX_OK, or NGX_DECLINED when nobody listens there.  NGX_DECLINED
 * when there is no Redis.
 */
ngx_int_t ngx_http_voiceai_fleet_send(u_char *name, va_str_t message,
    void (*sent)(void *data, ngx_int_t rc), void *data);

/* Sends at once what waits to be sent, before others can hear of it. */
void ngx_http_voiceai_fleet_flush(void);

/* ngx_http_voiceai_fleet_request.c */

/*
 * Calls the handler when what other machines know of the call is in the zone,
 * at once when there is nobody to ask.  To be returned from a content handler
 * or a handler of a body.
 */
ngx_int_t ngx_http_voiceai_fleet_request(ngx_http_request_t *r,
    ngx_str_t *sid, ngx_int_t (*handler)(ngx_http_request_t *r));

/* The same for the call of the context's form, and its form handler. */
ngx_int_t ngx_http_voiceai_fleet_form(ngx_http_request_t *r);

/* Writes a key: what it is of, the zone, and a name, into a buffer of _KEY. */
va_str_t ngx_http_voiceai_fleet_key(u_char *buf, const char *kind,
    ngx_shm_zone_t *zone, u_char *name, size_t len);

ngx_int_t ngx_http_voiceai_fleet_ask(va_str_t *argv, ngx_uint_t argc,
    va_redis_pt reply, void *data);

/* Whether that is the name of this machine. */
ngx_uint_t ngx_http_voiceai_fleet_self(ngx_shm_zone_t *zone,
    va_str_t machine);

/* ngx_http_voiceai_fleet_heir.c: looks for machines that died */
void ngx_http_voiceai_fleet_heir(ngx_shm_zone_t *zone);

/* ngx_http_voiceai_fleet_record.c */

/*
 * Writes the fields of `what` as names and values; returns how many strings.
 * They stay as they are until the next call.
 */
ngx_uint_t ngx_http_voiceai_fleet_encode(ngx_http_voiceai_record_t *rec,
    ngx_uint_t what, va_str_t *argv);

/* Reads names and values, as HGETALL gives them.  NGX_OK, or NGX_ERROR. */
ngx_int_t ngx_http_voiceai_fleet_decode(ngx_http_voiceai_record_t *rec,
    const va_reply_t *reply);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_FLEET_H_INCLUDED_ */
