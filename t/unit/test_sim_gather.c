#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/cli_gather.h"
#include "cli/cli_status.h"

static cli_gather_conf_t conf;
static cli_gather_t g;

static void set(const char *name, const char *value)
{
    if (!cli_gather_attribute(&conf, name, value)) {
        fail_msg("%s=\"%s\" is refused", name, value);
    }
}

static int begin(void **state)
{
    (void)state;
    cli_gather_defaults(&conf);
    set("input", "dtmf speech");
    return 0;
}

static void speech_ends_after_its_pause(void **state)
{
    (void)state;
    set("speechTimeout", "2");
    cli_gather_begin(&g, &conf);
    cli_gather_prompted(&g, 1000);
    assert_false(cli_gather_tick(&g, 5000));
    cli_gather_talk(&g, 5500);
    assert_false(cli_gather_tick(&g, 9000));
    cli_gather_said(&g, 9000, "one");
    assert_false(cli_gather_tick(&g, 10980));
    cli_gather_talk(&g, 10990);
    cli_gather_said(&g, 12000, "two");
    assert_false(cli_gather_tick(&g, 13999));
    assert_true(cli_gather_tick(&g, 14000));
    assert_string_equal(g.speech, "one two");
    assert_string_equal(g.digits, "");
}

static void nothing_ends_it_after_the_timeout(void **state)
{
    (void)state;
    set("timeout", "3");
    cli_gather_begin(&g, &conf);
    assert_false(cli_gather_tick(&g, 60000)); /* the prompt is still played */
    cli_gather_prompted(&g, 60000);
    assert_false(cli_gather_tick(&g, 62999));
    assert_true(cli_gather_tick(&g, 63000));
    assert_false(cli_gather_begun(&g) && g.speech[0] != '\0');
    assert_string_equal(g.digits, "");
}

static void keys_end_it(void **state)
{
    (void)state;
    cli_gather_begin(&g, &conf);
    cli_gather_key(&g, 10, '1');
    assert_true(cli_gather_begun(&g));
    cli_gather_key(&g, 20, '2');
    assert_false(cli_gather_tick(&g, 30));
    cli_gather_key(&g, 30, '#');
    assert_true(cli_gather_tick(&g, 30));
    cli_gather_key(&g, 40, '3');
    assert_string_equal(g.digits, "12");

    set("numDigits", "1");
    set("finishOnKey", "");
    cli_gather_begin(&g, &conf);
    cli_gather_key(&g, 10, '#');
    assert_true(cli_gather_tick(&g, 10));
    assert_string_equal(g.digits, "#");
}

static void the_first_input_wins(void **state)
{
    (void)state;
    cli_gather_begin(&g, &conf);
    cli_gather_key(&g, 10, '1');
    cli_gather_talk(&g, 20);
    cli_gather_said(&g, 30, "no");
    assert_string_equal(g.speech, "");
    assert_true(cli_gather_tick(&g, 5010));

    cli_gather_begin(&g, &conf);
    cli_gather_talk(&g, 20);
    cli_gather_key(&g, 25, '#');
    cli_gather_said(&g, 30, "yes");
    cli_gather_key(&g, 40, '1');
    assert_string_equal(g.digits, "");
    assert_string_equal(g.speech, "yes");
}

static void nobody_listens_to_what_was_not_asked_for(void **state)
{
    (void)state;
    set("input", "dtmf");
    cli_gather_begin(&g, &conf);
    cli_gather_talk(&g, 20);
    cli_gather_said(&g, 30, "hello");
    assert_false(cli_gather_begun(&g));
    set("input", "speech");
    set("bargeIn", "false");
    cli_gather_begin(&g, &conf);
    assert_false(cli_gather_listens(&g));
    cli_gather_talk(&g, 20);
    cli_gather_key(&g, 20, '1');
    cli_gather_prompted(&g, 25);
    cli_gather_said(&g, 30, "too early");
    cli_gather_key(&g, 40, '1');
    assert_false(cli_gather_begun(&g));
    assert_true(cli_gather_listens(&g));
}

static void what_is_gathered_is_bounded(void **state)
{
    static char text[3000];
    unsigned i;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    cli_gather_begin(&g, &conf);
    for (i = 0; i < 3; i++) {
        cli_gather_talk(&g, i);
        cli_gather_said(&g, i, text);
    }
    assert_int_equal(strlen(g.speech), CLI_GATHER_SPEECH);
    cli_gather_begin(&g, &conf);
    for (i = 0; i < 200; i++) {
        cli_gather_key(&g, i, '1');
    }
    assert_int_equal(strlen(g.digits), CLI_GATHER_DIGITS);
    cli_gather_begin(&g, &conf);
    cli_gather_talk(&g, 0);
    assert_false(cli_gather_tick(&g, CLI_GATHER_SPEECH_MAX_MS - 1));
    assert_true(cli_gather_tick(&g, CLI_GATHER_SPEECH_MAX_MS));
}

static void hints_have_twilios_limits(void **state)
{
    static char hints[1100];
    unsigned i;

    (void)state;
    memset(hints, 'a', 101);
    assert_false(cli_gather_attribute(&conf, "hints", hints));
    hints[100] = '\0';
    set("hints", hints);
    for (i = 0; i < 500; i++) {
        memcpy(hints + 2 * i, "a,", 3);
    }
    assert_false(cli_gather_attribute(&conf, "hints", hints));
    hints[999] = '\0';
    set("hints", hints);
    set("somethingNew", "x");
}

/* The deliveries of a whole call, as letters. */
static const char *deliveries(cli_order_t order, const char *happening)
{
    static const char letters[] = "irac";
    static char out[64];
    cli_event_t plan[CLI_PLAN_MAX];
    unsigned seen = 0;
    size_t n = 0, k, i;

    for (; *happening != '\0'; happening++) {
        cli_event_t event =
            (cli_event_t)(strchr(letters, *happening) - letters);

        k = cli_status_plan(order, seen, event, plan);
        seen |= 1u << event;
        for (i = 0; i < k; i++) {
            out[n++] = letters[plan[i]];
        }
    }
    out[n] = '\0';
    return out;
}

static void callbacks_come_in_the_order_asked_for(void **state)
{
    cli_order_t order;
    cli_event_t event;

    (void)state;
    assert_string_equal(deliveries(CLI_ORDER_RIGHT, "irac"), "irac");
    assert_string_equal(deliveries(CLI_ORDER_SHUFFLED, "irac"), "rica");
    assert_string_equal(deliveries(CLI_ORDER_SHUFFLED, "irc"), "ric");
    assert_string_equal(deliveries(CLI_ORDER_SHUFFLED, "ic"), "ci");
    assert_string_equal(deliveries(CLI_ORDER_REPEATED, "irac"), "iirraaccira");
    assert_string_equal(deliveries(CLI_ORDER_REPEATED, "ic"), "iicci");
    assert_true(cli_order_named("shuffled", &order));
    assert_int_equal(order, CLI_ORDER_SHUFFLED);
    assert_false(cli_order_named("random", &order));
    assert_true(cli_event_named(VA_STR("answered"), &event));
    assert_int_equal(event, CLI_EVENT_ANSWERED);
    assert_false(cli_event_named(VA_STR("in-progress"), &event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(speech_ends_after_its_pause, begin),
        cmocka_unit_test_setup(nothing_ends_it_after_the_timeout, begin),
        cmocka_unit_test_setup(keys_end_it, begin),
        cmocka_unit_test_setup(the_first_input_wins, begin),
        cmocka_unit_test_setup(nobody_listens_to_what_was_not_asked_for, begin),
        cmocka_unit_test_setup(what_is_gathered_is_bounded, begin),
        cmocka_unit_test_setup(hints_have_twilios_limits, begin),
        cmocka_unit_test(callbacks_come_in_the_order_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
