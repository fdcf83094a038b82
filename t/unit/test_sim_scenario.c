#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/cli_scenario.h"
#include "exact.h"

#define SILENCE 800
#define TIMEOUT 5000

static cli_scenario_t s;
static cli_runner_t r;
static cli_input_t in;

static void steps(const char *text)
{
    char error[CLI_ERROR];
    va_str_t copy = exact(va_str(text));

    memset(&in, 0, sizeof(in));
    cli_scenario_free(&s);
    assert_int_equal(cli_scenario_parse(&s, copy, error), VA_OK);
    exact_free(copy);
    cli_runner_init(&r, &s, SILENCE, TIMEOUT);
}

static int unmake(void **state)
{
    (void)state;
    cli_scenario_free(&s);
    return 0;
}

/* 20 ms pass. */
static cli_action_t tick(void)
{
    cli_action_t a = cli_runner_tick(&r, &in);

    in.now_ms += 20;
    return a;
}

/* Lets ms pass, in which nothing may be done. */
static void idle(unsigned ms)
{
    uint64_t until = in.now_ms + ms;

    while (in.now_ms < until) {
        assert_int_equal(tick().what, CLI_DO_NOTHING);
    }
}

static void assistant(unsigned ms)
{
    in.audible = true;
    idle(ms);
    in.audible = false;
}

static void caller(unsigned ms)
{
    in.talking = true;
    idle(ms);
    in.talking = false;
}

static void expect(cli_do_t what)
{
    assert_int_equal(tick().what, what);
}

static void a_caller_lets_the_assistant_finish(void **state)
{
    (void)state;
    steps("say hello\n");
    idle(1000);
    assistant(600);
    in.queued = true;
    idle(2000); /* a pause within speech */
    in.queued = false;
    assistant(200);
    idle(SILENCE - 20);
    expect(CLI_DO_SPEAK);
    caller(500);
    expect(CLI_DO_FINISH);
    idle(10000);
}

static void a_second_say_waits_for_the_answer(void **state)
{
    (void)state;
    steps("say a\nsay b\n");
    assistant(200);
    idle(SILENCE - 20);
    expect(CLI_DO_SPEAK);
    caller(500);
    idle(2000);
    assistant(100);
    idle(SILENCE - 20);
    expect(CLI_DO_SPEAK);
}

static void what_is_heard_while_the_caller_speaks_is_no_answer(void **state)
{
    (void)state;
    steps("pause 0\nsay a\nsay b\n");
    idle(20);
    expect(CLI_DO_SPEAK);
    in.audible = true;
    caller(400);
    in.audible = false;
    idle(3000);
}

static void pause_speaks_without_waiting(void **state)
{
    (void)state;
    steps("pause 300\nsay a\n");
    in.audible = true;
    idle(320);
    expect(CLI_DO_SPEAK);
}

static void interrupt_counts_from_the_first_sound(void **state)
{
    (void)state;
    steps("say a\ninterrupt 600\nsay b\n");
    assistant(200);
    idle(SILENCE - 20);
    expect(CLI_DO_SPEAK);
    caller(300);
    idle(1500);
    assistant(620);
    in.audible = true;
    expect(CLI_DO_SPEAK);
}

static void interrupt_has_a_default(void **state)
{
    (void)state;
    steps("interrupt\ninterrupt 0\ninterrupt 250ms\nwait\nwait 300\n");
    assert_int_equal(s.steps[0].ms, CLI_INTERRUPT_MS);
    assert_int_equal(s.steps[1].ms, 0);
    assert_int_equal(s.steps[2].ms, 250);
    assert_int_equal(s.steps[3].ms, 0);
    assert_int_equal(s.steps[4].ms, 300);
}

static void expect_checks_when_the_assistant_has_finished(void **state)
{
    cli_action_t a;

    (void)state;
    steps("expect x\nexpect-time\nsay a\n");
    assistant(200);
    idle(SILENCE - 20);
    a = cli_runner_tick(&r, &in);
    assert_int_equal(a.what, CLI_DO_CHECK);
    assert_ptr_equal(a.step, &s.steps[0]);
    a = cli_runner_tick(&r, &in);
    assert_int_equal(a.what, CLI_DO_CHECK);
    assert_ptr_equal(a.step, &s.steps[1]);
    expect(CLI_DO_SPEAK);
}

static void expect_checks_after_the_end(void **state)
{
    (void)state;
    steps("expect x\nexpect-end\n");
    assistant(200);
    in.ended = true;
    assert_int_equal(cli_runner_tick(&r, &in).what, CLI_DO_CHECK);
    assert_int_equal(cli_runner_tick(&r, &in).what, CLI_DO_NOTHING);
    expect(CLI_DO_FINISH);
}

static void a_step_after_the_end_fails(void **state)
{
    (void)state;
    steps("say x\n");
    in.ended = true;
    expect(CLI_DO_FAIL);
    idle(100);
}

static void silence_is_not_awaited_for_ever(void **state)
{
    (void)state;
    steps("say x\n");
    idle(TIMEOUT);
    expect(CLI_DO_FAIL);
    idle(100);
}

static void a_long_speech_is_no_timeout(void **state)
{
    (void)state;
    steps("say x\n");
    assistant(2 * TIMEOUT);
    idle(SILENCE - 20);
    expect(CLI_DO_SPEAK);
}

static void expect_end_fails_when_the_call_goes_on(void **state)
{
    (void)state;
    steps("expect-end\n");
    assistant(200);
    idle(TIMEOUT - 20);
    expect(CLI_DO_FAIL);
}

static void hangup_and_digits(void **state)
{
    (void)state;
    steps("wait\ndtmf 12#\nhangup\n");
    assistant(200);
    idle(SILENCE);
    expect(CLI_DO_DIAL);
    caller(500);
    expect(CLI_DO_HANGUP);
    idle(100);
}

static void a_silent_caller_lets_the_assistant_ask_again(void **state)
{
    (void)state;
    steps("silent\nsay a\n");
    assistant(200);
    idle(SILENCE + 2000);
    assistant(200);
    idle(SILENCE - 20);
    expect(CLI_DO_SPEAK);
}

static void the_caller_speaks_only_to_who_listens(void **state)
{
    (void)state;
    steps("pause 100\nsay a\nhangup\n");
    in.deaf = in.queued = true;
    idle(2 * TIMEOUT);
    in.deaf = in.queued = false;
    expect(CLI_DO_SPEAK);
    in.deaf = true;
    expect(CLI_DO_HANGUP);
}

static void confidence_is_set_on_the_way(void **state)
{
    static const char *const wrong[] = {"1.1", "-1",  ".5",        "0.5.5",
                                        "a",   "1e0", "0.12345678"};
    cli_action_t a;
    size_t i;

    (void)state;
    steps("pause 20\nconfidence 0.2\nsay a\n");
    idle(40);
    a = tick();
    assert_int_equal(a.what, CLI_DO_SET);
    assert_string_equal(a.step->text, "0.2");
    expect(CLI_DO_SPEAK);
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(cli_scenario_add(&s, CLI_STEP_CONFIDENCE, wrong[i]),
                         VA_INVALID);
    }
}

static void files_have_comments_and_blank_lines(void **state)
{
    (void)state;
    steps("# a call\n\n  say  hello there \r\n\texpect * time *\nhangup");
    assert_int_equal(s.count, 3);
    assert_string_equal(s.steps[0].text, "hello there");
    assert_string_equal(s.steps[1].text, "* time *");
    assert_true(cli_scenario_has(&s, CLI_STEP_HANGUP));
    assert_false(cli_scenario_has(&s, CLI_STEP_WAV));
}

static void refuse(const char *text, size_t len, const char *line)
{
    char error[CLI_ERROR] = "";
    va_str_t copy = exact((va_str_t){text, len});

    cli_scenario_free(&s);
    assert_int_not_equal(cli_scenario_parse(&s, copy, error), VA_OK);
    assert_non_null(strstr(error, line));
    exact_free(copy);
}

static void wrong_files_are_refused(void **state)
{
    static char big[5000];
    size_t i;

    (void)state;
    refuse("say", 3, "line 1:");
    refuse("hangup\nshout a\n", 15, "line 2:");
    refuse("hangup now\n", 11, "line 1:");
    refuse("pause\n", 6, "line 1:");
    refuse("pause -1\n", 9, "line 1:");
    refuse("pause 99999999999999999999\n", 27, "line 1:");
    refuse("wait 5x\n", 8, "line 1:");
    refuse("dtmf 12e\n", 9, "line 1:");
    refuse("say a\0b\n", 8, "line 1:");
    memset(big, 'a', sizeof(big));
    memcpy(big, "say ", 4);
    refuse(big, sizeof(big), "line 1:");
    for (i = 0; i + 7 <= sizeof(big); i += 7) {
        memcpy(big + i, "hangup\n", 7);
    }
    refuse(big, i, "line 257:");
}

static void names_go_both_ways(void **state)
{
    cli_step_type_t type;
    int i;

    (void)state;
    for (i = CLI_STEP_SAY; i <= CLI_STEP_HANGUP; i++) {
        assert_true(cli_step_named(cli_step_name((cli_step_type_t)i), &type));
        assert_int_equal(type, i);
    }
    assert_false(cli_step_named("", &type));
}

#define UNIT(f) cmocka_unit_test_teardown(f, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_caller_lets_the_assistant_finish),
        UNIT(a_second_say_waits_for_the_answer),
        UNIT(what_is_heard_while_the_caller_speaks_is_no_answer),
        UNIT(pause_speaks_without_waiting),
        UNIT(interrupt_counts_from_the_first_sound),
        UNIT(interrupt_has_a_default),
        UNIT(expect_checks_when_the_assistant_has_finished),
        UNIT(expect_checks_after_the_end),
        UNIT(a_step_after_the_end_fails),
        UNIT(silence_is_not_awaited_for_ever),
        UNIT(a_long_speech_is_no_timeout),
        UNIT(expect_end_fails_when_the_call_goes_on),
        UNIT(hangup_and_digits),
        UNIT(a_silent_caller_lets_the_assistant_ask_again),
        UNIT(the_caller_speaks_only_to_who_listens),
        UNIT(confidence_is_set_on_the_way),
        UNIT(files_have_comments_and_blank_lines),
        UNIT(wrong_files_are_refused),
        UNIT(names_go_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
