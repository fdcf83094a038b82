
/*
 * How calls leave a worker that is to go: told to quit, it gives them to
 * another one when their time is over; told to terminate, it says goodbye to
 * them as long as the master lets it.  And how they leave a machine that is
 * drained, for another machine.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_call.h"
#include "ngx_http_voiceai_fleet.h"

#include "../src/dialog/va_sentence.h"

#include <poll.h>


/* ms between looks at the calls of a worker that was told to quit */
#define NGX_HTTP_VOICEAI_DRAIN_LOOK    200
/* ms in which a moment of silence is waited for when the time is over */
#define NGX_HTTP_VOICEAI_DRAIN_GRACE   10000

/*
 * The master kills workers about 1550 ms after it has told them to terminate:
 * ms for the goodbye, and for the peers to take the end of their streams.
 */
#define NGX_HTTP_VOICEAI_LEAVE_SPEAK   1100
#define NGX_HTTP_VOICEAI_LEAVE_CLOSE   200

#define NGX_HTTP_VOICEAI_LEAVE_MARK    "goodbye"
#define NGX_HTTP_VOICEAI_LEAVE_MOVED   "the call goes to another worker"


static void ngx_http_voiceai_drain(ngx_event_t *ev);
static void ngx_http_voiceai_drain_call(ngx_http_voiceai_call_t *call,
    ngx_msec_t gone);
static void ngx_http_voiceai_hand_over(ngx_http_voiceai_call_t *call,
    ngx_msec_t gone);
static void ngx_http_voiceai_leave_call(ngx_http_voiceai_call_t *call);
static void ngx_http_voiceai_leave_wait(ngx_cycle_t *cycle,
    ngx_connection_t **connections, struct pollfd *fds, ngx_uint_t n,
    ngx_msec_t ms, ngx_uint_t calls);


static ngx_msec_t        ngx_http_voiceai_drain_since;
static ngx_uint_t        ngx_http_voiceai_drain_quit;
static ngx_event_t       ngx_http_voiceai_drain_timer;
static ngx_connection_t  ngx_http_voiceai_drain_dummy;


#define ngx_http_voiceai_leave_each(q, next)                                  \
    for (q = ngx_http_voiceai_calls_first();                                  \
         q && (next = ngx_queue_next(q),                                      \
               q != ngx_http_voiceai_calls_end());                            \
         q = next)


/*
 * Whether another machine takes the call.  The page of a call in a browser is
 * this machine's.
 */

static ngx_uint_t
ngx_http_voiceai_leave_machine(ngx_http_voiceai_call_t *call)
{
    return !ngx_http_voiceai_browser(&call->ctx->record)
           && ngx_http_voiceai_fleet_elsewhere(call->conf->zone);
}


/*
 * Whether the call can go on elsewhere: with a worker that takes new streams,
 * not of this master if that is to end, or on another machine.
 */

static ngx_uint_t
ngx_http_voiceai_leave_elsewhere(ngx_http_voiceai_call_t *call,
    ngx_uint_t other)
{
    ngx_uint_t                 i, n;
    ngx_shm_zone_t            *zone;
    ngx_http_voiceai_worker_t  workers[NGX_HTTP_VOICEAI_WORKERS];

    zone = call->conf->zone;
    n = ngx_http_voiceai_zone_workers(zone, workers);

    for (i = 0; i < n; i++) {
        if (!workers[i].exiting && workers[i].pid != ngx_pid
            && (!other || workers[i].master != ngx_parent)
            && kill(workers[i].pid, 0) == 0)
        {
            return 1;
        }
    }

    return ngx_http_voiceai_leave_machine(call);
}


static void
ngx_http_voiceai_leave_move(ngx_http_voiceai_call_t *call,
    const char *reason)
{
    call->ctx->record.moved = 1;
    ngx_http_voiceai_media_close(call->request, NGX_HTTP_VOICEAI_LOST,
                                 reason);
}


void
ngx_http_voiceai_drain_begin(void)
{
    if (ngx_exiting && !ngx_http_voiceai_drain_quit) {
        ngx_http_voiceai_drain_quit = 1;
        ngx_http_voiceai_drain_since = ngx_current_msec;
    }

    if (ngx_http_voiceai_drain_timer.timer_set) {
        return;
    }

    ngx_http_voiceai_drain_dummy.fd = (ngx_socket_t) -1;
    ngx_http_voiceai_drain_timer.handler = ngx_http_voiceai_drain;
    ngx_http_voiceai_drain_timer.data = &ngx_http_voiceai_drain_dummy;
    ngx_http_voiceai_drain_timer.log = ngx_cycle->log;
    ngx_http_voiceai_drain_timer.cancelable = 1;

    ngx_add_timer(&ngx_http_voiceai_drain_timer, NGX_HTTP_VOICEAI_DRAIN_LOOK);
}


void
ngx_http_voiceai_drain_look(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_drain_t  drain;

    ngx_http_voiceai_zone_drain(zone, &drain);

    if (drain.hand_over) {
        ngx_http_voiceai_drain_begin();
    }
}


static void
ngx_http_voiceai_drain(ngx_event_t *ev)
{
    ngx_msec_t                gone;
    ngx_uint_t                more;
    ngx_queue_t              *q, *next;
    ngx_http_voiceai_call_t  *call;
    ngx_http_voiceai_drain_t  drain;

    gone = ngx_current_msec - ngx_http_voiceai_drain_since;
    more = ngx_http_voiceai_drain_quit;

    ngx_http_voiceai_leave_each(q, next) {
        call = ngx_queue_data(q, ngx_http_voiceai_call_t, queue);

        if (ngx_http_voiceai_drain_quit
            && call->conf->drain && gone >= call->conf->drain)
        {
            ngx_http_voiceai_drain_call(call, gone - call->conf->drain);
            continue;
        }

        ngx_http_voiceai_zone_drain(call->conf->zone, &drain);

        /* who comes back all the same has nowhere else to go, and stays */

        if (drain.hand_over
            && (ngx_msec_int_t) (call->ctx->start - drain.since) < 0)
        {
            more = 1;
            ngx_http_voiceai_hand_over(call, ngx_current_msec - drain.since);
        }
    }

    /* begun again at the bus's next look if there is another reason */

    if (more) {
        ngx_add_timer(ev, NGX_HTTP_VOICEAI_DRAIN_LOOK);
    }
}


/* The machine is drained since so many ms: nothing ends, but what can goes. */

static void
ngx_http_voiceai_hand_over(ngx_http_voiceai_call_t *call, ngx_msec_t gone)
{
    if (call->parting || call->hangup || call->leave
        || (!va_call_at_rest(call->core)
            && gone < NGX_HTTP_VOICEAI_DRAIN_GRACE)
        || !ngx_http_voiceai_leave_machine(call))
    {
        return;
    }

    ngx_http_set_log_request(call->request->connection->log, call->request);

    ngx_http_voiceai_leave_move(call, "the call goes to another machine");
}


/* The time of a call on this worker is over since so many ms. */

static void
ngx_http_voiceai_drain_call(ngx_http_voiceai_call_t *call, ngx_msec_t gone)
{
    ngx_http_set_log_request(call->request->connection->log, call->request);

    if (!call->parting && !va_call_at_rest(call->core)
        && gone < NGX_HTTP_VOICEAI_DRAIN_GRACE)
    {
        return;
    }

    if (ngx_http_voiceai_leave_elsewhere(call, 0)) {
        ngx_http_voiceai_leave_move(call, NGX_HTTP_VOICEAI_LEAVE_MOVED);
        return;
    }

    if (!call->parting && call->farewell.len) {
        call->parting = 1;
        va_call_say(call->core, ngx_http_voiceai_view(&call->farewell), 1,
                    ngx_current_msec);

    } else if (!call->parting || gone >= 2 * NGX_HTTP_VOICEAI_DRAIN_GRACE) {
        call->hangup = 1;
    }

    ngx_http_voiceai_call_after(call);
}


/*
 * The worker ends now.  The event loop does not run any more, nor do threads,
 * so only the sockets of calls are looked after here.
 */

void
ngx_http_voiceai_leave_all(ngx_cycle_t *cycle)
{
    ngx_uint_t                 n;
    ngx_queue_t               *q, *next;
    struct pollfd             *fds;
    ngx_connection_t         **connections;
    ngx_http_voiceai_call_t   *call;

    if (ngx_http_voiceai_drain_timer.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_drain_timer);
    }

    n = 0;

    ngx_http_voiceai_leave_each(q, next) {
        n++;
    }

    if (n == 0) {
        return;
    }

    connections = ngx_alloc(n * sizeof(ngx_connection_t *), cycle->log);
    fds = ngx_alloc(n * sizeof(struct pollfd), cycle->log);

    if (connections == NULL || fds == NULL) {
        goto done;
    }

    ngx_time_update();
    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "voiceai: %ui calls leave a worker that ends", n);

    n = 0;

    ngx_http_voiceai_leave_each(q, next) {
        call = ngx_queue_data(q, ngx_http_voiceai_call_t, queue);
        connections[n++] = call->request->connection;

        ngx_http_set_log_request(call->request->connection->log,
                                 call->request);
        ngx_http_voiceai_leave_call(call);
    }

    ngx_http_voiceai_leave_wait(cycle, connections, fds, n,
                                NGX_HTTP_VOICEAI_LEAVE_SPEAK, 1);

    ngx_http_voiceai_leave_each(q, next) {
        call = ngx_queue_data(q, ngx_http_voiceai_call_t, queue);
        ngx_http_voiceai_media_close(call->request, NGX_HTTP_VOICEAI_ENDED,
                                     "the server ends");
    }

    ngx_http_voiceai_leave_wait(cycle, connections, fds, n,
                                NGX_HTTP_VOICEAI_LEAVE_CLOSE, 0);

done:

    ngx_free(connections);
    ngx_free(fds);
}


/* What of the farewell is in memory, one sentence after the other. */

static void
ngx_http_voiceai_leave_audio(ngx_http_voiceai_call_t *call, va_buf_t *audio)
{
    size_t                      used;
    va_str_t                    text;
    va_buf_t                    key;
    ngx_uint_t                  i;
    va_sentence_pt              next;
    va_ai_input_t               input;
    ngx_http_voiceai_phrase_t  *phrase;
    ngx_http_voiceai_engine_t  *engine;

    ngx_memzero(&input, sizeof(va_ai_input_t));

    input.stage = VA_AI_TTS;
    input.language = ngx_http_voiceai_view(&call->language);
    input.voice = ngx_http_voiceai_view(&call->voice);

    engine = call->conf->engines[NGX_HTTP_VOICEAI_TTS].list->elts;
    text = ngx_http_voiceai_view(&call->farewell);
    next = va_sentence_first;

    while (next(text, 1, &used, &input.text) == VA_OK) {

        if (input.text.len) {
            next = va_sentence_next;
        }

        for (i = 0;
             i < call->conf->engines[NGX_HTTP_VOICEAI_TTS].list->nelts
             && input.text.len;
             i++)
        {
            ngx_http_voiceai_phrase_key(&key, &engine[i].provider, &input);
            phrase = ngx_http_voiceai_phrase_find(&key);
            va_buf_free(&key);

            if (phrase) {
                va_buf_append(audio, phrase->audio.data, phrase->audio.len);
                ngx_http_voiceai_phrase_release(phrase);
                break;
            }
        }

        text.data += used;
        text.len -= used;
    }
}


/*
 * Everything at once, because nobody will be there to send it bit by bit: the
 * peer plays what it has, and tells by the mark when that was heard.
 */

static void
ngx_http_voiceai_leave_call(ngx_http_voiceai_call_t *call)
{
    size_t      n, at;
    va_str_t    sid;
    va_buf_t    msg, audio;
    ngx_uint_t  i;

    if (ngx_http_voiceai_leave_elsewhere(call, 1)) {
        ngx_http_voiceai_leave_move(call, NGX_HTTP_VOICEAI_LEAVE_MOVED);
        return;
    }

    call->parting = 1;
    call->hangup = 1;

    /* nothing else is to happen in the call */

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKS; i++) {
        if (call->works[i].call) {
            ngx_http_voiceai_work_free(&call->works[i]);
        }
    }

    va_buf_init(&audio, NGX_HTTP_VOICEAI_PHRASE_MAX);
    va_buf_init(&msg, 65536);

    if (!call->conf->engines[NGX_HTTP_VOICEAI_TTS].off) {
        ngx_http_voiceai_leave_audio(call, &audio);
    }

    if (audio.len == 0) {
        ngx_http_voiceai_media_close(call->request, NGX_HTTP_VOICEAI_ENDED,
                                     "the server ends");
        goto done;
    }

    sid.data = (char *) call->ctx->record.stream_sid;
    sid.len = call->ctx->record.stream_sid_len;

    va_media_write_clear(&msg, sid);
    ngx_http_voiceai_frame(call->out, VA_WS_TEXT, msg.data, msg.len);

    for (at = 0; at < audio.len; at += n) {
        n = ngx_min(audio.len - at, NGX_HTTP_VOICEAI_PIECE);

        va_buf_reset(&msg);
        va_media_write_media(&msg, sid, (u_char *) audio.data + at, n);
        ngx_http_voiceai_frame(call->out, VA_WS_TEXT, msg.data, msg.len);
    }

    va_buf_reset(&msg);
    va_media_write_mark(&msg, sid, VA_STR(NGX_HTTP_VOICEAI_LEAVE_MARK));
    ngx_http_voiceai_frame(call->out, VA_WS_TEXT, msg.data, msg.len);

    ngx_http_voiceai_media_flush(call->request);

done:

    va_buf_free(&msg);
    va_buf_free(&audio);
}


void
ngx_http_voiceai_leave_message(ngx_http_voiceai_call_t *call,
    va_media_msg_t *msg)
{
    if (msg->type == VA_MEDIA_MARK
        && va_str_eq(msg->mark, VA_STR(NGX_HTTP_VOICEAI_LEAVE_MARK)))
    {
        ngx_http_voiceai_media_close(call->request, NGX_HTTP_VOICEAI_ENDED,
                                     "the server ends");
    }
}


/* Serves the sockets for so long, or until no call (no socket) is left. */

static void
ngx_http_voiceai_leave_wait(ngx_cycle_t *cycle, ngx_connection_t **connections,
    struct pollfd *fds, ngx_uint_t n, ngx_msec_t ms, ngx_uint_t calls)
{
    ngx_uint_t        i, open;
    ngx_msec_t        until;
    ngx_connection_t *c;

    until = ngx_current_msec + ms;

    for ( ;; ) {
        ngx_event_process_posted(cycle, &ngx_posted_events);

        open = 0;

        for (i = 0; i < n; i++) {
            c = connections[i];

            /* poll() skips what has been closed */

            fds[i].fd = c->fd;
            fds[i].events = POLLIN|(c->write->timer_set ? POLLOUT : 0);
            fds[i].revents = 0;

            open += (c->fd != (ngx_socket_t) -1);
        }

        if (open == 0
            || (calls && ngx_http_voiceai_calls_first()
                         == ngx_http_voiceai_calls_end())
            || (ngx_msec_int_t) (until - ngx_current_msec) <= 0)
        {
            return;
        }

        (void) poll(fds, n, until - ngx_current_msec);
        ngx_time_update();

        for (i = 0; i < n; i++) {
            c = connections[i];

            if (c->fd != (ngx_socket_t) -1 && (fds[i].revents & POLLOUT)) {
                c->write->ready = 1;
                c->write->handler(c->write);
            }

            if (c->fd != (ngx_socket_t) -1
                && (fds[i].revents & (POLLIN|POLLERR|POLLHUP)))
            {
                c->read->ready = 1;
                c->read->handler(c->read);
            }
        }
    }
}
