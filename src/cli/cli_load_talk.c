/*
 * What a call of many says and hears.
 */
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_media.h"
#include "cli_load_call.h"

#define ANSWER_US 20000000u  /* no answer comes any more */
#define SILENCE_US 600000u   /* the assistant has finished */
#define GREETING_US 5000000u /* there is no greeting */

void cli_load_enter(cli_load_call_t *c, cli_load_state_t state)
{
    c->state = state;
    c->begin_us = cli_now_us();
}

void cli_load_fault(cli_load_call_t *c, const char *why)
{
    if (c->failure[0] == '\0') {
        va_str_copy(c->failure, sizeof(c->failure), va_str(why));
    }
}

bool cli_load_send(cli_load_call_t *c, va_buf_t *b)
{
    bool ok = b->rc == VA_OK && cli_stream_send(c->ws, va_buf_view(b));

    va_buf_free(b);
    return ok;
}

void cli_load_return_marks(cli_load_call_t *c)
{
    char *name;
    va_buf_t b;

    while ((name = cli_playout_due(c->playout)) != NULL) {
        va_buf_init(&b, 65536);
        va_media_write_echo(&b, va_str(c->stream_sid), ++c->sequence,
                            va_str(name));
        cli_load_send(c, &b);
        c->load->stats.marks++;
        free(name);
    }
}

static char *write_number(char *out, uint64_t n)
{
    char digits[20];
    size_t k = 0;

    do {
        digits[k++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (k > 0) {
        *out++ = digits[--k];
    }
    return out;
}

static char *write_text(char *out, const char *text)
{
    size_t n = strlen(text);

    memcpy(out, text, n);
    return out + n;
}

/*
 * The same message as va_media_write_inbound makes, from a payload that was
 * encoded once for all calls.
 */
static void send_frame(cli_load_call_t *c, const char payload[CLI_PAYLOAD])
{
    char text[512], *p = text;

    c->chunk++;
    p = write_text(p, "{\"event\":\"media\",\"sequenceNumber\":\"");
    p = write_number(p, ++c->sequence);
    p = write_text(p, "\",\"media\":{\"track\":\"inbound\",\"chunk\":\"");
    p = write_number(p, c->chunk);
    p = write_text(p, "\",\"timestamp\":\"");
    p = write_number(p, (c->chunk - 1) * VA_FRAME_MS);
    p = write_text(p, "\",\"payload\":\"");
    memcpy(p, payload, CLI_PAYLOAD);
    p = write_text(p + CLI_PAYLOAD, "\"},\"streamSid\":\"");
    p = write_text(p, c->stream_sid);
    p = write_text(p, "\"}");
    if (!cli_stream_send(c->ws, (va_str_t){text, (size_t)(p - text)})) {
        cli_load_fault(c, "the server does not read");
    }
    c->load->stats.frames_sent++;
}

/* Returns the caller's next frame. */
static const char *next_payload(cli_load_call_t *c)
{
    cli_load_t *l = c->load;
    size_t at = c->speech;

    if (!c->speaking) {
        c->background = (c->background + 1) % l->background_frames;
        return l->payloads[l->speech_frames + c->background];
    }
    if (at + 1 == l->speech_frames) {
        c->speaking = !l->o->talk;
        c->quiet_us = cli_now_us();
        c->awaiting_us = l->o->talk ? c->quiet_us : 0;
        c->spoke = false;
    }
    c->speech = (at + 1) % l->speech_frames;
    return l->payloads[at];
}

static void hear(cli_load_call_t *c, uint64_t now)
{
    uint8_t frame[VA_FRAME];
    cli_load_stats_t *s = &c->load->stats;

    if (cli_playout_frame(c->playout, frame) == 0 || !cli_audible(frame)) {
        return;
    }
    c->heard_us = now;
    c->spoke = true;
    if (!c->heard_first) {
        c->heard_first = true;
        cli_samples_add(&s->first, now - c->begin_us);
    }
    if (c->awaiting_us != 0) {
        cli_samples_add(&s->answer, now - c->awaiting_us);
        c->awaiting_us = 0;
    }
}

/* Decides whether the caller begins to speak. */
static void converse(cli_load_call_t *c, uint64_t now)
{
    if (c->speaking || c->load->speech_frames == 0) {
        return;
    }
    if (!c->load->o->talk) {
        c->speaking = true;
        return;
    }
    if (c->awaiting_us != 0 && now - c->awaiting_us > ANSWER_US) {
        c->load->stats.answers_missing++;
        c->awaiting_us = 0;
        c->speaking = true;
    } else if (c->awaiting_us == 0 && cli_playout_queued(c->playout) == 0) {
        c->speaking = c->spoke ? now - c->heard_us > SILENCE_US
                               : now - c->quiet_us > GREETING_US;
    }
}

static void hang_up(cli_load_call_t *c)
{
    va_buf_t b;

    va_buf_init(&b, 4096);
    va_media_write_stop(&b, va_str(c->stream_sid), ++c->sequence,
                        va_str(c->id.account_sid), va_str(c->id.call_sid));
    cli_load_send(c, &b);
    cli_stream_close(c->ws);
    cli_load_enter(c, CLI_LOAD_HANGUP);
}

void cli_load_stream_tick(cli_load_call_t *c, uint64_t due_us)
{
    uint64_t now = cli_now_us();

    cli_load_late(&c->load->stats, now > due_us ? now - due_us : 0);
    hear(c, now);
    cli_load_return_marks(c);
    converse(c, now);
    send_frame(c, next_payload(c));
    if (now >= c->end_us) {
        hang_up(c);
    }
}
