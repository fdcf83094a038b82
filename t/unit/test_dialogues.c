/*
 * The recorded dialogues of t/dialogues, with recorded voices and the real
 * detector: each is decided as it was when it was recorded, to the bit, and
 * what was recorded is what ought to be.  And logs that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialog/va_replay.h"
#include "dialog/va_trace.h"

#define LINE_MAX_LEN 65536

static va_buf_t decisions;

static void decided(void *ctx, va_str_t line)
{
    (void)ctx;
    va_buf_str(&decisions, line);
    va_buf_puts(&decisions, "\n");
}

static FILE *open_file(const char *name)
{
    static const char *const places[] = {"t/dialogues/", "../t/dialogues/"};
    char path[256];
    FILE *f = NULL;

    for (size_t i = 0; i < 2 && f == NULL; i++) {
        snprintf(path, sizeof(path), "%s%s", places[i], name);
        f = fopen(path, "rb");
    }
    assert_non_null(f);
    return f;
}

static void load(va_buf_t *b, const char *name)
{
    FILE *f = open_file(name);
    char piece[4096];
    size_t n;

    va_buf_init(b, 1 << 22);
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
        va_buf_append(b, piece, n);
    }
    fclose(f);
    assert_int_equal(b->rc, VA_OK);
}

/* Replays a log; change, if it is in a line, is left out of it. */
static va_rc_t replay(va_str_t log, const char *change)
{
    va_replay_t *r = va_replay_new(decided, NULL);
    va_buf_t sounds;
    va_rc_t rc = VA_OK;

    va_buf_init(&sounds, 1 << 20);
    va_buf_reset(&decisions);
    while (rc == VA_OK && log.len > 0) {
        const char *end = memchr(log.data, '\n', log.len);
        size_t n = end != NULL ? (size_t)(end - log.data) : log.len;
        char line[LINE_MAX_LEN];
        char *found;

        assert_true(n < sizeof(line));
        memcpy(line, log.data, n);
        line[n] = '\0';
        found = change != NULL ? strstr(line, change) : NULL;
        if (found != NULL) {
            memmove(found, found + strlen(change),
                    strlen(found + strlen(change)) + 1);
        }
        rc = va_replay_line(r, va_str(line));
        if (rc == VA_OK && sounds.len == 0 && va_replay_file(r).len != 0) {
            load(&sounds, "sounds.ul");
            va_replay_audio(r, (const uint8_t *)sounds.data, sounds.len);
        }
        n += end != NULL;
        log.data += n;
        log.len -= n;
    }
    rc = rc == VA_OK ? va_replay_end(r) : rc;
    if (rc != VA_OK && change == NULL) {
        print_message("%s\n", va_replay_error(r));
    }
    va_replay_free(r);
    va_buf_free(&sounds);
    return rc;
}

/* Returns the time of the nth decision (from 1) of which the line has both
   parts, 0 for none. */
static unsigned when(const char *one, const char *other, unsigned nth)
{
    const char *line = decisions.data;

    while (line != NULL && *line != '\0') {
        const char *end = strchr(line, '\n');
        const char *a = strstr(line, one);
        const char *b = strstr(line, other);

        if (a != NULL && a < end && b != NULL && b < end && --nth == 0) {
            return (unsigned)strtoul(line + strlen("{\"t\":"), NULL, 10);
        }
        line = end + 1;
    }
    return 0;
}

static void play(const char *name)
{
    va_buf_t log;

    load(&log, name);
    assert_int_equal(replay(va_buf_view(&log), NULL), VA_OK);
    va_buf_free(&log);
}

#define ACT(name) "\"act\":\"" name "\""

static void test_interruption(void **state)
{
    unsigned clear;

    (void)state;
    play("interruption.jsonl");
    clear = when(ACT("clear"), "", 1);
    assert_in_range(clear, 1000, 1300);
    assert_true(when(ACT("media"), "", 1) < clear);
    assert_true(when(ACT("spoke"), "\"interrupted\":true", 1) > clear);
    assert_true(when(ACT("heard"), "Stop, I want", 1) > 2900);
    assert_true(when(ACT("spoke"), "For which day?", 1) > 0);
    assert_int_equal(when(ACT("clear"), "", 2), 0);
}

/* The sentence goes on, and nobody is asked anything. */
static void goes_on(const char *name)
{
    unsigned clear;

    play(name);
    clear = when(ACT("clear"), "", 1);
    assert_in_range(clear, 1000, 1400);
    assert_true(when(ACT("spoke"), "\"interrupted\":true", 1) == 0);
    assert_in_range(when(ACT("spoke"), "soup, salad and bread.", 1), 2300,
                    3700);
    assert_int_equal(when(ACT("ask"), "", 1), 0);
    assert_int_equal(when(ACT("heard"), "", 1), 0);
}

static void test_false_interruption(void **state)
{
    (void)state;
    goes_on("false-interruption.jsonl");
}

static void test_backchannel(void **state)
{
    (void)state;
    goes_on("backchannel.jsonl");
}

/* What the caller never said does nothing at all. */
static void unmoved(const char *name)
{
    play(name);
    assert_int_equal(when(ACT("clear"), "", 1), 0);
    assert_int_equal(when(ACT("transcribe"), "", 1), 0);
    assert_in_range(when(ACT("spoke"), "soup, salad and bread.", 1), 2000,
                    2400);
}

static void test_echo(void **state)
{
    (void)state;
    unmoved("echo.jsonl");
}

static void test_noise(void **state)
{
    (void)state;
    unmoved("noise.jsonl");
}

static void test_caller_first(void **state)
{
    (void)state;
    play("caller-first.jsonl");
    assert_in_range(when(ACT("ask"), "", 1), 800, 1500);
    assert_true(when(ACT("spoke"), "Hi, can I help you?", 1) > 0);
}

static void test_both_start(void **state)
{
    (void)state;
    play("both-start.jsonl");
    assert_in_range(when(ACT("clear"), "", 1), 200, 600);
    assert_true(when(ACT("heard"), "What time is it?", 1) > 1200);
    assert_true(when(ACT("spoke"), "It is late.", 1) > 0);
}

/* A pause of more than a second within the number, and one turn. */
static void test_phone_number(void **state)
{
    (void)state;
    play("phone-number.jsonl");
    assert_int_equal(when(ACT("heard"), "", 2), 0);
    assert_in_range(when(ACT("heard"), "555 0123456", 1), 6000, 7600);
    assert_in_range(when(ACT("ask"), "\"speculative\":true", 1), 6000, 7000);
    assert_true(when(ACT("media"), "", 1) >= when(ACT("heard"), "", 1));
}

static void test_silence(void **state)
{
    (void)state;
    play("silence.jsonl");
    assert_int_equal(when(ACT("speak"), "Are you there?", 1), 7300);
    assert_int_equal(when(ACT("speak"), "Are you there?", 2), 0);
    assert_true(when(ACT("speak"), "Goodbye.", 1) > 12000);
    assert_int_equal(when(ACT("hangup"), "", 1),
                     when(ACT("spoke"), "Goodbye.", 1));
}

static void test_keys(void **state)
{
    (void)state;
    play("dtmf.jsonl");
    assert_int_equal(when(ACT("clear"), "", 1), 1000);
    assert_int_equal(when(ACT("heard"), "\"42\"", 1), 3300);
}

static void test_hangup_thinking(void **state)
{
    (void)state;
    play("hangup-thinking.jsonl");
    assert_true(when(ACT("ask"), "", 1) > 0);
    assert_int_equal(when(ACT("media"), "", 1), 0);
}

static void test_longest_call(void **state)
{
    (void)state;
    play("longest-call.jsonl");
    assert_in_range(when(ACT("speak"), "We have to end soon.", 1), 6000, 9000);
    assert_int_equal(when(ACT("hangup"), "", 1), 12000);
}

static void test_engine_failure(void **state)
{
    (void)state;
    play("engine-failure.jsonl");
    assert_true(when(ACT("spoke"), "So sorry.", 1) > 0);
}

/* Another decision, a missing one or one too many is found. */
static void test_differences(void **state)
{
    va_buf_t log;
    char *cut;

    (void)state;
    load(&log, "interruption.jsonl");
    assert_int_equal(replay(va_buf_view(&log), "\"interrupted\":true,"),
                     VA_FAILED);
    assert_int_equal(replay(va_buf_view(&log), ",\"adaptive\":true"),
                     VA_FAILED);
    assert_int_equal(replay(va_buf_view(&log), ",\"text\":\"For which day?\""),
                     VA_FAILED);
    assert_int_equal(replay(va_buf_view(&log), ",\"in\":\"start\""),
                     VA_INVALID);
    cut = strstr(log.data, "{\"t\":0,\"act\":\"speak\"");
    assert_non_null(cut);
    assert_int_equal(
        replay((va_str_t){log.data, (size_t)(cut - log.data)}, NULL),
        VA_FAILED);
    va_buf_free(&log);
}

static void test_nonsense(void **state)
{
    static const char *const logs[] = {
        "",
        "\n\n",
        "x",
        "{}",
        "[1,2]",
        "{\"trace\":2,\"conf\":{}}",
        "{\"trace\":1,\"conf\":{\"preroll\":1e9}}",
        "{\"trace\":1,\"conf\":{\"max_utterance\":-1}}",
        "{\"trace\":1,\"conf\":{}}\n{\"t\":1,\"in\":\"nothing\"}",
        "{\"trace\":1,\"conf\":{}}\n{\"t\":1}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"tick\"}\n{\"t\":8,\"in\":\"tick\"}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"audio\",\"n\":99999999}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"audio\",\"n\":160,\"at\":0}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"audio\",\"n\":4,\"data\":\"AAAA\"}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"audio\",\"n\":3,\"data\":\"AA!A\"}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"speech\",\"n\":160,\"times\":2}",
        "{\"trace\":1,\"conf\":{}}\n"
        "{\"t\":9,\"in\":\"audio\",\"n\":160,\"times\":1e9}"};

    (void)state;
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        assert_int_equal(replay(va_str(logs[i]), "nowhere"), VA_INVALID);
    }
    assert_int_equal(replay(VA_STR("{\"trace\":1,\"conf\":{}}\n"
                                   "{\"t\":9,\"in\":\"audio\",\"n\":3,"
                                   "\"data\":\"AAAA\"}"),
                            NULL),
                     VA_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interruption),
        cmocka_unit_test(test_false_interruption),
        cmocka_unit_test(test_backchannel),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_caller_first),
        cmocka_unit_test(test_both_start),
        cmocka_unit_test(test_phone_number),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_hangup_thinking),
        cmocka_unit_test(test_longest_call),
        cmocka_unit_test(test_engine_failure),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_nonsense),
    };
    int failed;

    va_buf_init(&decisions, 1 << 22);
    failed = cmocka_run_group_tests_name("dialogues", tests, NULL, NULL);
    va_buf_free(&decisions);
    return failed != 0;
}
