
#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_fleet.h"

#include <ngx_channel.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <sys/un.h>


#define NGX_HTTP_VOICEAI_BUS_MAGIC    0x56414d32
#define NGX_HTTP_VOICEAI_BUS_WAIT     2000    /* ms for an answer */
#define NGX_HTTP_VOICEAI_BUS_ASKS     1024    /* outstanding, of a worker */
#define NGX_HTTP_VOICEAI_BUS_READS    64      /* messages, then others' turn */
#define NGX_HTTP_VOICEAI_BUS_LOOK     1000    /* ms between looks for listeners
                                                 and for dead workers */


typedef struct {
    uint32_t                  magic;
    uint16_t                  kind;
    int16_t                   status;
    uint64_t                  number;     /* of the ask */
    u_char                    secret[NGX_HTTP_VOICEAI_NAME_LEN];
    u_char                    reply[NGX_HTTP_VOICEAI_NAME_LEN];
    ngx_http_voiceai_field(sid, NGX_HTTP_VOICEAI_SID_LEN);
    ngx_http_voiceai_field(text, NGX_HTTP_VOICEAI_BUS_EVENT_MAX);
} ngx_http_voiceai_bus_msg_t;


struct ngx_http_voiceai_ask_s {
    ngx_queue_t               queue;
    uint64_t                  number;
    ngx_event_t               timer;
    ngx_int_t                 rc;
    ngx_http_voiceai_ask_pt   handler;
    void                     *data;
};


typedef struct {
    ngx_shm_zone_t                *zone;
    ngx_http_voiceai_used_zone_t  *used;
    ngx_uint_t                     listened;
    ngx_uint_t                     recover;  /* calls may have been lost */
} ngx_http_voiceai_bus_zone_t;


static ngx_int_t ngx_http_voiceai_bus_open(ngx_cycle_t *cycle);
static void ngx_http_voiceai_bus_name(struct sockaddr_un *addr,
    socklen_t *len, u_char *name);
static ngx_int_t ngx_http_voiceai_bus_send(u_char *name,
    ngx_http_voiceai_bus_msg_t *msg);
static void ngx_http_voiceai_bus_read(ngx_event_t *ev);
static void ngx_http_voiceai_bus_message(ngx_http_voiceai_bus_msg_t *msg,
    ngx_uint_t remote);
static ngx_int_t ngx_http_voiceai_bus_far(u_char *name,
    ngx_http_voiceai_bus_msg_t *msg);
static void ngx_http_voiceai_bus_sent(void *data, ngx_int_t rc);
static ngx_http_voiceai_ask_t *ngx_http_voiceai_bus_find(uint64_t number);
static void ngx_http_voiceai_bus_reply(ngx_http_voiceai_bus_msg_t *msg);
static void ngx_http_voiceai_bus_timeout(ngx_event_t *ev);
static void ngx_http_voiceai_bus_tick(ngx_event_t *ev);
static void ngx_http_voiceai_bus_tell(ngx_shm_zone_t *zone,
    ngx_str_t *event);


static int                            ngx_http_voiceai_bus_fd = -1;
static ngx_http_voiceai_main_conf_t  *ngx_http_voiceai_bus_conf;
static ngx_connection_t              *ngx_http_voiceai_bus_connection;
static u_char                         ngx_http_voiceai_bus_own[16];
static uint64_t                       ngx_http_voiceai_bus_number;
static ngx_uint_t                     ngx_http_voiceai_bus_asks;
static ngx_uint_t                     ngx_http_voiceai_bus_lost;
static ngx_queue_t                    ngx_http_voiceai_bus_waiting;
static ngx_queue_t                    ngx_http_voiceai_bus_listeners;
static ngx_event_t                    ngx_http_voiceai_bus_timer;
static ngx_uint_t                     ngx_http_voiceai_bus_zones_n;
static ngx_http_voiceai_bus_zone_t   *ngx_http_voiceai_bus_zones;

/* one message each way at a time */
static ngx_http_voiceai_bus_msg_t     ngx_http_voiceai_bus_in;
static ngx_http_voiceai_bus_msg_t     ngx_http_voiceai_bus_out;


ngx_int_t
ngx_http_voiceai_bus_init(ngx_cycle_t *cycle,
    ngx_http_voiceai_main_conf_t *vmcf)
{
    ngx_uint_t                     i;
    ngx_array_t                   *zones;
    ngx_http_voiceai_used_zone_t  *used;

    zones = &vmcf->zones;
    ngx_http_voiceai_bus_conf = vmcf;

    ngx_queue_init(&ngx_http_voiceai_bus_waiting);
    ngx_queue_init(&ngx_http_voiceai_bus_listeners);

    if (RAND_bytes(ngx_http_voiceai_bus_own, sizeof(ngx_http_voiceai_bus_own))
        != 1)
    {
        return NGX_ERROR;
    }

    if (ngx_http_voiceai_bus_open(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_voiceai_bus_zones = ngx_calloc(zones->nelts
                                  * sizeof(ngx_http_voiceai_bus_zone_t),
                                  cycle->log);
    if (ngx_http_voiceai_bus_zones == NULL) {
        return NGX_ERROR;
    }

    used = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        ngx_http_voiceai_bus_zones[i].zone = used[i].zone;
        ngx_http_voiceai_bus_zones[i].used = &used[i];

        if (ngx_http_voiceai_zone_enter(used[i].zone, ngx_http_voiceai_bus_own)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                          "voiceai zone \"%V\" knows too many workers, "
                          "commands will not reach this one",
                          &used[i].zone->shm.name);
        }
    }

    ngx_http_voiceai_bus_zones_n = zones->nelts;

    if (ngx_http_voiceai_fleet_init(cycle, vmcf, ngx_http_voiceai_bus_own)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_voiceai_bus_timer.handler = ngx_http_voiceai_bus_tick;
    ngx_http_voiceai_bus_timer.data = ngx_http_voiceai_bus_connection;
    ngx_http_voiceai_bus_timer.log = cycle->log;
    ngx_http_voiceai_bus_timer.cancelable = 1;

    ngx_add_timer(&ngx_http_voiceai_bus_timer, NGX_HTTP_VOICEAI_BUS_LOOK);

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_bus_open(ngx_cycle_t *cycle)
{
    ngx_fd_t             fd;
    socklen_t            len;
    ngx_connection_t    *c;
    struct sockaddr_un   addr;

    fd = socket(AF_UNIX, SOCK_DGRAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_socket_errno,
                      ngx_socket_n " for a voiceai mailbox failed");
        return NGX_ERROR;
    }

    ngx_http_voiceai_bus_name(&addr, &len, ngx_http_voiceai_bus_own);

    if (bind(fd, (struct sockaddr *) &addr, len) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_socket_errno,
                      "bind() of a voiceai mailbox failed");
        (void) ngx_close_socket(fd);
        return NGX_ERROR;
    }

    /* a channel is neither swept at shutdown nor missed at exit */

    if (ngx_add_channel_event(cycle, fd, NGX_READ_EVENT,
                              ngx_http_voiceai_bus_read)
        != NGX_OK)
    {
        (void) ngx_close_socket(fd);
        return NGX_ERROR;
    }

    ngx_http_voiceai_bus_fd = fd;

    /* the connection that was made for it; timers of a debug build need it */

    for (c = cycle->connections;
         c < cycle->connections + cycle->connection_n;
         c++)
    {
        if (c->fd == fd) {
            ngx_http_voiceai_bus_connection = c;
            break;
        }
    }

    return NGX_OK;
}


void
ngx_http_voiceai_bus_exit(void)
{
    ngx_uint_t               i;
    ngx_queue_t             *q;
    ngx_http_voiceai_ask_t  *ask;

    if (ngx_http_voiceai_bus_fd == -1) {
        return;
    }

    for (i = 0; i < ngx_http_voiceai_bus_zones_n; i++) {
        ngx_http_voiceai_zone_leave(ngx_http_voiceai_bus_zones[i].zone);
    }

    while (!ngx_queue_empty(&ngx_http_voiceai_bus_waiting)) {
        q = ngx_queue_head(&ngx_http_voiceai_bus_waiting);
        ask = ngx_queue_data(q, ngx_http_voiceai_ask_t, queue);
        ngx_http_voiceai_bus_forget(ask);
    }

    if (ngx_http_voiceai_bus_timer.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_bus_timer);
    }

    ngx_close_connection(ngx_http_voiceai_bus_connection);
    ngx_free(ngx_http_voiceai_bus_zones);
    ngx_http_voiceai_bus_fd = -1;
}


/* "\0voiceai-" and the name in hexadecimal */

static void
ngx_http_voiceai_bus_name(struct sockaddr_un *addr, socklen_t *len,
    u_char *name)
{
    u_char  *p;

    ngx_memzero(addr, sizeof(struct sockaddr_un));
    addr->sun_family = AF_UNIX;

    p = (u_char *) addr->sun_path + 1;
    p = ngx_cpymem(p, "voiceai-", sizeof("voiceai-") - 1);
    p = ngx_hex_dump(p, name, NGX_HTTP_VOICEAI_NAME_LEN);

    *len = p - (u_char *) addr;
}


static ngx_int_t
ngx_http_voiceai_bus_send(u_char *name, ngx_http_voiceai_bus_msg_t *msg)
{
    size_t              n;
    socklen_t           len;
    struct sockaddr_un  addr;

    msg->magic = NGX_HTTP_VOICEAI_BUS_MAGIC;
    n = offsetof(ngx_http_voiceai_bus_msg_t, text) + msg->text_len;

    ngx_http_voiceai_bus_name(&addr, &len, name);

    if (sendto(ngx_http_voiceai_bus_fd, msg, n, MSG_DONTWAIT,
               (struct sockaddr *) &addr, len)
        == (ssize_t) n)
    {
        return NGX_OK;
    }

    return (ngx_socket_errno == NGX_EAGAIN || ngx_socket_errno == ENOBUFS)
           ? NGX_BUSY : NGX_DECLINED;
}


ngx_http_voiceai_ask_t *
ngx_http_voiceai_bus_ask(ngx_shm_zone_t *zone, ngx_http_voiceai_record_t *rec,
    ngx_http_voiceai_bus_kind_e kind, ngx_str_t *text,
    ngx_http_voiceai_ask_pt handler, void *data)
{
    ngx_int_t                    rc;
    ngx_http_voiceai_ask_t      *ask;
    ngx_http_voiceai_bus_msg_t  *msg;

    if (ngx_http_voiceai_bus_asks >= NGX_HTTP_VOICEAI_BUS_ASKS) {
        return NULL;
    }

    ask = ngx_calloc(sizeof(ngx_http_voiceai_ask_t), ngx_cycle->log);
    if (ask == NULL) {
        return NULL;
    }

    msg = &ngx_http_voiceai_bus_out;

    msg->kind = kind;
    msg->status = 0;
    msg->number = ++ngx_http_voiceai_bus_number;
    ngx_memcpy(msg->secret, ngx_http_voiceai_zone_secret(zone),
               sizeof(msg->secret));
    ngx_memcpy(msg->reply, ngx_http_voiceai_bus_own, sizeof(msg->reply));
    ngx_http_voiceai_set(msg, sid, rec->sid, rec->sid_len);
    ngx_http_voiceai_set(msg, text, text->data, text->len);

    ask->number = msg->number;
    ask->handler = handler;
    ask->data = data;
    ask->rc = NGX_ABORT;
    ask->timer.handler = ngx_http_voiceai_bus_timeout;
    ask->timer.data = ngx_http_voiceai_bus_connection;
    ask->timer.log = ngx_cycle->log;

    ngx_queue_insert_tail(&ngx_http_voiceai_bus_waiting, &ask->queue);
    ngx_http_voiceai_bus_asks++;

    rc = rec->state == NGX_HTTP_VOICEAI_REMOTE
         ? ngx_http_voiceai_bus_far(rec->wake, msg)
         : ngx_http_voiceai_bus_send(rec->wake, msg);

    switch (rc) {

    case NGX_OK:
        ngx_add_timer(&ask->timer, NGX_HTTP_VOICEAI_BUS_WAIT);
        break;

    case NGX_BUSY:
        ask->rc = NGX_BUSY;
        ngx_add_timer(&ask->timer, 1);
        break;

    default:
        ask->rc = NGX_DECLINED;
        ngx_add_timer(&ask->timer, 1);
        break;
    }

    return ask;
}


void
ngx_http_voiceai_bus_forget(ngx_http_voiceai_ask_t *ask)
{
    if (ask->timer.timer_set) {
        ngx_del_timer(&ask->timer);
    }

    ngx_queue_remove(&ask->queue);
    ngx_http_voiceai_bus_asks--;
    ngx_free(ask);
}


static void
ngx_http_voiceai_bus_done(ngx_http_voiceai_ask_t *ask, ngx_int_t rc)
{
    void                     *data;
    ngx_http_voiceai_ask_pt   handler;

    handler = ask->handler;
    data = ask->data;

    ngx_http_voiceai_bus_forget(ask);

    handler(data, rc);
}


static void
ngx_http_voiceai_bus_timeout(ngx_event_t *ev)
{
    ngx_http_voiceai_ask_t  *ask;

    ask = (ngx_http_voiceai_ask_t *)
          ((u_char *) ev - offsetof(ngx_http_voiceai_ask_t, timer));

    ngx_http_voiceai_bus_done(ask, ask->rc);
}


static void
ngx_http_voiceai_bus_read(ngx_event_t *ev)
{
    ssize_t                      n;
    ngx_uint_t                   i, z;
    ngx_connection_t            *c;
    ngx_http_voiceai_bus_msg_t  *msg;

    c = ev->data;
    msg = &ngx_http_voiceai_bus_in;

    for (i = 0; i < NGX_HTTP_VOICEAI_BUS_READS; i++) {

        n = recv(c->fd, msg, sizeof(ngx_http_voiceai_bus_msg_t), 0);

        if (n == -1) {
            break;
        }

        if (n < (ssize_t) offsetof(ngx_http_voiceai_bus_msg_t, text)
            || msg->magic != NGX_HTTP_VOICEAI_BUS_MAGIC
            || msg->sid_len > sizeof(msg->sid)
            || n != (ssize_t) (offsetof(ngx_http_voiceai_bus_msg_t, text)
                               + msg->text_len))
        {
            continue;
        }

        for (z = 0; z < ngx_http_voiceai_bus_zones_n; z++) {
            if (CRYPTO_memcmp(msg->secret,
                     ngx_http_voiceai_zone_secret(
                                        ngx_http_voiceai_bus_zones[z].zone),
                     sizeof(msg->secret))
                == 0)
            {
                ngx_http_voiceai_bus_message(msg, 0);
                break;
            }
        }
    }

    if (i == NGX_HTTP_VOICEAI_BUS_READS) {
        ngx_post_event(ev, &ngx_posted_next_events);
        return;
    }

    (void) ngx_handle_read_event(ev, 0);
}


static void
ngx_http_voiceai_bus_message(ngx_http_voiceai_bus_msg_t *msg,
    ngx_uint_t remote)
{
    ngx_str_t   sid, text;
    ngx_uint_t  z;

    text.data = msg->text;
    text.len = msg->text_len;

    switch (msg->kind) {

    case NGX_HTTP_VOICEAI_BUS_REPLY:
        ngx_http_voiceai_bus_reply(msg);
        return;

    case NGX_HTTP_VOICEAI_BUS_EVENT:

        for (z = 0; z < ngx_http_voiceai_bus_zones_n; z++) {
            if (ngx_memcmp(msg->secret,
                     ngx_http_voiceai_zone_secret(
                                        ngx_http_voiceai_bus_zones[z].zone),
                     sizeof(msg->secret))
                == 0)
            {
                ngx_http_voiceai_bus_tell(ngx_http_voiceai_bus_zones[z].zone,
                                          &text);
                return;
            }
        }

        return;

    default:
        break;
    }

    sid.data = msg->sid;
    sid.len = msg->sid_len;

    msg->status = ngx_http_voiceai_call_command(&sid, msg->kind, &text);
    msg->kind = NGX_HTTP_VOICEAI_BUS_REPLY;
    msg->text_len = 0;

    /* who asked and is gone needs no answer */

    (void) (remote ? ngx_http_voiceai_bus_far(msg->reply, msg)
                   : ngx_http_voiceai_bus_send(msg->reply, msg));
}


static ngx_http_voiceai_ask_t *
ngx_http_voiceai_bus_find(uint64_t number)
{
    ngx_queue_t             *q;
    ngx_http_voiceai_ask_t  *ask;

    for (q = ngx_queue_head(&ngx_http_voiceai_bus_waiting);
         q != ngx_queue_sentinel(&ngx_http_voiceai_bus_waiting);
         q = ngx_queue_next(q))
    {
        ask = ngx_queue_data(q, ngx_http_voiceai_ask_t, queue);

        if (ask->number == number) {
            return ask;
        }
    }

    return NULL;
}


static void
ngx_http_voiceai_bus_reply(ngx_http_voiceai_bus_msg_t *msg)
{
    ngx_http_voiceai_ask_t  *ask;

    ask = ngx_http_voiceai_bus_find(msg->number);

    if (ask) {
        ngx_http_voiceai_bus_done(ask, msg->status);
    }
}


/*
 * Messages to other machines are text in front of the CallSid and the text:
 * kind, status, number, mailbox for the answer, and both lengths.
 */

static ngx_int_t
ngx_http_voiceai_bus_far(u_char *name, ngx_http_voiceai_bus_msg_t *msg)
{
    va_buf_t    b;
    ngx_int_t   rc;
    ngx_uint_t  answer;
    u_char      reply[2 * NGX_HTTP_VOICEAI_NAME_LEN];

    answer = (msg->kind == NGX_HTTP_VOICEAI_BUS_REPLY);
    ngx_hex_dump(reply, msg->reply, sizeof(msg->reply));

    va_buf_init(&b, sizeof(ngx_http_voiceai_bus_msg_t) + 256);
    va_buf_printf(&b, "1 %u %d %llu %.*s %u %u\n", (unsigned) msg->kind,
                  msg->status, (unsigned long long) msg->number,
                  (int) sizeof(reply), (char *) reply,
                  (unsigned) msg->sid_len, (unsigned) msg->text_len);
    va_buf_append(&b, msg->sid, msg->sid_len);
    va_buf_append(&b, msg->text, msg->text_len);

    rc = b.rc == VA_OK
         ? ngx_http_voiceai_fleet_send(name, va_buf_view(&b),
                                       answer ? NULL
                                              : ngx_http_voiceai_bus_sent,
                                       (void *) (uintptr_t) msg->number)
         : NGX_DECLINED;

    va_buf_free(&b);

    return rc;
}


/* Whether anybody listened there. */

static void
ngx_http_voiceai_bus_sent(void *data, ngx_int_t rc)
{
    ngx_http_voiceai_ask_t  *ask;

    if (rc == NGX_OK || ngx_http_voiceai_bus_fd == -1) {
        return;
    }

    ask = ngx_http_voiceai_bus_find((uintptr_t) data);

    if (ask) {
        ngx_http_voiceai_bus_done(ask, rc);
    }
}


void
ngx_http_voiceai_bus_remote(va_str_t message)
{
    int                          n;
    char                         head[128], reply[33];
    const char                  *end;
    u_char                      *p;
    unsigned                     kind, sid, text, i;
    unsigned long long           number;
    ngx_int_t                    byte;
    ngx_http_voiceai_bus_msg_t  *msg;

    msg = &ngx_http_voiceai_bus_in;
    end = memchr(message.data, '\n', ngx_min(message.len, sizeof(head) - 1));

    if (end == NULL) {
        return;
    }

    ngx_memcpy(head, message.data, end - message.data);
    head[end - message.data] = '\0';

    if (sscanf(head, "1 %5u %5d %20llu %32s %5u %5u", &kind, &n, &number,
               reply, &sid, &text)
        != 6
        || (kind != NGX_HTTP_VOICEAI_BUS_REPLY
            && (kind < NGX_HTTP_VOICEAI_BUS_INTERRUPT
                || kind > NGX_HTTP_VOICEAI_BUS_TRANSFER))
        || ngx_strlen(reply) != 32
        || sid > sizeof(msg->sid) || text > sizeof(msg->text)
        || message.len - (end + 1 - message.data) != (size_t) sid + text)
    {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "voiceai: a message of another machine was not "
                      "understood");
        return;
    }

    p = (u_char *) reply;

    for (i = 0; i < sizeof(msg->reply); i++, p += 2) {
        byte = ngx_hextoi(p, 2);
        if (byte == NGX_ERROR) {
            return;
        }

        msg->reply[i] = (u_char) byte;
    }

    msg->kind = (uint16_t) kind;
    msg->status = (int16_t) n;
    msg->number = number;
    ngx_http_voiceai_set(msg, sid, end + 1, sid);
    ngx_http_voiceai_set(msg, text, end + 1 + sid, text);

    ngx_http_voiceai_bus_message(msg, 1);
}


void
ngx_http_voiceai_bus_recover(ngx_shm_zone_t *zone)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_voiceai_bus_zones_n; i++) {
        if (ngx_http_voiceai_bus_zones[i].zone == zone) {
            ngx_http_voiceai_bus_zones[i].recover = 1;
        }
    }
}


/* Looks for workers that listen, and for workers that died. */

static void
ngx_http_voiceai_bus_tick(ngx_event_t *ev)
{
    ngx_uint_t                  i, k, n;
    ngx_http_voiceai_worker_t   workers[NGX_HTTP_VOICEAI_WORKERS];

    for (i = 0; i < ngx_http_voiceai_bus_zones_n; i++) {

        if (ngx_http_voiceai_zone_reap(ngx_http_voiceai_bus_zones[i].zone)) {
            ngx_log_error(NGX_LOG_WARN, ev->log, 0,
                          "voiceai: a worker died, its calls in zone \"%V\" "
                          "are to be connected again",
                          &ngx_http_voiceai_bus_zones[i].zone->shm.name);
            ngx_http_voiceai_bus_zones[i].recover = 1;
        }

        if (ngx_http_voiceai_bus_zones[i].recover && !ngx_exiting) {
            ngx_http_voiceai_bus_zones[i].recover =
                ngx_http_voiceai_recover(ngx_http_voiceai_bus_conf,
                                         ngx_http_voiceai_bus_zones[i].used);
        }

        n = ngx_http_voiceai_zone_workers(ngx_http_voiceai_bus_zones[i].zone,
                                          workers);
        ngx_http_voiceai_bus_zones[i].listened = 0;

        for (k = 0; k < n; k++) {
            if (workers[k].listeners) {
                ngx_http_voiceai_bus_zones[i].listened = 1;
            }
        }

        ngx_http_voiceai_drain_look(ngx_http_voiceai_bus_zones[i].zone);
    }

    if (ngx_exiting) {
        for (i = 0; i < ngx_http_voiceai_bus_zones_n; i++) {
            ngx_http_voiceai_zone_exiting(ngx_http_voiceai_bus_zones[i].zone);
        }

        ngx_http_voiceai_drain_begin();
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_VOICEAI_BUS_LOOK);
}


void
ngx_http_voiceai_bus_listen(ngx_http_voiceai_listener_t *l)
{
    ngx_uint_t  i;

    ngx_queue_insert_tail(&ngx_http_voiceai_bus_listeners, &l->queue);
    ngx_http_voiceai_zone_listen(l->zone, 1);

    for (i = 0; i < ngx_http_voiceai_bus_zones_n; i++) {
        if (ngx_http_voiceai_bus_zones[i].zone == l->zone) {
            ngx_http_voiceai_bus_zones[i].listened = 1;
        }
    }
}


void
ngx_http_voiceai_bus_unlisten(ngx_http_voiceai_listener_t *l)
{
    ngx_queue_remove(&l->queue);
    ngx_http_voiceai_zone_listen(l->zone, -1);
}


ngx_uint_t
ngx_http_voiceai_bus_listened(ngx_shm_zone_t *zone)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_voiceai_bus_zones_n; i++) {
        if (ngx_http_voiceai_bus_zones[i].zone == zone) {
            return ngx_http_voiceai_bus_zones[i].listened;
        }
    }

    return 0;
}


void
ngx_http_voiceai_bus_publish(ngx_shm_zone_t *zone, va_buf_t *event)
{
    ngx_uint_t                   i, n;
    ngx_http_voiceai_worker_t    workers[NGX_HTTP_VOICEAI_WORKERS];
    ngx_http_voiceai_bus_msg_t  *msg;

    if (event->rc != VA_OK || event->len > NGX_HTTP_VOICEAI_BUS_EVENT_MAX) {
        ngx_http_voiceai_bus_lost++;
        return;
    }

    msg = &ngx_http_voiceai_bus_out;

    msg->kind = NGX_HTTP_VOICEAI_BUS_EVENT;
    msg->status = 0;
    msg->number = 0;
    msg->sid_len = 0;
    ngx_memcpy(msg->secret, ngx_http_voiceai_zone_secret(zone),
               sizeof(msg->secret));
    ngx_http_voiceai_set(msg, text, event->data, event->len);

    n = ngx_http_voiceai_zone_workers(zone, workers);

    for (i = 0; i < n; i++) {
        if (workers[i].listeners
            && ngx_http_voiceai_bus_send(workers[i].name, msg) != NGX_OK)
        {
            ngx_http_voiceai_bus_lost++;
        }
    }
}


static void
ngx_http_voiceai_bus_tell(ngx_shm_zone_t *zone, ngx_str_t *event)
{
    ngx_queue_t                  *q, *next;
    ngx_http_voiceai_listener_t  *l;

    for (q = ngx_queue_head(&ngx_http_voiceai_bus_listeners);
         q != ngx_queue_sentinel(&ngx_http_voiceai_bus_listeners);
         q = next)
    {
        /* a listener may take itself out */

        next = ngx_queue_next(q);
        l = ngx_queue_data(q, ngx_http_voiceai_listener_t, queue);

        if (l->zone == zone) {
            l->handler(l->data, event);
        }
    }
}


ngx_uint_t
ngx_http_voiceai_bus_dropped(void)
{
    return ngx_http_voiceai_bus_lost;
}
