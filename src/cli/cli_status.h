/*
 * Status callbacks: what is told of a call's course, in which order, and the
 * posting of it behind the call's back.
 * https://www.twilio.com/docs/voice/api/call-resource#statuscallback
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "cli_report.h"
#include "cli_webhook.h"

/* The events of a call, as bits of a set too (1u << event). */
typedef enum {
    CLI_EVENT_INITIATED,
    CLI_EVENT_RINGING,
    CLI_EVENT_ANSWERED,
    CLI_EVENT_COMPLETED, /* whatever the end was */
    CLI_EVENT_COUNT
} cli_event_t;

#define CLI_EVENTS_ALL 15u
#define CLI_PLAN_MAX 8 /* deliveries at one event */

typedef enum {
    CLI_ORDER_RIGHT,
    CLI_ORDER_SHUFFLED, /* no event before the one that follows it */
    CLI_ORDER_REPEATED  /* each one twice, and again at the end */
} cli_order_t;

#define CLI_CALLBACKS_MAX 16

/* A callback on its way or waiting. */
typedef struct {
    char url[CLI_URL_MAX];
    bool get;
    char status[16];
    char sequence[12];
    char duration[12]; /* "" before the end */
    char minutes[12];
    char timestamp[40];
    const char *answered_by; /* or NULL */
    char detection_ms[12];   /* of a verdict on who answered, "" for others */
} cli_callback_t;

typedef struct {
    cli_loop_t *loop;
    const cli_route_t *route;
    const cli_identity_t *id;
    cli_report_t *report;
    const uint64_t *t0_us;
    const char *url; /* NULL: nobody is told the status */
    bool get;
    unsigned events; /* those that are told, a set */
    cli_order_t order;
    unsigned seen; /* events that have happened, a set */
    cli_callback_t at[CLI_EVENT_COUNT];
    size_t count; /* waiting; the first is on its way if http is not NULL */
    cli_callback_t queue[CLI_CALLBACKS_MAX];
    cli_http_t *http;
    size_t failed;
} cli_callbacks_t;

VA_BEGIN_DECLS

/* Finds an event by Twilio's name ("answered"), an order by its own. */
bool cli_event_named(va_str_t name, cli_event_t *event);
bool cli_order_named(const char *name, cli_order_t *order);

/*
 * Says what is delivered when `event` happens after those of the set seen.
 * Returns how many of plan are set.
 */
size_t cli_status_plan(cli_order_t order, unsigned seen, cli_event_t event,
                       cli_event_t plan[CLI_PLAN_MAX]);

/*
 * An event has happened: status is its CallStatus, seconds the length of the
 * call at its end.
 */
void cli_status_event(cli_callbacks_t *s, cli_event_t event, const char *status,
                      unsigned seconds, const char *answered_by);

/* Tells url who answered. */
void cli_status_detected(cli_callbacks_t *s, const char *url, bool get,
                         const char *answered_by, unsigned ms);

/* Returns whether something is still to be delivered. */
bool cli_status_busy(const cli_callbacks_t *s);

void cli_status_cancel(cli_callbacks_t *s);

VA_END_DECLS

#endif
