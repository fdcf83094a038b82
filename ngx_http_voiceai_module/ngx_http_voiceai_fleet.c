
/*
 * The records of calls in Redis, for other machines: written when they change
 * here, read when a request tells of a call, and taken over from a machine
 * that does not give a sign of life any more.
 *
 *     PREFIX:call:ZONE:SID          hash, see ngx_http_voiceai_fleet_record.c
 *     PREFIX:calls:ZONE:MACHINE     set of the calls of a machine
 *     PREFIX:machines:ZONE          set of machines
 *     PREFIX:alive:ZONE:MACHINE     there while the machine lives
 *     PREFIX:heir:ZONE:MACHINE      who takes over the calls of a dead one
 *     PREFIX:worker:NAME            channel of a worker's mailbox
 *
 * A machine is a zone's memory: it is named by the digest of its secret.
 */


#include "ngx_http_voiceai_fleet.h"

#include <ngx_sha1.h>


#define NGX_HTTP_VOICEAI_FLEET_TICK     1000
/* seconds without a sign of life after which a machine is dead */
#define NGX_HTTP_VOICEAI_FLEET_ALIVE    "6"
/* seconds for which another machine's sign of life is believed */
#define NGX_HTTP_VOICEAI_FLEET_SEEN     6
/* seconds in which nobody is dead; Redis is tried again every 5 */
#define NGX_HTTP_VOICEAI_FLEET_GRACE    8
/* seconds that a call's record stays after it was written last */
#define NGX_HTTP_VOICEAI_FLEET_LIVE     "21600"
#define NGX_HTTP_VOICEAI_FLEET_OVER     "120"
/* records written at once when there is much to catch up with */
#define NGX_HTTP_VOICEAI_FLEET_MANY     64


/* A zone that is shared with other machines. */
typedef struct {
    ngx_shm_zone_t               *zone;
    u_char                        machine[NGX_HTTP_VOICEAI_MACHINE_LEN];
    uint32_t                      at;       /* catching up: the next record */
    time_t                        other;    /* one that takes calls was seen */
    unsigned                      behind:1;
} ngx_http_voiceai_fleet_zone_t;


struct ngx_http_voiceai_fetch_s {
    ngx_http_voiceai_fleet_zone_t  *zone;
    ngx_http_voiceai_fetch_pt       handler;
    ngx_http_voiceai_fleet_pt       each;
    void                           *data;
    ngx_uint_t                      left;     /* records that may be asked */
    ngx_uint_t                      waiting;  /* replies to come */
};


typedef struct {
    void                        (*sent)(void *data, ngx_int_t rc);
    void                         *data;
} ngx_http_voiceai_fleet_sent_t;


static void ngx_http_voiceai_fleet_changed(ngx_uint_t up);
static void ngx_http_voiceai_fleet_subscribed(ngx_uint_t up);
static void ngx_http_voiceai_fleet_message(void *data, va_str_t channel,
    va_str_t message);
static void ngx_http_voiceai_fleet_tick(ngx_event_t *ev);
static void ngx_http_voiceai_fleet_catch_up(ngx_http_voiceai_fleet_zone_t *fz);
static void ngx_http_voiceai_fleet_alive(ngx_http_voiceai_fleet_zone_t *fz);
static void ngx_http_voiceai_fleet_fetched(void *data,
    const va_reply_t *reply);
static void ngx_http_voiceai_fleet_machines(void *data,
    const va_reply_t *reply);
static void ngx_http_voiceai_fleet_calls(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_fleet_call(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_fleet_published(void *data,
    const va_reply_t *reply);


static ngx_http_voiceai_redis_conf_t  *ngx_http_voiceai_fleet_conf;
static ngx_http_voiceai_redis_t       *ngx_http_voiceai_fleet_redis;
static ngx_http_voiceai_redis_t       *ngx_http_voiceai_fleet_channel;
static ngx_http_voiceai_fleet_zone_t  *ngx_http_voiceai_fleet_zones;
static ngx_uint_t                      ngx_http_voiceai_fleet_zones_n;
static ngx_event_t                     ngx_http_voiceai_fleet_timer;
static ngx_connection_t                ngx_http_voiceai_fleet_dumb;
static ngx_uint_t                      ngx_http_voiceai_fleet_ticks;
static time_t                          ngx_http_voiceai_fleet_since;
static ngx_uint_t                      ngx_http_voiceai_fleet_over;
static ngx_http_voiceai_record_t       ngx_http_voiceai_fleet_record;


/* Writes a key: what it is of, the zone, and a name. */

va_str_t
ngx_http_voiceai_fleet_key(u_char *buf, const char *kind,
    ngx_shm_zone_t *zone, u_char *name, size_t len)
{
    u_char    *p;
    va_str_t   key;

    p = ngx_snprintf(buf, NGX_HTTP_VOICEAI_FLEET_KEY, "%V:%s:%V%s%*s",
                     &ngx_http_voiceai_fleet_conf->prefix, kind,
                     &zone->shm.name, len ? ":" : "", len, name);

    key.data = (char *) buf;
    key.len = p - buf;

    return key;
}


ngx_int_t
ngx_http_voiceai_fleet_ask(va_str_t *argv, ngx_uint_t argc, va_redis_pt reply,
    void *data)
{
    return ngx_http_voiceai_redis_command(ngx_http_voiceai_fleet_redis, argv,
                                          argc, reply, data);
}


ngx_int_t
ngx_http_voiceai_fleet_init(ngx_cycle_t *cycle,
    ngx_http_voiceai_main_conf_t *vmcf, u_char *name)
{
    u_char                         *p, digest[20];
    ngx_sha1_t                      sha1;
    ngx_str_t                       channel;
    ngx_uint_t                      i;
    ngx_http_voiceai_used_zone_t   *used;
    ngx_http_voiceai_fleet_zone_t  *fz;

    static u_char  text[NGX_HTTP_VOICEAI_FLEET_KEY];

    if (vmcf->redis == NULL) {
        return NGX_OK;
    }

    ngx_http_voiceai_fleet_conf = vmcf->redis;

    fz = ngx_calloc(vmcf->zones.nelts * sizeof(ngx_http_voiceai_fleet_zone_t),
                    cycle->log);
    if (fz == NULL) {
        return NGX_ERROR;
    }

    used = vmcf->zones.elts;

    for (i = 0; i < vmcf->zones.nelts; i++) {
        fz[i].zone = used[i].zone;

        ngx_sha1_init(&sha1);
        ngx_sha1_update(&sha1, ngx_http_voiceai_zone_secret(used[i].zone), 16);
        ngx_sha1_final(digest, &sha1);
        ngx_hex_dump(fz[i].machine, digest, sizeof(fz[i].machine) / 2);
    }

    ngx_http_voiceai_fleet_zones = fz;
    ngx_http_voiceai_fleet_zones_n = vmcf->zones.nelts;

    p = ngx_snprintf(text, sizeof(text) - 2 * NGX_HTTP_VOICEAI_NAME_LEN,
                     "%V:worker:", &vmcf->redis->prefix);
    p = ngx_hex_dump(p, name, NGX_HTTP_VOICEAI_NAME_LEN);

    channel.data = text;
    channel.len = p - text;

    ngx_http_voiceai_fleet_redis = ngx_http_voiceai_redis_create(vmcf->redis,
                                        NULL, ngx_http_voiceai_fleet_changed,
                                        NULL, cycle->log);

    ngx_http_voiceai_fleet_channel = ngx_http_voiceai_redis_create(vmcf->redis,
                                        &channel,
                                        ngx_http_voiceai_fleet_subscribed,
                                        ngx_http_voiceai_fleet_message,
                                        cycle->log);

    if (ngx_http_voiceai_fleet_redis == NULL
        || ngx_http_voiceai_fleet_channel == NULL)
    {
        return NGX_ERROR;
    }

    /* timers of a debug build print the descriptor of what data points to */

    ngx_http_voiceai_fleet_dumb.fd = (ngx_socket_t) -1;

    ngx_http_voiceai_fleet_timer.handler = ngx_http_voiceai_fleet_tick;
    ngx_http_voiceai_fleet_timer.data = &ngx_http_voiceai_fleet_dumb;
    ngx_http_voiceai_fleet_timer.log = cycle->log;
    ngx_http_voiceai_fleet_timer.cancelable = 1;

    ngx_add_timer(&ngx_http_voiceai_fleet_timer, NGX_HTTP_VOICEAI_FLEET_TICK);

    return NGX_OK;
}


void
ngx_http_voiceai_fleet_exit(void)
{
    if (ngx_http_voiceai_fleet_timer.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_fleet_timer);
    }

    /* nobody waits for an answer any more */

    ngx_http_voiceai_fleet_over = 1;

    if (ngx_http_voiceai_fleet_redis) {
        ngx_http_voiceai_redis_destroy(ngx_http_voiceai_fleet_redis);
        ngx_http_voiceai_fleet_redis = NULL;
    }

    if (ngx_http_voiceai_fleet_channel) {
        ngx_http_voiceai_redis_destroy(ngx_http_voiceai_fleet_channel);
        ngx_http_voiceai_fleet_channel = NULL;
    }

    if (ngx_http_voiceai_fleet_zones) {
        ngx_free(ngx_http_voiceai_fleet_zones);
        ngx_http_voiceai_fleet_zones = NULL;
        ngx_http_voiceai_fleet_zones_n = 0;
    }
}


ngx_uint_t
ngx_http_voiceai_fleet_up(void)
{
    return ngx_http_voiceai_redis_up(ngx_http_voiceai_fleet_redis);
}


static ngx_http_voiceai_fleet_zone_t *
ngx_http_voiceai_fleet_zone(ngx_shm_zone_t *zone)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_voiceai_fleet_zones_n; i++) {
        if (ngx_http_voiceai_fleet_zones[i].zone == zone) {
            return &ngx_http_voiceai_fleet_zones[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_voiceai_fleet_self(ngx_shm_zone_t *zone, va_str_t machine)
{
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = ngx_http_voiceai_fleet_zone(zone);

    return fz && machine.len == sizeof(fz->machine)
           && ngx_memcmp(machine.data, fz->machine, machine.len) == 0;
}


/* Redis is there: what was missed meanwhile has to be written. */

static void
ngx_http_voiceai_fleet_changed(ngx_uint_t up)
{
    ngx_uint_t  i;

    ngx_http_voiceai_fleet_since = ngx_time();

    for (i = 0; i < ngx_http_voiceai_fleet_zones_n; i++) {
        ngx_http_voiceai_fleet_zones[i].behind = 1;
        ngx_http_voiceai_fleet_zones[i].at = 0;

        if (up) {
            ngx_http_voiceai_fleet_alive(&ngx_http_voiceai_fleet_zones[i]);
        }
    }
}


static void
ngx_http_voiceai_fleet_subscribed(ngx_uint_t up)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "voiceai commands of other machines: %ui", up);
}


static void
ngx_http_voiceai_fleet_message(void *data, va_str_t channel, va_str_t message)
{
    ngx_http_voiceai_bus_remote(message);
}


void
ngx_http_voiceai_fleet_other(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = ngx_http_voiceai_fleet_zone(zone);

    if (fz) {
        fz->other = ngx_time();
    }
}


ngx_uint_t
ngx_http_voiceai_fleet_elsewhere(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = ngx_http_voiceai_fleet_zone(zone);

    return fz && fz->other && ngx_http_voiceai_fleet_up()
           && ngx_time() - fz->other <= NGX_HTTP_VOICEAI_FLEET_SEEN;
}


ngx_uint_t
ngx_http_voiceai_fleet_settled(void)
{
    return ngx_time() - ngx_http_voiceai_fleet_since
           > NGX_HTTP_VOICEAI_FLEET_GRACE;
}


/* A sign of life, what is to be caught up with, and who has died. */

static void
ngx_http_voiceai_fleet_tick(ngx_event_t *ev)
{
    va_str_t                        argv[1];
    ngx_uint_t                      i;
    ngx_http_voiceai_fleet_zone_t  *fz;

    ngx_http_voiceai_fleet_ticks++;

    for (i = 0; i < ngx_http_voiceai_fleet_zones_n
                && ngx_http_voiceai_fleet_up(); i++)
    {
        fz = &ngx_http_voiceai_fleet_zones[i];

        ngx_http_voiceai_fleet_alive(fz);

        if (fz->behind) {
            ngx_http_voiceai_fleet_catch_up(fz);
        }

        if (ngx_http_voiceai_fleet_ticks % 2) {
            ngx_http_voiceai_fleet_heir(fz->zone);
        }
    }

    if (ngx_http_voiceai_redis_up(ngx_http_voiceai_fleet_channel)) {
        argv[0] = VA_STR("PING");
        (void) ngx_http_voiceai_redis_command(ngx_http_voiceai_fleet_channel,
                                              argv, 1, NULL, NULL);
    }

    ngx_add_timer(ev, NGX_HTTP_VOICEAI_FLEET_TICK);
}


static void
ngx_http_voiceai_fleet_alive(ngx_http_voiceai_fleet_zone_t *fz)
{
    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[5];

    argv[0] = VA_STR("SET");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "alive", fz->zone, fz->machine,
                                         sizeof(fz->machine));
    argv[2] = ngx_http_voiceai_zone_takes(fz->zone) ? VA_STR("1")
                                                    : VA_STR("0");
    argv[3] = VA_STR("EX");
    argv[4] = VA_STR(NGX_HTTP_VOICEAI_FLEET_ALIVE);

    (void) ngx_http_voiceai_fleet_ask(argv, 5, NULL, NULL);

    argv[0] = VA_STR("SADD");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "machines", fz->zone, NULL, 0);
    argv[2].data = (char *) fz->machine;
    argv[2].len = sizeof(fz->machine);

    (void) ngx_http_voiceai_fleet_ask(argv, 3, NULL, NULL);
}


/* Writes some records more, until all are written. */

static void
ngx_http_voiceai_fleet_catch_up(ngx_http_voiceai_fleet_zone_t *fz)
{
    ngx_uint_t                  n;
    ngx_http_voiceai_record_t  *rec;

    rec = &ngx_http_voiceai_fleet_record;
    fz->behind = 0;

    for (n = 0; n < NGX_HTTP_VOICEAI_FLEET_MANY; n++) {

        if (ngx_http_voiceai_zone_next(fz->zone, rec, &fz->at) != NGX_OK) {
            fz->at = 0;
            return;
        }

        /* of a call that was handed over another machine knows more */

        if (rec->state == NGX_HTTP_VOICEAI_REMOTE || rec->moved
            || (rec->state == NGX_HTTP_VOICEAI_STREAMING
                && rec->owner != ngx_pid)
            || (rec->state != NGX_HTTP_VOICEAI_STREAMING && ngx_worker != 0))
        {
            continue;
        }

        ngx_http_voiceai_fleet_put(fz->zone, rec,
                                   NGX_HTTP_VOICEAI_FLEET_ALL);
    }

    fz->behind = 1;
}


void
ngx_http_voiceai_fleet_put(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t what)
{
    u_char                          buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t                        argv[NGX_HTTP_VOICEAI_FLEET_ARGS];
    ngx_uint_t                      n, over;
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = ngx_http_voiceai_fleet_zone(zone);

    if (fz == NULL) {
        return;
    }

    over = (rec->state == NGX_HTTP_VOICEAI_ENDED);

    argv[0] = VA_STR("HSET");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "call", zone, rec->sid,
                                         rec->sid_len);
    n = ngx_http_voiceai_fleet_encode(rec, what, &argv[2]);

    if (n == 0) {
        return;
    }

    if (what & NGX_HTTP_VOICEAI_FLEET_OWNER) {
        argv[n + 2] = VA_STR("machine");
        argv[n + 3].data = (char *) fz->machine;
        argv[n + 3].len = sizeof(fz->machine);
        n += 2;
    }

    if (ngx_http_voiceai_fleet_ask(argv, n + 2, NULL, NULL) != NGX_OK) {
        goto behind;
    }

    argv[0] = VA_STR("EXPIRE");
    argv[2] = over ? VA_STR(NGX_HTTP_VOICEAI_FLEET_OVER)
                   : VA_STR(NGX_HTTP_VOICEAI_FLEET_LIVE);

    if (ngx_http_voiceai_fleet_ask(argv, 3, NULL, NULL) != NGX_OK) {
        goto behind;
    }

    if (!over && !(what & NGX_HTTP_VOICEAI_FLEET_OWNER)) {
        return;
    }

    argv[0] = over ? VA_STR("SREM") : VA_STR("SADD");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "calls", zone, fz->machine,
                                         sizeof(fz->machine));
    argv[2].data = (char *) rec->sid;
    argv[2].len = rec->sid_len;

    if (ngx_http_voiceai_fleet_ask(argv, 3, NULL, NULL) == NGX_OK) {
        return;
    }

behind:

    fz->behind = 1;
    fz->at = 0;
}


void
ngx_http_voiceai_fleet_flush(void)
{
    if (ngx_http_voiceai_fleet_redis) {
        ngx_http_voiceai_redis_flush(ngx_http_voiceai_fleet_redis);
    }
}


ngx_http_voiceai_fetch_t *
ngx_http_voiceai_fleet_fetch(ngx_shm_zone_t *zone, ngx_str_t *sid,
    ngx_http_voiceai_fetch_pt handler, void *data)
{
    u_char                          buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t                        argv[2];
    ngx_http_voiceai_fetch_t       *fetch;
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = ngx_http_voiceai_fleet_zone(zone);

    if (fz == NULL || !ngx_http_voiceai_fleet_up()
        || sid->len == 0 || sid->len > NGX_HTTP_VOICEAI_SID_LEN)
    {
        return NULL;
    }

    fetch = ngx_calloc(sizeof(ngx_http_voiceai_fetch_t), ngx_cycle->log);
    if (fetch == NULL) {
        return NULL;
    }

    fetch->zone = fz;
    fetch->handler = handler;
    fetch->data = data;

    argv[0] = VA_STR("HGETALL");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "call", zone, sid->data,
                                         sid->len);

    if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_fleet_fetched,
                                   fetch)
        != NGX_OK)
    {
        ngx_free(fetch);
        return NULL;
    }

    return fetch;
}


/* The reply still comes; it is what frees. */

void
ngx_http_voiceai_fleet_forget(ngx_http_voiceai_fetch_t *fetch)
{
    fetch->handler = NULL;
    fetch->each = NULL;
}


static void
ngx_http_voiceai_fleet_fetched(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_fetch_t *fetch = data;

    void                       *arg;
    ngx_http_voiceai_fetch_pt   handler;

    if (reply
        && ngx_http_voiceai_fleet_decode(&ngx_http_voiceai_fleet_record, reply)
           == NGX_OK)
    {
        ngx_http_voiceai_zone_import(fetch->zone->zone,
                                     &ngx_http_voiceai_fleet_record, 0);
    }

    handler = fetch->handler;
    arg = fetch->data;

    ngx_free(fetch);

    if (handler && !ngx_http_voiceai_fleet_over) {
        handler(arg);
    }
}


/* Machines, the calls of each, and the record of each call. */

ngx_http_voiceai_fetch_t *
ngx_http_voiceai_fleet_list(ngx_shm_zone_t *zone, ngx_uint_t max,
    ngx_http_voiceai_fleet_pt handler, void *data)
{
    u_char                          buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t                        argv[2];
    ngx_http_voiceai_fetch_t       *fetch;
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = ngx_http_voiceai_fleet_zone(zone);

    if (fz == NULL || !ngx_http_voiceai_fleet_up()) {
        return NULL;
    }

    fetch = ngx_calloc(sizeof(ngx_http_voiceai_fetch_t), ngx_cycle->log);
    if (fetch == NULL) {
        return NULL;
    }

    fetch->zone = fz;
    fetch->each = handler;
    fetch->data = data;
    fetch->left = ngx_min(max, VA_REDIS_PENDING / 2);

    argv[0] = VA_STR("SMEMBERS");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "machines", zone, NULL, 0);

    if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_fleet_machines,
                                   fetch)
        != NGX_OK)
    {
        ngx_free(fetch);
        return NULL;
    }

    fetch->waiting = 1;

    return fetch;
}


/* A reply of a list was read. */

static void
ngx_http_voiceai_fleet_listed(ngx_http_voiceai_fetch_t *fetch)
{
    if (--fetch->waiting) {
        return;
    }

    if (fetch->each && !ngx_http_voiceai_fleet_over) {
        fetch->each(fetch->data, NULL);
    }

    ngx_free(fetch);
}


static void
ngx_http_voiceai_fleet_machines(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_fetch_t *fetch = data;

    size_t                          i;
    u_char                          buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t                        argv[2], name;
    ngx_http_voiceai_fleet_zone_t  *fz;

    fz = fetch->zone;

    for (i = 0; reply && fetch->each && i < va_reply_count(reply); i++) {
        name = va_reply_str(va_reply_at(reply, i));

        if (name.len != sizeof(fz->machine)
            || ngx_http_voiceai_fleet_self(fz->zone, name))
        {
            continue;
        }

        argv[0] = VA_STR("SMEMBERS");
        argv[1] = ngx_http_voiceai_fleet_key(buf, "calls", fz->zone,
                                             (u_char *) name.data, name.len);

        if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_fleet_calls,
                                       fetch)
            != NGX_OK)
        {
            break;
        }

        fetch->waiting++;
    }

    ngx_http_voiceai_fleet_listed(fetch);
}


static void
ngx_http_voiceai_fleet_calls(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_fetch_t *fetch = data;

    size_t    i;
    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[2], sid;

    for (i = 0; reply && fetch->each && i < va_reply_count(reply)
                && fetch->left; i++)
    {
        sid = va_reply_str(va_reply_at(reply, i));

        if (sid.len == 0 || sid.len > NGX_HTTP_VOICEAI_SID_LEN) {
            continue;
        }

        argv[0] = VA_STR("HGETALL");
        argv[1] = ngx_http_voiceai_fleet_key(buf, "call", fetch->zone->zone,
                                             (u_char *) sid.data, sid.len);

        if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_fleet_call,
                                       fetch)
            != NGX_OK)
        {
            break;
        }

        fetch->left--;
        fetch->waiting++;
    }

    ngx_http_voiceai_fleet_listed(fetch);
}


static void
ngx_http_voiceai_fleet_call(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_fetch_t *fetch = data;

    ngx_http_voiceai_record_t  *rec;

    rec = &ngx_http_voiceai_fleet_record;

    if (reply && fetch->each
        && ngx_http_voiceai_fleet_decode(rec, reply) == NGX_OK)
    {
        if (rec->state == NGX_HTTP_VOICEAI_STREAMING) {
            rec->state = NGX_HTTP_VOICEAI_REMOTE;
        }

        fetch->each(fetch->data, rec);
    }

    ngx_http_voiceai_fleet_listed(fetch);
}


ngx_int_t
ngx_http_voiceai_fleet_send(u_char *name, va_str_t message,
    void (*sent)(void *data, ngx_int_t rc), void *data)
{
    u_char                         *p, buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t                        argv[3];
    ngx_http_voiceai_fleet_sent_t  *s;

    p = ngx_snprintf(buf, sizeof(buf) - 2 * NGX_HTTP_VOICEAI_NAME_LEN,
                     "%V:worker:", &ngx_http_voiceai_fleet_conf->prefix);
    p = ngx_hex_dump(p, name, NGX_HTTP_VOICEAI_NAME_LEN);

    argv[0] = VA_STR("PUBLISH");
    argv[1].data = (char *) buf;
    argv[1].len = p - buf;
    argv[2] = message;

    if (sent == NULL) {
        return ngx_http_voiceai_fleet_ask(argv, 3, NULL, NULL);
    }

    s = ngx_alloc(sizeof(ngx_http_voiceai_fleet_sent_t), ngx_cycle->log);
    if (s == NULL) {
        return NGX_DECLINED;
    }

    s->sent = sent;
    s->data = data;

    if (ngx_http_voiceai_fleet_ask(argv, 3, ngx_http_voiceai_fleet_published,
                                   s)
        != NGX_OK)
    {
        ngx_free(s);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_voiceai_fleet_published(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_fleet_sent_t  s;

    s = *(ngx_http_voiceai_fleet_sent_t *) data;
    ngx_free(data);

    s.sent(s.data, reply && va_reply_integer(reply) > 0 ? NGX_OK
                                                        : NGX_DECLINED);
}
