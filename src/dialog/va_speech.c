#include "va_speech.h"

#include <math.h>
#include <string.h>

#include "../audio/va_g711.h"
#include "va_sentence.h"

#define VA_STARVE_MS 200        /* closer to silence than this, send anything */
#define VA_SAMPLES_PER_CHAR 530 /* of English read at an ordinary pace */
#define VA_NOT_KNOWN UINT64_MAX
#define VA_SPEECH_PIECE 1024 /* bytes of text made speakable at a time */
#define VA_SPEECH_WORDS                                                        \
    (4 * (VA_SPEECH_PIECE + VA_SPEAKABLE_HOLD)) /* no byte makes more of it */
#define VA_PACKET_MS (VA_SPEECH_PACKET / (VA_RATE / 1000))
#define VA_RETRY_MS 100 /* until memory is tried for again */
#define VA_SOON_MS                                                             \
    3000               /* the next sentence is asked for so long before the    \
                          caller would hear nothing */
#define VA_BACK_MS 600 /* a turn goes on at most so long before its cut */
#define VA_DROP 4096   /* sent audio is dropped in pieces of this size */

void va_speech_init(va_speech_t *s, va_action_pt act, void *ctx,
                    uint32_t ahead_ms, uint32_t *next_request,
                    va_turn_times_t *times)
{
    memset(s, 0, sizeof(*s));
    s->act = act;
    s->ctx = ctx;
    /* With less than a packet there would never be room for one. */
    s->ahead_ms = ahead_ms > VA_PACKET_MS ? ahead_ms : VA_PACKET_MS;
    s->next_request = next_request;
    s->times = times;
    va_buf_init(&s->text, VA_SPEECH_TEXT);
    va_buf_init(&s->words, VA_SPEECH_WORDS);
    va_buf_init(&s->queue, VA_SPEECH_QUEUE);
}

void va_speech_keep_sent(va_speech_t *s)
{
    size_t keep = ((size_t)s->ahead_ms + VA_BACK_MS) * (VA_RATE / 1000);

    s->keep = keep < VA_SPEECH_KEEP ? keep : VA_SPEECH_KEEP;
    va_buf_init(&s->queue, VA_SPEECH_QUEUE + s->keep);
}

void va_speech_free(va_speech_t *s)
{
    va_buf_free(&s->text);
    va_buf_free(&s->words);
    va_buf_free(&s->queue);
}

void va_speech_begin(va_speech_t *s)
{
    va_buf_reset(&s->text);
    memset(&s->speakable, 0, sizeof(s->speakable));
    va_buf_reset(&s->queue);
    s->active = true;
    s->gate = false;
    s->held = false;
    s->sounded = false;
    s->text_done = false;
    s->text_full = false;
    s->split = 0;
    s->count = 0;
    s->asked = 0;
    s->marked = 0;
    s->queue_at = 0;
    s->queued = 0;
    s->begin_mark = 0;
    memset(s->slots, 0, sizeof(s->slots));
    va_playout_begin(&s->playout);
}

static void va_speech_act(va_speech_t *s, va_action_type_t type,
                          uint32_t request, va_str_t text)
{
    s->act(s->ctx,
           &(va_action_t){.type = type, .request = request, .text = text});
}

/* Returns the samples that the voice may still make of the sentence it is at,
   by the sentence's length. */
static uint64_t va_speech_coming(const va_speech_t *s)
{
    const va_speech_slot_t *head = &s->slots[0];
    uint64_t begin;
    uint64_t all;

    if (head->request == 0 || head->ended) {
        return 0;
    }
    begin = head->sentence > 0 ? s->sentences[head->sentence - 1].end : 0;
    all = s->sentences[head->sentence].len * (uint64_t)VA_SAMPLES_PER_CHAR;
    return all > s->queued - begin ? all - (s->queued - begin) : 0;
}

/*
 * Returns when the next sentence is to be given to the voice, UINT64_MAX if
 * there is none or no room for it.  Not long before it is needed: what is made
 * too early takes memory, and is made in vain when the caller interrupts.
 */
static uint64_t va_speech_ask_at(const va_speech_t *s, uint64_t now_ms)
{
    uint64_t left = s->queue.len - s->queue_at + va_speech_coming(s);
    uint64_t end = s->playout.end_ms;

    if (s->asked == s->count ||
        s->slots[s->alone ? 0 : VA_SPEECH_AHEAD - 1].request != 0 ||
        (s->gate && s->asked > 0)) {
        return UINT64_MAX;
    }
    end = (end > now_ms ? end : now_ms) + left / (VA_RATE / 1000);
    return s->slots[0].request == 0 || end < VA_SOON_MS ? 0 : end - VA_SOON_MS;
}

/* Gives sentences to the voice while it has a free slot. */
static void va_speech_ask(va_speech_t *s, uint64_t now_ms)
{
    while (va_speech_ask_at(s, now_ms) <= now_ms) {
        va_speech_sentence_t *sentence = &s->sentences[s->asked];
        va_speech_slot_t *slot = &s->slots[s->slots[0].request != 0];

        *slot = (va_speech_slot_t){++*s->next_request, s->asked, false, false};
        s->asked++;
        if (s->times->first_speak == 0) {
            s->times->first_speak = now_ms;
        }
        va_speech_act(
            s, VA_ACT_SPEAK, slot->request,
            (va_str_t){s->text.data + sentence->offset, sentence->len});
    }
}

/* Keeps the text as far as there is room, never half a character. */
static void va_speech_keep(va_speech_t *s, va_str_t text)
{
    if (s->text_full) {
        return;
    }
    if (text.len > s->text.max - s->text.len) {
        s->text_full = true;
        text.len = s->text.max - s->text.len;
        while (text.len > 0 && ((uint8_t)text.data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    va_buf_str(&s->text, text);
}

/* Keeps of the text what can be said, in pieces that have a bound. */
static void va_speech_clean(va_speech_t *s, va_str_t text, bool last)
{
    while (text.len != 0) {
        size_t n = text.len < VA_SPEECH_PIECE ? text.len : VA_SPEECH_PIECE;

        va_speakable_feed(&s->speakable, (va_str_t){text.data, n}, &s->words);
        va_speech_keep(s, va_buf_view(&s->words));
        va_buf_reset(&s->words);
        text.data += n;
        text.len -= n;
    }
    if (last) {
        va_speakable_finish(&s->speakable, &s->words);
        va_speech_keep(s, va_buf_view(&s->words));
        va_buf_reset(&s->words);
    }
}

/* Cuts the next sentence off; the caller waits for the first words most. */
static bool va_speech_cut(const va_speech_t *s, size_t *used,
                          va_str_t *sentence)
{
    va_str_t rest = {s->text.data + s->split, s->text.len - s->split};

    if (s->count == 0) {
        return va_sentence_first(rest, s->text_done, used, sentence) == VA_OK;
    }
    return va_sentence_next(rest, s->text_done, used, sentence) == VA_OK;
}

void va_speech_write(va_speech_t *s, va_str_t text, bool done, uint64_t now_ms)
{
    va_str_t sentence = {NULL, 0};
    size_t used = 0;

    va_speech_clean(s, text, done && !s->text_done);
    s->text_done = s->text_done || done;
    while (s->count < VA_SPEECH_SENTENCES && s->split < s->text.len &&
           va_speech_cut(s, &used, &sentence)) {
        if (sentence.len != 0) {
            s->sentences[s->count++] =
                (va_speech_sentence_t){(size_t)(sentence.data - s->text.data),
                                       sentence.len, VA_NOT_KNOWN};
        }
        s->split += used;
    }
    va_speech_ask(s, now_ms);
}

bool va_speech_retract(va_speech_t *s)
{
    if (!s->active || s->text_done || s->count != 0) {
        return false;
    }
    va_buf_reset(&s->text);
    memset(&s->speakable, 0, sizeof(s->speakable));
    s->text_full = false;
    s->split = 0;
    return true;
}

static va_speech_slot_t *va_speech_slot(va_speech_t *s, uint32_t request)
{
    for (size_t i = 0; i < VA_SPEECH_AHEAD; i++) {
        if (request != 0 && s->slots[i].request == request) {
            return &s->slots[i];
        }
    }
    return NULL;
}

bool va_speech_owns(const va_speech_t *s, uint32_t request)
{
    return va_speech_slot((va_speech_t *)s, request) != NULL;
}

bool va_speech_forget(va_speech_t *s, uint32_t request)
{
    va_speech_slot_t *slot = va_speech_slot(s, request);

    if (slot == NULL) {
        return false;
    }
    slot->request = 0;
    return true;
}

/* Drops sent audio that is not kept, when it is much or the room is needed. */
static void va_speech_drop(va_speech_t *s, size_t need)
{
    size_t drop = s->queue_at > s->keep ? s->queue_at - s->keep : 0;

    if (drop >= VA_DROP || (drop > 0 && need > s->queue.max - s->queue.len)) {
        va_buf_consume(&s->queue, drop);
        s->queue_at -= drop;
    }
}

/* Puts n bytes into the queue if they fit. */
static bool va_speech_enqueue(va_speech_t *s, const uint8_t *ulaw, size_t n)
{
    va_speech_drop(s, n);
    if (n > VA_SPEECH_QUEUE - (s->queue.len - s->queue_at) ||
        n > s->queue.max - s->queue.len) {
        return false;
    }
    if (va_buf_append(&s->queue, ulaw, n) != VA_OK) {
        s->queue.rc = VA_OK;
        return false;
    }
    s->queued += n;
    return true;
}

/* The voice's turn moves on to the next sentence in order. */
static void va_speech_advance(va_speech_t *s, uint64_t now_ms)
{
    uint8_t silence[VA_FRAME];
    uint64_t odd;

    memset(silence, VA_ULAW_SILENCE, sizeof(silence));
    while (s->slots[0].request != 0 && s->slots[0].ended) {
        odd = s->queued % VA_FRAME;
        if (odd != 0 && !va_speech_enqueue(s, silence, VA_FRAME - odd)) {
            break; /* the queue is full: tried again when it was sent */
        }
        s->sentences[s->slots[0].sentence].end = s->queued;
        memmove(s->slots, s->slots + 1,
                (VA_SPEECH_AHEAD - 1) * sizeof(s->slots[0]));
        memset(&s->slots[VA_SPEECH_AHEAD - 1], 0, sizeof(s->slots[0]));
    }
    va_speech_ask(s, now_ms);
}

/* Asks for the audio that was refused, once there is room for it. */
static void va_speech_resume(va_speech_t *s)
{
    va_speech_slot_t *head = &s->slots[0];

    if (head->request != 0 && head->held && !head->ended &&
        s->queue.len - s->queue_at <= VA_SPEECH_QUEUE / 2) {
        head->held = false;
        va_speech_act(s, VA_ACT_RESUME, head->request, (va_str_t){NULL, 0});
    }
}

va_rc_t va_speech_audio(va_speech_t *s, uint32_t request, const uint8_t *ulaw,
                        size_t n, uint64_t now_ms)
{
    va_speech_slot_t *slot = va_speech_slot(s, request);
    bool taken;

    if (n > VA_CALL_SPEECH_MAX) {
        return VA_LIMIT;
    }
    if (slot->ended) {
        return VA_OK;
    }
    if (slot != &s->slots[0]) {
        slot->held = true;
        return VA_AGAIN;
    }
    if (s->times->first_audio == 0) {
        s->times->first_audio = now_ms;
    }
    slot->held = false; /* it is being offered: no resume is owed */
    taken = va_speech_enqueue(s, ulaw, n);
    va_speech_pump(s, now_ms);
    /* Pumping may have made the room; if not, the resume must come after the
       refusal, not within it. */
    if (!taken && va_speech_enqueue(s, ulaw, n)) {
        taken = true;
        va_speech_pump(s, now_ms);
    }
    slot->held = !taken;
    return taken ? VA_OK : VA_AGAIN;
}

void va_speech_audio_end(va_speech_t *s, uint32_t request, uint64_t now_ms)
{
    va_speech_slot(s, request)->ended = true;
    va_speech_advance(s, now_ms);
    va_speech_pump(s, now_ms);
    va_speech_resume(s);
}

void va_speech_tones(va_speech_t *s, uint64_t now_ms)
{
    static const float hertz[] = {480, 0, 400, 0};
    static const size_t frames[] = {12, 4, 12, 1};
    int16_t pcm[VA_FRAME];
    uint8_t ulaw[VA_FRAME];

    va_speech_begin(s);
    s->text_done = true;
    for (size_t k = 0; k < sizeof(hertz) / sizeof(hertz[0]); k++) {
        float step = 6.2831853f * hertz[k] / VA_RATE;

        for (size_t i = 0; i < frames[k] * VA_FRAME; i++) {
            pcm[i % VA_FRAME] = (int16_t)(3000 * sinf(step * (float)i));
            if (i % VA_FRAME == VA_FRAME - 1) {
                va_ulaw_encode(ulaw, pcm, VA_FRAME);
                va_speech_enqueue(s, ulaw, VA_FRAME);
            }
        }
    }
    s->sentences[0] = (va_speech_sentence_t){0, 0, s->queued};
    s->count = 1;
    s->asked = 1;
    va_speech_pump(s, now_ms);
}

void va_speech_mark(va_speech_t *s, va_str_t name, uint64_t now_ms)
{
    uint32_t number = va_playout_returned(&s->playout, name, now_ms);

    if (number != 0 && s->active && s->times->first_heard == 0) {
        s->times->first_heard = now_ms;
    }
}

static void va_speech_send_mark(va_speech_t *s)
{
    char name[VA_PLAYOUT_NAME];

    if (va_playout_mark(&s->playout, name) != 0) {
        va_speech_act(s, VA_ACT_MARK, 0, va_str(name));
    }
}

/* Sends the marks of the sentences that end where the audio sent ends. */
static void va_speech_send_marks(va_speech_t *s)
{
    while (s->marked < s->count &&
           s->sentences[s->marked].end <= s->playout.sent) {
        s->marked++;
        va_speech_send_mark(s);
    }
}

/* Returns how many bytes the next message will have, and from when on. */
static size_t va_speech_next(const va_speech_t *s, uint64_t *at_ms)
{
    size_t n = s->queue.len - s->queue_at;
    uint64_t left = VA_NOT_KNOWN;
    uint64_t starve = s->playout.end_ms;
    uint64_t room;

    if (s->marked < s->count && s->sentences[s->marked].end != VA_NOT_KNOWN) {
        left = s->sentences[s->marked].end - s->playout.sent;
    }
    n = n < VA_SPEECH_PACKET ? n : VA_SPEECH_PACKET;
    n = n < left ? n : (size_t)left;
    n -= n % VA_FRAME;
    room = s->playout.end_ms + n / (VA_RATE / 1000);
    *at_ms = room > s->ahead_ms ? room - s->ahead_ms : 0;
    /* A small piece is worth a message of its own only at the end of a
       sentence or when the caller would soon hear nothing. */
    if (n < VA_SPEECH_PACKET && n < left && starve > *at_ms + VA_STARVE_MS) {
        *at_ms = starve - VA_STARVE_MS;
    }
    return n;
}

/* Returns how many bytes the next message should have, 0 for none now. */
static size_t va_speech_due(const va_speech_t *s, uint64_t now_ms)
{
    uint64_t at_ms;
    size_t n = va_speech_next(s, &at_ms);

    return at_ms <= now_ms ? n : 0;
}

void va_speech_pump(va_speech_t *s, uint64_t now_ms)
{
    size_t n;

    if (!s->active || s->gate) {
        return;
    }
    va_speech_send_marks(s);
    while ((n = va_speech_due(s, now_ms)) != 0) {
        const uint8_t *audio = (const uint8_t *)s->queue.data + s->queue_at;

        s->act(s->ctx,
               &(va_action_t){.type = VA_ACT_MEDIA, .data = audio, .len = n});
        if (s->echo != NULL) {
            va_echo_sent(s->echo, audio, n,
                         s->playout.end_ms > now_ms ? s->playout.end_ms
                                                    : now_ms);
        }
        va_playout_send(&s->playout, n, now_ms);
        s->queue_at += n;
        s->sounded = true;
        if (s->times->first_sent == 0) {
            s->times->first_sent = now_ms;
        }
        if (s->begin_mark == 0) {
            s->begin_mark = 1;
            va_speech_send_mark(s);
        }
        va_speech_send_marks(s);
    }
    if (s->queue_at == s->queue.len && s->keep == 0) {
        va_buf_reset(&s->queue);
        s->queue_at = 0;
    }
    va_speech_advance(s, now_ms);
    va_speech_send_marks(s);
    va_speech_resume(s);
}

/* Returns when something is to be sent, or found to be over. */
static uint64_t va_speech_due_at(const va_speech_t *s, uint64_t now_ms)
{
    uint64_t at_ms;

    if (va_speech_next(s, &at_ms) != 0) {
        return at_ms;
    }
    if (s->slots[0].held) {
        return now_ms + VA_RETRY_MS;
    }
    if (s->text_done && s->marked == s->count) {
        at_ms = s->playout.end_ms;
        return s->playout.mark_count != 0 ? at_ms + VA_PLAYOUT_GRACE_MS : at_ms;
    }
    return UINT64_MAX;
}

uint64_t va_speech_deadline(const va_speech_t *s, uint64_t now_ms)
{
    uint64_t due, ask;

    if (!s->active || s->gate) {
        return UINT64_MAX;
    }
    due = va_speech_due_at(s, now_ms);
    ask = va_speech_ask_at(s, now_ms);
    return ask < due ? ask : due;
}

bool va_speech_done(const va_speech_t *s, uint64_t now_ms)
{
    return s->active && !s->gate && s->text_done && s->marked == s->count &&
           (s->split == s->text.len || s->count == VA_SPEECH_SENTENCES) &&
           va_playout_done(&s->playout, now_ms);
}

/* Returns whether the text may be cut at p: at white space, or before a
   character of a script that writes without any. */
static bool va_speech_word(const char *p)
{
    return *p == ' ' || *p == '\t' || *p == '\n' || (uint8_t)*p >= 0xe3;
}

void va_speech_heard(const va_speech_t *s, uint64_t now_ms, va_buf_t *out)
{
    uint64_t heard = s->held ? s->cut : va_playout_heard(&s->playout, now_ms);
    uint64_t begin = 0;

    for (size_t i = 0; i < s->count && heard > begin; i++) {
        const va_speech_sentence_t *sentence = &s->sentences[i];
        uint64_t end = sentence->end;
        size_t len = sentence->len;
        const char *text;

        if (len == 0) { /* tones */
            break;
        }
        text = s->text.data + sentence->offset;
        if (end == VA_NOT_KNOWN) {
            end = begin + len * VA_SAMPLES_PER_CHAR;
            end = end > s->queued ? end : s->queued;
        }
        if (heard < end) {
            len = (size_t)(len * (heard - begin) / (end - begin));
            while (len > 0 && !va_speech_word(text + len)) {
                len--;
            }
        }
        if (len != 0) {
            if (out->len != 0) {
                va_buf_puts(out, " ");
            }
            va_buf_append(out, text, len);
        }
        begin = end;
    }
}

void va_speech_hush(va_speech_t *s, uint64_t now_ms)
{
    if (va_playout_pending(&s->playout, now_ms)) {
        va_speech_act(s, VA_ACT_CLEAR, 0, (va_str_t){NULL, 0});
        va_playout_clear(&s->playout);
        if (s->echo != NULL) {
            va_echo_cleared(s->echo, now_ms);
        }
    }
}

/* Returns how loud a frame of mu-law is: the sum of its magnitudes. */
static uint32_t va_speech_loudness(const uint8_t *ulaw)
{
    int16_t pcm[VA_FRAME];
    uint32_t sum = 0;

    va_ulaw_decode(pcm, ulaw, VA_FRAME);
    for (size_t i = 0; i < VA_FRAME; i++) {
        sum += (uint32_t)(pcm[i] < 0 ? -pcm[i] : pcm[i]);
    }
    return sum;
}

/* Returns the quietest frame shortly before a position, of what is kept: a
   word that was cut is said again. */
static uint64_t va_speech_pause_before(const va_speech_t *s, uint64_t position)
{
    uint64_t kept = s->queued - s->queue.len;
    uint64_t first = position - position % VA_FRAME;
    uint64_t best = first > kept ? first : kept;
    uint32_t least = UINT32_MAX;
    uint64_t back = VA_BACK_MS * (VA_RATE / 1000);

    for (uint64_t at = first; at >= kept && first - at <= back;
         at -= VA_FRAME) {
        uint32_t loud =
            va_speech_loudness((const uint8_t *)s->queue.data + (at - kept));

        if (loud < least) {
            least = loud;
            best = at;
        }
        if (at < VA_FRAME) {
            break;
        }
    }
    return best;
}

void va_speech_hold(va_speech_t *s, uint64_t now_ms)
{
    uint64_t from;

    s->gate = true;
    if (!s->sounded) {
        return;
    }
    s->held = true;
    s->cut = va_playout_heard(&s->playout, now_ms);
    va_speech_hush(s, now_ms);
    from = s->cut < s->playout.sent ? va_speech_pause_before(s, s->cut)
                                    : s->playout.sent;
    s->queue_at = (size_t)(from - (s->queued - s->queue.len));
    va_playout_rewind(&s->playout, from);
    s->marked = 0;
    while (s->marked < s->count && s->sentences[s->marked].end <= from) {
        s->marked++;
    }
}

void va_speech_release(va_speech_t *s, uint64_t now_ms)
{
    s->gate = false;
    s->held = false;
    va_speech_ask(s, now_ms);
    va_speech_pump(s, now_ms);
}

bool va_speech_asked(const va_speech_t *s)
{
    va_str_t last = {NULL, 0};

    for (size_t i = 0; s->held && i < s->count; i++) {
        if (i > 0 && s->sentences[i - 1].end >= s->cut) {
            break;
        }
        last = (va_str_t){s->text.data + s->sentences[i].offset,
                          s->sentences[i].len};
    }
    return (last.len > 0 && last.data[last.len - 1] == '?') ||
           (last.len > 2 &&
            memcmp(last.data + last.len - 3, "\xef\xbc\x9f", 3) == 0);
}

void va_speech_stop(va_speech_t *s, bool clear, uint64_t now_ms)
{
    if (!s->active) {
        return;
    }
    s->active = false;
    s->gate = false;
    s->held = false;
    for (size_t i = 0; i < VA_SPEECH_AHEAD; i++) {
        if (s->slots[i].request != 0 && !s->slots[i].ended) {
            va_speech_act(s, VA_ACT_CANCEL, s->slots[i].request,
                          (va_str_t){NULL, 0});
        }
    }
    memset(s->slots, 0, sizeof(s->slots));
    va_buf_free(&s->queue);
    s->queue_at = 0;
    if (clear) {
        va_speech_hush(s, now_ms);
    }
}
