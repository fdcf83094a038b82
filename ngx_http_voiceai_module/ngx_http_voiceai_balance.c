
/*
 * Even load.  A media socket stays for the length of a call with the worker
 * that accepted it, so a worker that has more than its share leaves the
 * listening sockets to the others until they have caught up.
 *
 * The worker with the fewest sockets never stops, so somebody always accepts.
 * Sockets with "reuseport" are left alone: what the kernel gave to a worker
 * nobody else can take.
 */


#include "ngx_http_voiceai_module.h"


/* sockets above the least loaded worker with which one still accepts */
#define NGX_HTTP_VOICEAI_BALANCE_ABOVE  1
/* ms between looks at the others while not accepting */
#define NGX_HTTP_VOICEAI_BALANCE_LOOK   10


static void ngx_http_voiceai_balance_accept(ngx_uint_t on);
static void ngx_http_voiceai_balance_look(ngx_event_t *ev);


static ngx_uint_t        ngx_http_voiceai_balance_off;
static ngx_shm_zone_t   *ngx_http_voiceai_balance_zone;
static ngx_event_t       ngx_http_voiceai_balance_timer;
static ngx_connection_t  ngx_http_voiceai_balance_dummy;


void
ngx_http_voiceai_balance(ngx_shm_zone_t *zone, ngx_int_t change)
{
    ngx_uint_t  above;

    above = ngx_http_voiceai_zone_socket(zone, change);

    if (ngx_http_voiceai_balance_off || ngx_exiting
        || above <= NGX_HTTP_VOICEAI_BALANCE_ABOVE)
    {
        return;
    }

    ngx_http_voiceai_balance_off = 1;
    ngx_http_voiceai_balance_zone = zone;
    ngx_http_voiceai_balance_accept(0);

    ngx_http_voiceai_balance_dummy.fd = (ngx_socket_t) -1;
    ngx_http_voiceai_balance_timer.handler = ngx_http_voiceai_balance_look;
    ngx_http_voiceai_balance_timer.data = &ngx_http_voiceai_balance_dummy;
    ngx_http_voiceai_balance_timer.log = ngx_cycle->log;
    ngx_http_voiceai_balance_timer.cancelable = 1;

    ngx_add_timer(&ngx_http_voiceai_balance_timer,
                  NGX_HTTP_VOICEAI_BALANCE_LOOK);
}


static void
ngx_http_voiceai_balance_look(ngx_event_t *ev)
{
    if (ngx_exiting) {
        return;
    }

    if (ngx_http_voiceai_zone_socket(ngx_http_voiceai_balance_zone, 0)
        > NGX_HTTP_VOICEAI_BALANCE_ABOVE)
    {
        ngx_add_timer(ev, NGX_HTTP_VOICEAI_BALANCE_LOOK);
        return;
    }

    ngx_http_voiceai_balance_off = 0;
    ngx_http_voiceai_balance_accept(1);
}


static void
ngx_http_voiceai_balance_accept(ngx_uint_t on)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_listening_t  *ls;
    ngx_connection_t *c;

    ls = ngx_cycle->listening.elts;

    for (i = 0; i < ngx_cycle->listening.nelts; i++) {

        c = ls[i].connection;

        if (c == NULL
#if (NGX_HAVE_REUSEPORT)
            || ls[i].reuseport
#endif
            || c->read->active == on)
        {
            continue;
        }

        if (!on) {
            rc = ngx_del_event(c->read, NGX_READ_EVENT, NGX_DISABLE_EVENT);

        } else {
#if (NGX_HAVE_EPOLLEXCLUSIVE)
            rc = ngx_add_event(c->read, NGX_READ_EVENT,
                               (ngx_event_flags & NGX_USE_EPOLL_EVENT)
                               ? NGX_EXCLUSIVE_EVENT : 0);
#else
            rc = ngx_add_event(c->read, NGX_READ_EVENT, 0);
#endif
        }

        if (rc != NGX_OK) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "voiceai: could not %s accepting on \"%V\"",
                          on ? "resume" : "pause", &ls[i].addr_text);
        }
    }
}


void
ngx_http_voiceai_balance_exit(void)
{
    if (ngx_http_voiceai_balance_timer.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_balance_timer);
    }
}
