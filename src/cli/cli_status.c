#include "cli_status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const events[] = {"initiated", "ringing", "answered",
                                     "completed"};
static const char *const orders[] = {"right", "shuffled", "repeated"};

bool cli_event_named(va_str_t name, cli_event_t *event)
{
    size_t i;

    for (i = 0; i < CLI_EVENT_COUNT; i++) {
        if (va_str_eq(name, va_str(events[i]))) {
            *event = (cli_event_t)i;
            return true;
        }
    }
    return false;
}

bool cli_order_named(const char *name, cli_order_t *order)
{
    size_t i;

    for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (strcmp(name, orders[i]) == 0) {
            *order = (cli_order_t)i;
            return true;
        }
    }
    return false;
}

/* Each pair of events changes places, so the first of it is held back. */
static size_t plan_shuffled(unsigned seen, cli_event_t event,
                            cli_event_t plan[CLI_PLAN_MAX])
{
    bool second = event == CLI_EVENT_RINGING || event == CLI_EVENT_COMPLETED;
    size_t n = 0;

    if (!second) {
        return 0;
    }
    plan[n++] = event;
    if (event == CLI_EVENT_COMPLETED && !(seen & 1u << CLI_EVENT_RINGING) &&
        (seen & 1u << CLI_EVENT_INITIATED)) {
        plan[n++] = CLI_EVENT_INITIATED;
    }
    if (seen & 1u << (event - 1)) {
        plan[n++] = (cli_event_t)(event - 1);
    }
    return n;
}

size_t cli_status_plan(cli_order_t order, unsigned seen, cli_event_t event,
                       cli_event_t plan[CLI_PLAN_MAX])
{
    size_t n = 0;
    unsigned i;

    if (order == CLI_ORDER_SHUFFLED) {
        return plan_shuffled(seen, event, plan);
    }
    plan[n++] = event;
    if (order == CLI_ORDER_REPEATED) {
        plan[n++] = event;
        for (i = 0; event == CLI_EVENT_COMPLETED && i < event; i++) {
            if (seen & 1u << i) {
                plan[n++] = (cli_event_t)i;
            }
        }
    }
    return n;
}

static void start_next(cli_callbacks_t *s);

static void fault(cli_callbacks_t *s, const char *url, const char *why)
{
    char text[CLI_ERROR];

    s->failed++;
    snprintf(text, sizeof(text), "callback to %.100s: %.120s", url, why);
    cli_report_fault(s->report, (cli_now_us() - *s->t0_us) / 1000, text);
}

static void drop_first(cli_callbacks_t *s)
{
    s->count--;
    memmove(&s->queue[0], &s->queue[1], s->count * sizeof(s->queue[0]));
}

static void on_delivered(void *ctx, const cli_http_reply_t *reply)
{
    cli_callbacks_t *s = ctx;
    char why[CLI_ERROR];

    s->http = NULL;
    if (reply->status == 0) {
        snprintf(why, sizeof(why), "11200: %.200s", reply->error);
        fault(s, s->queue[0].url, why);
    } else if (reply->status < 200 || reply->status > 299) {
        snprintf(why, sizeof(why), "11217: answered with status %ld",
                 reply->status);
        fault(s, s->queue[0].url, why);
    }
    drop_first(s);
    start_next(s);
}

/* An empty field is left out. */
static const char *filled(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static bool start_one(cli_callbacks_t *s, const cli_callback_t *c)
{
    const cli_field_t status[] = {{"CallDuration", filled(c->duration)},
                                  {"Duration", filled(c->minutes)},
                                  {"Timestamp", c->timestamp},
                                  {"CallbackSource", "call-progress-events"},
                                  {"SequenceNumber", c->sequence},
                                  {"AnsweredBy", c->answered_by}};
    const cli_field_t verdict[] = {
        {"AnsweredBy", c->answered_by},
        {"MachineDetectionDuration", c->detection_ms}};
    bool detected = c->detection_ms[0] != '\0';
    cli_webhook_t w = {.url = c->url,
                       .status = c->status,
                       .get = c->get,
                       .fields = detected ? verdict : status,
                       .field_count = detected ? 2 : 6};
    char error[CLI_ERROR];

    s->http =
        cli_webhook_start(s->loop, s->route, s->id, &w, on_delivered, s, error);
    if (s->http == NULL) {
        fault(s, c->url, error);
    }
    return s->http != NULL;
}

/* One after the other, so that the order on the wire is the one planned. */
static void start_next(cli_callbacks_t *s)
{
    while (s->http == NULL && s->count > 0 && !start_one(s, &s->queue[0])) {
        drop_first(s);
    }
}

static void enqueue(cli_callbacks_t *s, const cli_callback_t *c)
{
    if (s->count == CLI_CALLBACKS_MAX) {
        fault(s, c->url, "15002: too many callbacks wait");
        return;
    }
    s->queue[s->count++] = *c;
    start_next(s);
}

static void note(cli_callbacks_t *s, cli_callback_t *c, const char *status,
                 unsigned sequence)
{
    time_t now = time(NULL);
    struct tm tm;

    memset(c, 0, sizeof(*c));
    va_str_copy(c->url, sizeof(c->url), va_str(s->url));
    c->get = s->get;
    va_str_copy(c->status, sizeof(c->status), va_str(status));
    snprintf(c->sequence, sizeof(c->sequence), "%u", sequence);
    gmtime_r(&now, &tm);
    strftime(c->timestamp, sizeof(c->timestamp), "%a, %d %b %Y %H:%M:%S +0000",
             &tm);
}

void cli_status_event(cli_callbacks_t *s, cli_event_t event, const char *status,
                      unsigned seconds, const char *answered_by)
{
    cli_callback_t *c = &s->at[event];
    cli_event_t plan[CLI_PLAN_MAX];
    size_t n, i;

    if (s->url == NULL) {
        return;
    }
    note(s, c, status, (unsigned)__builtin_popcount(s->seen));
    c->answered_by = answered_by;
    if (event == CLI_EVENT_COMPLETED) {
        snprintf(c->duration, sizeof(c->duration), "%u", seconds);
        snprintf(c->minutes, sizeof(c->minutes), "%u", (seconds + 59) / 60);
    }
    n = cli_status_plan(s->order, s->seen, event, plan);
    s->seen |= 1u << event;
    for (i = 0; i < n; i++) {
        if (s->events & 1u << plan[i]) {
            enqueue(s, &s->at[plan[i]]);
        }
    }
}

void cli_status_detected(cli_callbacks_t *s, const char *url, bool get,
                         const char *answered_by, unsigned ms)
{
    cli_callback_t c;

    note(s, &c, "in-progress", 0);
    va_str_copy(c.url, sizeof(c.url), va_str(url));
    c.get = get;
    c.answered_by = answered_by;
    snprintf(c.detection_ms, sizeof(c.detection_ms), "%u", ms);
    enqueue(s, &c);
}

bool cli_status_busy(const cli_callbacks_t *s)
{
    return s->count > 0;
}

void cli_status_cancel(cli_callbacks_t *s)
{
    cli_http_cancel(s->http);
    s->http = NULL;
    s->count = 0;
}
