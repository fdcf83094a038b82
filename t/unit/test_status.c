#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "exact.h"
#include "twilio/va_status.h"

static const char *const names[] = {"queued",      "initiated", "ringing",
                                    "in-progress", "completed", "busy",
                                    "failed",      "no-answer", "canceled"};

static va_status_t parse_status(const char *s)
{
    va_str_t copy = exact(va_str(s));
    va_status_t status = va_status_parse(copy);

    exact_free(copy);
    return status;
}

static void knows_twilio_s_words(void **state)
{
    static const char *const others[] = {"",          "Queued",      "queue",
                                         "queuedx",   "in_progress", "answered",
                                         "inprogress"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        va_status_t status = parse_status(names[i]);

        assert_int_equal(status, VA_STATUS_QUEUED + i);
        assert_string_equal(va_status_name(status), names[i]);
        assert_int_equal(va_status_final(status), i >= 4);
    }
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(parse_status(others[i]), VA_STATUS_NONE);
    }
    assert_string_equal(va_status_name(VA_STATUS_NONE), "");
    assert_false(va_status_final(VA_STATUS_NONE));
}

static void knows_who_answered(void **state)
{
    static const struct {
        const char *name;
        va_answered_t answered;
        bool machine;
        bool message;
    } all[] = {
        {"human", VA_ANSWERED_HUMAN, false, false},
        {"machine_start", VA_ANSWERED_MACHINE_START, true, false},
        {"machine_end_beep", VA_ANSWERED_MACHINE_END_BEEP, true, true},
        {"machine_end_silence", VA_ANSWERED_MACHINE_END_SILENCE, true, true},
        {"machine_end_other", VA_ANSWERED_MACHINE_END_OTHER, true, true},
        {"fax", VA_ANSWERED_FAX, true, false},
        {"unknown", VA_ANSWERED_UNKNOWN, false, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        va_str_t copy = exact(va_str(all[i].name));

        assert_int_equal(va_answered_parse(copy), all[i].answered);
        assert_string_equal(va_answered_name(all[i].answered), all[i].name);
        assert_int_equal(va_answered_machine(all[i].answered), all[i].machine);
        assert_int_equal(va_answered_message(all[i].answered), all[i].message);
        exact_free(copy);
    }
    assert_int_equal(va_answered_parse(VA_STR("")), VA_ANSWERED_NONE);
    assert_int_equal(va_answered_parse(VA_STR("Human")), VA_ANSWERED_NONE);
    assert_int_equal(va_answered_parse(VA_STR("machine")), VA_ANSWERED_NONE);
    assert_false(va_answered_machine(VA_ANSWERED_NONE));
    assert_false(va_answered_message(VA_ANSWERED_NONE));
    assert_string_equal(va_answered_name(VA_ANSWERED_NONE), "");
}

static void reads_sequence_numbers(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } all[] = {
        {"0", 0},           {"7", 7},
        {"007", 7},         {"2147483647", 2147483647},
        {"2147483648", -1}, {"99999999999999999999999999", -1},
        {"", -1},           {"-1", -1},
        {"+1", -1},         {"1 ", -1},
        {"1.0", -1},        {"x", -1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        va_str_t copy = exact(va_str(all[i].text));

        assert_int_equal(va_status_sequence(copy), all[i].value);
        exact_free(copy);
    }
}

typedef struct {
    va_status_t next;
    int64_t sequence;
    va_step_t step;
    va_status_t now;
} delivery_t;

static void assert_deliveries(const delivery_t *all, size_t n)
{
    va_status_t current = VA_STATUS_NONE;
    uint32_t seen = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        assert_int_equal(
            va_status_step(&current, &seen, all[i].next, all[i].sequence),
            all[i].step);
        assert_int_equal(current, all[i].now);
    }
}

static void goes_through_a_call(void **state)
{
    static const delivery_t all[] = {
        {VA_STATUS_QUEUED, -1, VA_STEP_CHANGED, VA_STATUS_QUEUED},
        {VA_STATUS_INITIATED, 0, VA_STEP_CHANGED, VA_STATUS_INITIATED},
        {VA_STATUS_RINGING, 1, VA_STEP_CHANGED, VA_STATUS_RINGING},
        {VA_STATUS_RINGING, 1, VA_STEP_REPEATED, VA_STATUS_RINGING},
        /* The webhook asks for TwiML before the callback comes. */
        {VA_STATUS_IN_PROGRESS, -1, VA_STEP_CHANGED, VA_STATUS_IN_PROGRESS},
        {VA_STATUS_IN_PROGRESS, 2, VA_STEP_REPEATED, VA_STATUS_IN_PROGRESS},
        {VA_STATUS_COMPLETED, 3, VA_STEP_CHANGED, VA_STATUS_COMPLETED},
        {VA_STATUS_COMPLETED, 3, VA_STEP_REPEATED, VA_STATUS_COMPLETED},
        {VA_STATUS_COMPLETED, -1, VA_STEP_REPEATED, VA_STATUS_COMPLETED},
    };

    (void)state;
    assert_deliveries(all, sizeof(all) / sizeof(all[0]));
}

static void is_not_confused_by_the_order(void **state)
{
    static const delivery_t late[] = {
        {VA_STATUS_RINGING, 1, VA_STEP_CHANGED, VA_STATUS_RINGING},
        {VA_STATUS_INITIATED, 0, VA_STEP_STALE, VA_STATUS_RINGING},
        {VA_STATUS_COMPLETED, 3, VA_STEP_CHANGED, VA_STATUS_COMPLETED},
        {VA_STATUS_IN_PROGRESS, 2, VA_STEP_STALE, VA_STATUS_COMPLETED},
        {VA_STATUS_RINGING, 9, VA_STEP_STALE, VA_STATUS_COMPLETED},
        {VA_STATUS_RINGING, -1, VA_STEP_STALE, VA_STATUS_COMPLETED},
        {VA_STATUS_BUSY, 10, VA_STEP_STALE, VA_STATUS_COMPLETED},
        {VA_STATUS_NONE, 11, VA_STEP_STALE, VA_STATUS_COMPLETED},
    };
    /* A newer number with an older status, and the other way round. */
    static const delivery_t odd[] = {
        {VA_STATUS_RINGING, 5, VA_STEP_CHANGED, VA_STATUS_RINGING},
        {VA_STATUS_QUEUED, 6, VA_STEP_STALE, VA_STATUS_RINGING},
        {VA_STATUS_IN_PROGRESS, 6, VA_STEP_STALE, VA_STATUS_RINGING},
        {VA_STATUS_IN_PROGRESS, 4, VA_STEP_STALE, VA_STATUS_RINGING},
        {VA_STATUS_NONE, 100, VA_STEP_STALE, VA_STATUS_RINGING},
        {VA_STATUS_IN_PROGRESS, 7, VA_STEP_CHANGED, VA_STATUS_IN_PROGRESS},
        {VA_STATUS_FAILED, 3, VA_STEP_CHANGED, VA_STATUS_FAILED},
    };
    static const delivery_t edges[] = {
        {VA_STATUS_RINGING, 2147483647, VA_STEP_CHANGED, VA_STATUS_RINGING},
        {VA_STATUS_IN_PROGRESS, 2147483646, VA_STEP_STALE, VA_STATUS_RINGING},
        {VA_STATUS_IN_PROGRESS, INT64_MAX, VA_STEP_CHANGED,
         VA_STATUS_IN_PROGRESS},
        {VA_STATUS_NO_ANSWER, INT64_MIN, VA_STEP_CHANGED, VA_STATUS_NO_ANSWER},
    };

    (void)state;
    assert_deliveries(late, sizeof(late) / sizeof(late[0]));
    assert_deliveries(odd, sizeof(odd) / sizeof(odd[0]));
    assert_deliveries(edges, sizeof(edges) / sizeof(edges[0]));
}

/* Feeds the deliveries that the digits of order name. */
static void feed(const int *order, int n, va_status_t last)
{
    va_status_t current = VA_STATUS_NONE;
    va_status_t before;
    uint32_t seen = 0;
    int changes = 0;
    int i;

    for (i = 0; i < n; i++) {
        va_status_t next = order[i] == 3
                               ? last
                               : (va_status_t)(VA_STATUS_INITIATED + order[i]);
        va_step_t step;

        before = current;
        step = va_status_step(&current, &seen, next, order[i]);
        assert_int_equal(step == VA_STEP_CHANGED, current != before);
        assert_true(current >= before);
        assert_true(!va_status_final(before) || current == before);
        changes += step == VA_STEP_CHANGED;
    }
    assert_int_equal(current, last);
    assert_true(changes >= 1 && changes <= 4);
}

/* Every order of four deliveries, each of them twice. */
static void ends_alike_in_every_order(void **state)
{
    int order[8];
    int code, i;
    int count = 0;

    (void)state;
    for (code = 0; code < 65536; code++) {
        int times[4] = {0};

        for (i = 0; i < 8; i++) {
            order[i] = code >> (2 * i) & 3;
            times[order[i]]++;
        }
        if (times[0] != 2 || times[1] != 2 || times[2] != 2) {
            continue;
        }
        for (i = VA_STATUS_COMPLETED; i <= VA_STATUS_CANCELED; i++) {
            feed(order, 8, (va_status_t)i);
        }
        count++;
    }
    assert_int_equal(count, 2520);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_twilio_s_words),
        cmocka_unit_test(knows_who_answered),
        cmocka_unit_test(reads_sequence_numbers),
        cmocka_unit_test(goes_through_a_call),
        cmocka_unit_test(is_not_confused_by_the_order),
        cmocka_unit_test(ends_alike_in_every_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
