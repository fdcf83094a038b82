
/*
 * Messages between workers, of all generations: each worker has a mailbox, a
 * datagram socket in the abstract namespace whose name stands in the zone.
 * Nothing but bytes crosses: a call is named by its CallSid, and a message
 * without the zone's secret is dropped.
 */


#ifndef _NGX_HTTP_VOICEAI_BUS_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_BUS_H_INCLUDED_


#include "ngx_http_voiceai_module.h"


/* a command's text */
#define NGX_HTTP_VOICEAI_BUS_TEXT       4096
/* an event as JSON; none is larger, however much of it has to be escaped */
#define NGX_HTTP_VOICEAI_BUS_EVENT_MAX  16384


typedef enum {
    NGX_HTTP_VOICEAI_BUS_REPLY = 0,
    NGX_HTTP_VOICEAI_BUS_EVENT,
    NGX_HTTP_VOICEAI_BUS_INTERRUPT,
    NGX_HTTP_VOICEAI_BUS_HANGUP,
    NGX_HTTP_VOICEAI_BUS_SAY,
    NGX_HTTP_VOICEAI_BUS_SAY_HANGUP,
    NGX_HTTP_VOICEAI_BUS_TRANSFER
} ngx_http_voiceai_bus_kind_e;


typedef struct ngx_http_voiceai_ask_s  ngx_http_voiceai_ask_t;

/*
 * The answer to a command, once, on the event loop:
 * NGX_OK        done
 * NGX_DECLINED  the worker does not have the call any more
 * NGX_BUSY      its mailbox is full
 * NGX_ABORT     it did not answer in time
 */
typedef void (*ngx_http_voiceai_ask_pt)(void *data, ngx_int_t rc);

/* An event, as JSON, of any worker. */
typedef void (*ngx_http_voiceai_listener_pt)(void *data, ngx_str_t *event);

typedef struct {
    ngx_queue_t                   queue;
    ngx_http_voiceai_listener_pt  handler;
    void                         *data;
    ngx_shm_zone_t               *zone;
} ngx_http_voiceai_listener_t;


VA_BEGIN_DECLS

/* Per worker; enters the zones in use. */
ngx_int_t ngx_http_voiceai_bus_init(ngx_cycle_t *cycle,
    ngx_http_voiceai_main_conf_t *vmcf);
void ngx_http_voiceai_bus_exit(void);

/*
 * Sends a command to the worker that rec names as the owner of the stream.
 * Always by its mailbox, even to itself.  NULL without memory; otherwise the
 * handler is called later, unless the ask is forgotten before.
 */
ngx_http_voiceai_ask_t *ngx_http_voiceai_bus_ask(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_http_voiceai_bus_kind_e kind,
    ngx_str_t *text, ngx_http_voiceai_ask_pt handler, void *data);

void ngx_http_voiceai_bus_forget(ngx_http_voiceai_ask_t *ask);

/* A command, or the answer to one, that came from another machine. */
void ngx_http_voiceai_bus_remote(va_str_t message);

/* Calls of a zone have been lost: they are to be connected again. */
void ngx_http_voiceai_bus_recover(ngx_shm_zone_t *zone);

/* Adds and removes a listener of this worker. */
void ngx_http_voiceai_bus_listen(ngx_http_voiceai_listener_t *l);
void ngx_http_voiceai_bus_unlisten(ngx_http_voiceai_listener_t *l);

/* Whether anybody listens; looked at before an event is written. */
ngx_uint_t ngx_http_voiceai_bus_listened(ngx_shm_zone_t *zone);

/*
 * Hands an event to the listeners of all workers.  What a full mailbox does
 * not take is dropped and counted.
 */
void ngx_http_voiceai_bus_publish(ngx_shm_zone_t *zone, va_buf_t *event);

/* Events that were dropped by this worker. */
ngx_uint_t ngx_http_voiceai_bus_dropped(void);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_BUS_H_INCLUDED_ */
