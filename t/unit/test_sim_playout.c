#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_playout.h"

static cli_playout_t *p;
static uint8_t frame[VA_FRAME];

static int make(void **state)
{
    (void)state;
    p = cli_playout_new();
    return p == NULL;
}

static int unmake(void **state)
{
    (void)state;
    cli_playout_free(p);
    return 0;
}

static void audio(uint8_t byte, size_t n)
{
    uint8_t *data = malloc(n);

    assert_non_null(data);
    memset(data, byte, n);
    assert_int_equal(cli_playout_media(p, data, n), VA_OK);
    free(data);
}

static void play(size_t frames)
{
    while (frames-- > 0) {
        cli_playout_frame(p, frame);
    }
}

static void expect_due(const char *name)
{
    char *due = cli_playout_due(p);

    if (name == NULL) {
        assert_null(due);
    } else {
        assert_non_null(due);
        assert_string_equal(due, name);
    }
    free(due);
}

static void plays_in_order_and_fills_with_silence(void **state)
{
    (void)state;
    audio(1, 100);
    audio(2, 100);
    assert_int_equal(cli_playout_frame(p, frame), 160);
    assert_int_equal(frame[99], 1);
    assert_int_equal(frame[100], 2);
    assert_int_equal(frame[159], 2);
    assert_int_equal(cli_playout_frame(p, frame), 40);
    assert_int_equal(frame[39], 2);
    assert_int_equal(frame[40], VA_ULAW_SILENCE);
    assert_int_equal(frame[159], VA_ULAW_SILENCE);
    assert_int_equal(cli_playout_frame(p, frame), 0);
    assert_int_equal(frame[0], VA_ULAW_SILENCE);
    assert_int_equal(cli_playout_stats(p)->played, 200);
}

static void a_long_stream_keeps_its_order(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 5000; i++) {
        audio((uint8_t)(i % 251), VA_FRAME);
        if (i >= 3) {
            assert_int_equal(cli_playout_frame(p, frame), VA_FRAME);
            assert_int_equal(frame[0], (i - 3) % 251);
            assert_int_equal(frame[159], (i - 3) % 251);
        }
    }
    assert_int_equal(cli_playout_queued(p), 3 * VA_FRAME);
}

static void a_mark_is_due_when_the_audio_before_it_was_played(void **state)
{
    (void)state;
    audio(1, 2 * VA_FRAME);
    assert_int_equal(cli_playout_mark(p, VA_STR("a")), VA_OK);
    audio(1, 1);
    assert_int_equal(cli_playout_mark(p, VA_STR("b")), VA_OK);
    expect_due(NULL);
    play(1);
    expect_due(NULL);
    play(1);
    expect_due("a");
    expect_due(NULL);
    play(1);
    expect_due("b");
    expect_due(NULL);
}

static void a_mark_behind_nothing_is_due_at_once(void **state)
{
    (void)state;
    assert_int_equal(cli_playout_mark(p, VA_STR("a")), VA_OK);
    expect_due("a");
}

static void clear_empties_and_returns_all_marks(void **state)
{
    (void)state;
    audio(1, 8000);
    assert_int_equal(cli_playout_mark(p, VA_STR("a")), VA_OK);
    audio(1, 8000);
    assert_int_equal(cli_playout_mark(p, VA_STR("b")), VA_OK);
    play(1);
    cli_playout_clear(p);
    expect_due("a");
    expect_due("b");
    expect_due(NULL);
    assert_int_equal(cli_playout_queued(p), 0);
    assert_int_equal(cli_playout_frame(p, frame), 0);
    assert_int_equal(cli_playout_stats(p)->cleared, 16000 - VA_FRAME);
    audio(7, VA_FRAME);
    assert_int_equal(cli_playout_mark(p, VA_STR("c")), VA_OK);
    expect_due(NULL);
    assert_int_equal(cli_playout_frame(p, frame), VA_FRAME);
    assert_int_equal(frame[0], 7);
    expect_due("c");
}

static void more_than_ten_minutes_is_dropped(void **state)
{
    uint8_t byte = 0;

    (void)state;
    audio(1, CLI_PLAYOUT_MAX);
    assert_int_equal(cli_playout_media(p, &byte, 1), VA_LIMIT);
    assert_int_equal(cli_playout_stats(p)->dropped, 1);
    play(1);
    audio(1, VA_FRAME);
    assert_int_equal(cli_playout_media(p, &byte, 1), VA_LIMIT);
    assert_int_equal(cli_playout_queued(p), CLI_PLAYOUT_MAX);
}

static void pending_marks_are_bounded(void **state)
{
    size_t i;

    (void)state;
    audio(1, 1);
    for (i = 0; i < CLI_PLAYOUT_MARKS; i++) {
        assert_int_equal(cli_playout_mark(p, VA_STR("m")), VA_OK);
    }
    assert_int_equal(cli_playout_mark(p, VA_STR("m")), VA_LIMIT);
    play(1);
    expect_due("m");
    assert_int_equal(cli_playout_mark(p, VA_STR("m")), VA_OK);
}

static void a_gap_in_speech_is_an_underrun(void **state)
{
    (void)state;
    audio(1, VA_FRAME);
    play(4);
    assert_int_equal(cli_playout_stats(p)->underruns, 0);
    audio(1, VA_FRAME);
    assert_int_equal(cli_playout_stats(p)->underruns, 1);
    assert_int_equal(cli_playout_stats(p)->max_gap_ms, 60);
}

static void a_pause_behind_a_mark_is_none(void **state)
{
    (void)state;
    audio(1, VA_FRAME);
    play(4);
    assert_int_equal(cli_playout_mark(p, VA_STR("late")), VA_OK);
    play(4);
    audio(1, VA_FRAME);
    assert_int_equal(cli_playout_stats(p)->underruns, 0);
}

static void a_pause_behind_a_clear_or_a_long_one_is_none(void **state)
{
    (void)state;
    audio(1, VA_FRAME);
    play(4);
    cli_playout_clear(p);
    audio(1, VA_FRAME);
    assert_int_equal(cli_playout_stats(p)->underruns, 0);
    play(1 + CLI_PLAYOUT_GAP_MS / VA_FRAME_MS);
    audio(1, VA_FRAME);
    assert_int_equal(cli_playout_stats(p)->underruns, 0);
}

static void ragged_payloads_in_speech_are_counted(void **state)
{
    (void)state;
    audio(1, 100);
    audio(1, 160);
    assert_int_equal(cli_playout_stats(p)->ragged, 1);
    audio(1, 33);
    assert_int_equal(cli_playout_mark(p, VA_STR("end")), VA_OK);
    audio(1, 160);
    assert_int_equal(cli_playout_stats(p)->ragged, 1);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(plays_in_order_and_fills_with_silence),
        UNIT(a_long_stream_keeps_its_order),
        UNIT(a_mark_is_due_when_the_audio_before_it_was_played),
        UNIT(a_mark_behind_nothing_is_due_at_once),
        UNIT(clear_empties_and_returns_all_marks),
        UNIT(more_than_ten_minutes_is_dropped),
        UNIT(pending_marks_are_bounded),
        UNIT(a_gap_in_speech_is_an_underrun),
        UNIT(a_pause_behind_a_mark_is_none),
        UNIT(a_pause_behind_a_clear_or_a_long_one_is_none),
        UNIT(ragged_payloads_in_speech_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
