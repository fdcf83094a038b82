
/*
 * A machine that gives no sign of life has died with its calls, or is cut off
 * from Redis.  One of the others, the heir, takes the records of its calls into
 * its own zone as lost; from there they are connected again as those of a dead
 * worker are.
 */


#include "ngx_http_voiceai_fleet.h"


/* seconds that an heir has before another may try */
#define NGX_HTTP_VOICEAI_HEIR_TIME   "60"
/* calls taken over at once; the rest follow at the next look */
#define NGX_HTTP_VOICEAI_HEIR_CALLS  256


/* What is asked about one machine; freed when nothing is asked any more. */
typedef struct {
    ngx_shm_zone_t               *zone;
    u_char                        machine[NGX_HTTP_VOICEAI_MACHINE_LEN];
    ngx_uint_t                    waiting;
    ngx_uint_t                    taken;
    unsigned                      more:1;
    unsigned                      failed:1;
} ngx_http_voiceai_heir_t;


static void ngx_http_voiceai_heir_machines(void *data,
    const va_reply_t *reply);
static void ngx_http_voiceai_heir_alive(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_heir_chosen(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_heir_calls(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_heir_call(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_heir_done(ngx_http_voiceai_heir_t *heir);


/* A key of the machine that heir is about. */

static va_str_t
ngx_http_voiceai_heir_key(u_char *buf, const char *kind,
    ngx_http_voiceai_heir_t *heir)
{
    return ngx_http_voiceai_fleet_key(buf, kind, heir->zone, heir->machine,
                                      sizeof(heir->machine));
}


void
ngx_http_voiceai_fleet_heir(ngx_shm_zone_t *zone)
{
    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[2];

    argv[0] = VA_STR("SMEMBERS");
    argv[1] = ngx_http_voiceai_fleet_key(buf, "machines", zone, NULL, 0);

    (void) ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_heir_machines,
                                      zone);
}


static void
ngx_http_voiceai_heir_machines(void *data, const va_reply_t *reply)
{
    ngx_shm_zone_t *zone = data;

    size_t                    i;
    u_char                    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t                  argv[2], name;
    ngx_http_voiceai_heir_t  *heir;

    for (i = 0; reply && i < va_reply_count(reply); i++) {
        name = va_reply_str(va_reply_at(reply, i));

        if (name.len != NGX_HTTP_VOICEAI_MACHINE_LEN
            || ngx_http_voiceai_fleet_self(zone, name))
        {
            continue;
        }

        heir = ngx_calloc(sizeof(ngx_http_voiceai_heir_t), ngx_cycle->log);
        if (heir == NULL) {
            return;
        }

        heir->zone = zone;
        ngx_memcpy(heir->machine, name.data, name.len);

        argv[0] = VA_STR("GET");
        argv[1] = ngx_http_voiceai_heir_key(buf, "alive", heir);

        if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_heir_alive,
                                       heir)
            != NGX_OK)
        {
            ngx_free(heir);
            return;
        }
    }
}


static void
ngx_http_voiceai_heir_alive(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_heir_t *heir = data;

    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[6];

    if (reply && va_reply_type(reply) == VA_REPLY_STRING
        && va_str_eq(va_reply_str(reply), VA_STR("1")))
    {
        ngx_http_voiceai_fleet_other(heir->zone);
    }

    if (reply == NULL || va_reply_type(reply) != VA_REPLY_NIL
        || !ngx_http_voiceai_fleet_settled())
    {
        ngx_free(heir);
        return;
    }

    argv[0] = VA_STR("SET");
    argv[1] = ngx_http_voiceai_heir_key(buf, "heir", heir);
    argv[2] = VA_STR("1");
    argv[3] = VA_STR("NX");
    argv[4] = VA_STR("EX");
    argv[5] = VA_STR(NGX_HTTP_VOICEAI_HEIR_TIME);

    if (ngx_http_voiceai_fleet_ask(argv, 6, ngx_http_voiceai_heir_chosen, heir)
        != NGX_OK)
    {
        ngx_free(heir);
    }
}


static void
ngx_http_voiceai_heir_chosen(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_heir_t *heir = data;

    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[2];

    /* nil: another one is at it */

    if (reply == NULL || va_reply_type(reply) != VA_REPLY_STRING) {
        ngx_free(heir);
        return;
    }

    argv[0] = VA_STR("SMEMBERS");
    argv[1] = ngx_http_voiceai_heir_key(buf, "calls", heir);

    if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_heir_calls, heir)
        != NGX_OK)
    {
        ngx_free(heir);
    }
}


static void
ngx_http_voiceai_heir_calls(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_heir_t *heir = data;

    size_t    i;
    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[3], sid;

    heir->waiting = 1;
    heir->failed = (reply == NULL
                    || va_reply_type(reply) != VA_REPLY_ARRAY);

    for (i = 0; !heir->failed && i < va_reply_count(reply); i++) {

        if (i == NGX_HTTP_VOICEAI_HEIR_CALLS) {
            heir->more = 1;
            break;
        }

        sid = va_reply_str(va_reply_at(reply, i));

        argv[0] = VA_STR("HGETALL");
        argv[1] = ngx_http_voiceai_fleet_key(buf, "call", heir->zone,
                                             (u_char *) sid.data, sid.len);

        if (ngx_http_voiceai_fleet_ask(argv, 2, ngx_http_voiceai_heir_call,
                                       heir)
            != NGX_OK)
        {
            heir->failed = 1;
            break;
        }

        heir->waiting++;

        /* whether or not it can be read, nobody has to look at it again */

        argv[0] = VA_STR("SREM");
        argv[1] = ngx_http_voiceai_heir_key(buf, "calls", heir);
        argv[2] = sid;

        (void) ngx_http_voiceai_fleet_ask(argv, 3, NULL, NULL);
    }

    ngx_http_voiceai_heir_done(heir);
}


/* A call that was given to another machine is not the dead one's any more. */

static ngx_uint_t
ngx_http_voiceai_heir_owned(ngx_http_voiceai_heir_t *heir,
    const va_reply_t *reply)
{
    size_t    i;
    va_str_t  machine;

    for (i = 0; i + 1 < va_reply_count(reply); i += 2) {

        if (va_str_eq(va_reply_str(va_reply_at(reply, i)),
                      VA_STR("machine")))
        {
            machine.data = (char *) heir->machine;
            machine.len = sizeof(heir->machine);

            return va_str_eq(va_reply_str(va_reply_at(reply, i + 1)),
                             machine);
        }
    }

    return 1;
}


static void
ngx_http_voiceai_heir_call(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_heir_t *heir = data;

    static ngx_http_voiceai_record_t  rec;

    if (reply == NULL) {
        heir->failed = 1;

    } else if (ngx_http_voiceai_heir_owned(heir, reply)
               && ngx_http_voiceai_fleet_decode(&rec, reply) == NGX_OK
               && rec.state != NGX_HTTP_VOICEAI_ENDED
               && ngx_http_voiceai_zone_import(heir->zone, &rec, 1) == NGX_OK)
    {
        heir->taken++;
        ngx_http_voiceai_fleet_put(heir->zone, &rec,
                                   NGX_HTTP_VOICEAI_FLEET_OWNER);
    }

    ngx_http_voiceai_heir_done(heir);
}


/* When all calls were taken over nothing is left of the machine. */

static void
ngx_http_voiceai_heir_done(ngx_http_voiceai_heir_t *heir)
{
    u_char    buf[NGX_HTTP_VOICEAI_FLEET_KEY];
    va_str_t  argv[3];

    if (--heir->waiting) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "voiceai: machine %*s is dead, %ui of its calls were taken "
                  "over%s", sizeof(heir->machine), heir->machine, heir->taken,
                  heir->failed ? ", not all could be read"
                  : heir->more ? ", more follow" : "");

    if (!heir->failed && !heir->more) {
        argv[0] = VA_STR("SREM");
        argv[1] = ngx_http_voiceai_fleet_key(buf, "machines", heir->zone,
                                             NULL, 0);
        argv[2].data = (char *) heir->machine;
        argv[2].len = sizeof(heir->machine);

        (void) ngx_http_voiceai_fleet_ask(argv, 3, NULL, NULL);
    }

    argv[0] = VA_STR("DEL");
    argv[1] = ngx_http_voiceai_heir_key(buf, "heir", heir);

    (void) ngx_http_voiceai_fleet_ask(argv, 2, NULL, NULL);

    ngx_http_voiceai_bus_recover(heir->zone);

    ngx_free(heir);
}
