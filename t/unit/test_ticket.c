#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/va_ticket.h"

#define KEY VA_STR("a key of somebody")
#define LOGIN VA_STR("login")

/* Checks a text that lies at the very end of its memory. */
static va_rc_t check(va_ticket_t *ticket, const char *text, size_t len,
                     va_str_t key, va_str_t purpose, uint64_t now)
{
    static char *copy;
    va_str_t view = {NULL, len};

    free(copy);
    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    view.data = copy;

    return va_ticket_check(ticket, view, key, purpose, now);
}

static void made(va_buf_t *b, const char *subject)
{
    va_ticket_t ticket = {1000, 2000, {subject, strlen(subject)}};

    va_buf_init(b, VA_TICKET_MAX);
    assert_int_equal(va_ticket_make(b, KEY, LOGIN, &ticket), VA_OK);
}

/* The MAC by: printf login:3e8.7d0.person | openssl dgst -sha256 -hmac KEY */
static void is_what_others_compute(void **state)
{
    va_buf_t b;

    (void)state;
    made(&b, "person");
    assert_string_equal(
        b.data,
        "3e8.7d0.person."
        "081367b719563667643fcb75f3697d607d715dde2d932eafeea9609f82ff1883");
    va_buf_free(&b);
}

static void says_what_was_put_in(void **state)
{
    va_ticket_t ticket;
    va_buf_t b;

    (void)state;
    made(&b, "BP0123-z");
    assert_int_equal(check(&ticket, b.data, b.len, KEY, LOGIN, 1500), VA_OK);
    assert_int_equal(ticket.issued, 1000);
    assert_int_equal(ticket.expires, 2000);
    assert_int_equal(ticket.subject.len, 8);
    assert_memory_equal(ticket.subject.data, "BP0123-z", 8);
    va_buf_free(&b);

    made(&b, "");
    assert_int_equal(check(&ticket, b.data, b.len, KEY, LOGIN, 1000), VA_OK);
    assert_int_equal(ticket.subject.len, 0);
    va_buf_free(&b);
}

static void has_its_time(void **state)
{
    va_ticket_t t;
    va_buf_t b;

    (void)state;
    made(&b, "person");
    assert_int_equal(check(&t, b.data, b.len, KEY, LOGIN, 999), VA_INVALID);
    assert_int_equal(check(&t, b.data, b.len, KEY, LOGIN, 1000), VA_OK);
    assert_int_equal(check(&t, b.data, b.len, KEY, LOGIN, 1999), VA_OK);
    assert_int_equal(check(&t, b.data, b.len, KEY, LOGIN, 2000), VA_INVALID);
    assert_int_equal(t.expires, 0);
    va_buf_free(&b);
}

static void is_for_one_key_and_purpose(void **state)
{
    va_ticket_t t;
    va_buf_t b;

    (void)state;
    made(&b, "person");
    assert_int_equal(check(&t, b.data, b.len, VA_STR("another"), LOGIN, 1500),
                     VA_INVALID);
    assert_int_equal(check(&t, b.data, b.len, KEY, VA_STR("phone"), 1500),
                     VA_INVALID);
    assert_int_equal(check(&t, b.data, b.len, VA_STR(""), LOGIN, 1500),
                     VA_INVALID);
    va_buf_free(&b);
}

static void no_byte_may_change(void **state)
{
    va_ticket_t t;
    va_buf_t b;
    size_t i;

    (void)state;
    made(&b, "person");

    for (i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        assert_int_equal(check(&t, b.data, b.len, KEY, LOGIN, 1500),
                         VA_INVALID);
        b.data[i] ^= 1;
        assert_int_equal(check(&t, b.data, i, KEY, LOGIN, 1500), VA_INVALID);
    }

    va_buf_free(&b);
}

static void nonsense_is_no_ticket(void **state)
{
    static const char *const texts[] = {
        "", ".", "...", "....", "3e8", "3e8.7d0.person", "3e8..person.",
    };
    char text[VA_TICKET_MAX + 2];
    va_ticket_t t;
    size_t i;

    (void)state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(
            check(&t, texts[i], strlen(texts[i]), KEY, LOGIN, 1500),
            VA_INVALID);

        /* and with room for a MAC behind it */
        memset(text, '0', sizeof(text));
        snprintf(text, sizeof(text), "%s.", texts[i]);
        text[strlen(text)] = '0';
        assert_int_equal(
            check(&t, text, strlen(texts[i]) + 65, KEY, LOGIN, 1500),
            VA_INVALID);
    }

    memset(text, 'a', sizeof(text));

    for (i = 0; i < sizeof(text); i++) {
        assert_int_equal(check(&t, text, i, KEY, LOGIN, 1500), VA_INVALID);
    }
}

static void subjects_are_plain(void **state)
{
    static const char *const bad[] = {"a.b", "a b", "a;b", "\xc3\xa4", "a\n"};
    char long_one[VA_TICKET_SUBJECT_MAX + 2];
    va_ticket_t ticket = {1, 2, {NULL, 0}};
    va_buf_t b;
    size_t i;

    (void)state;
    va_buf_init(&b, VA_TICKET_MAX);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ticket.subject = va_str(bad[i]);
        assert_int_equal(va_ticket_make(&b, KEY, LOGIN, &ticket), VA_INVALID);
    }

    memset(long_one, 'a', sizeof(long_one));
    ticket.subject = (va_str_t){long_one, VA_TICKET_SUBJECT_MAX + 1};
    assert_int_equal(va_ticket_make(&b, KEY, LOGIN, &ticket), VA_INVALID);
    assert_int_equal(b.len, 0);

    ticket.subject.len--;
    ticket.expires = ticket.issued = UINT64_MAX;
    assert_int_equal(va_ticket_make(&b, KEY, LOGIN, &ticket), VA_OK);
    assert_in_range(b.len, 1, VA_TICKET_MAX);

    ticket.subject.len = 0;
    assert_int_equal(va_ticket_make(&b, VA_STR(""), LOGIN, &ticket),
                     VA_INVALID);
    va_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_others_compute),
        cmocka_unit_test(says_what_was_put_in),
        cmocka_unit_test(has_its_time),
        cmocka_unit_test(is_for_one_key_and_purpose),
        cmocka_unit_test(no_byte_may_change),
        cmocka_unit_test(nonsense_is_no_ticket),
        cmocka_unit_test(subjects_are_plain),
    };

    return cmocka_run_group_tests_name("ticket", tests, NULL, NULL);
}
