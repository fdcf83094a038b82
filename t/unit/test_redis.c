/*
 * The Redis protocol without a socket.  Replies are fed whole, byte by byte,
 * and from copies of exactly their size.
 */
#include "wire/va_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char told[1024];

static void tell(const char *text, size_t n)
{
    size_t len = strlen(told);

    assert_true(len + n + 2 < sizeof(told));
    memcpy(told + len, text, n);
    told[len + n] = '\0';
}

static void tell_reply(const va_reply_t *reply)
{
    char number[32];
    size_t i;

    switch (va_reply_type(reply)) {
    case VA_REPLY_NIL:
        tell("nil", 3);
        break;
    case VA_REPLY_INTEGER:
        tell(number, (size_t)snprintf(number, sizeof(number), "%lld",
                                      (long long)va_reply_integer(reply)));
        break;
    case VA_REPLY_ARRAY:
        tell("[", 1);
        for (i = 0; i < va_reply_count(reply); i++) {
            tell_reply(va_reply_at(reply, i));
            tell(" ", 1);
        }
        tell("]", 1);
        break;
    default:
        tell(va_reply_type(reply) == VA_REPLY_ERROR ? "!" : "'", 1);
        tell(va_reply_str(reply).data, va_reply_str(reply).len);
        tell("'", 1);
        break;
    }
}

static void on_reply(void *data, const va_reply_t *reply)
{
    tell(data, strlen(data));
    tell("=", 1);
    if (reply) {
        tell_reply(reply);
    } else {
        tell("none", 4);
    }
    tell(";", 1);
}

static void on_message(void *data, va_str_t channel, va_str_t message)
{
    (void)data;
    tell(channel.data, channel.len);
    tell(":", 1);
    tell(message.data, message.len);
    tell(";", 1);
}

static void ask(va_redis_t *r, char *name)
{
    va_str_t argv[] = {VA_STR("GET"), va_str(name)};

    assert_int_equal(va_redis_command(r, argv, 2, on_reply, name), VA_OK);
}

static va_redis_t *fresh(void)
{
    va_redis_t *r = va_redis_new(on_message, NULL);

    assert_non_null(r);
    told[0] = '\0';
    return r;
}

static va_rc_t feed(va_redis_t *r, const char *text, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    va_rc_t rc;

    assert_non_null(copy);
    memcpy(copy, text, n);
    rc = va_redis_feed(r, copy, n);
    free(copy);
    return rc;
}

static void test_commands(void **state)
{
    va_str_t argv[] = {VA_STR("SET"), VA_STR("a b"), {"\0\r\n", 3}, {"", 0}};
    static const char bytes[] = "*4\r\n$3\r\nSET\r\n$3\r\na b\r\n$3\r\n"
                                "\0\r\n\r\n$0\r\n\r\n";
    va_redis_t *r = fresh();
    va_buf_t *out = va_redis_out(r);

    (void)state;
    assert_int_equal(va_redis_command(r, argv, 4, NULL, NULL), VA_OK);
    assert_int_equal(out->len, sizeof(bytes) - 1);
    assert_memory_equal(out->data, bytes, out->len);
    assert_int_equal(va_redis_pending(r), 1);
    va_redis_free(r);
}

static void test_replies(void **state)
{
    static const char bytes[] =
        "+OK\r\n:-42\r\n$5\r\nhe\r\nl\r\n$-1\r\n-ERR no\r\n"
        "*3\r\n$1\r\nx\r\n*1\r\n:7\r\n$-1\r\n*0\r\n";
    static const char expected[] = "a='OK';b=-42;c='he\r\nl';d=nil;e=!ERR no';"
                                   "f=['x' [7 ] nil ];g=[];";
    static char names[][2] = {"a", "b", "c", "d", "e", "f", "g"};
    size_t cut, i;

    (void)state;
    for (cut = 0; cut <= sizeof(bytes); cut++) {
        va_redis_t *r = fresh();

        for (i = 0; i < 7; i++) {
            ask(r, names[i]);
        }
        if (cut == sizeof(bytes)) {
            for (i = 0; i + 1 < sizeof(bytes); i++) {
                assert_int_equal(feed(r, bytes + i, 1), VA_OK);
            }
        } else {
            size_t n = cut < sizeof(bytes) - 1 ? cut : sizeof(bytes) - 1;

            assert_int_equal(feed(r, bytes, n), VA_OK);
            assert_int_equal(feed(r, bytes + n, sizeof(bytes) - 1 - n), VA_OK);
        }
        assert_string_equal(told, expected);
        assert_int_equal(va_redis_pending(r), 0);
        assert_int_equal(va_redis_answered(r), 7);
        va_redis_free(r);
    }
}

static void test_messages(void **state)
{
    static char name[] = "s";
    va_str_t argv[] = {VA_STR("SUBSCRIBE"), VA_STR("c")};
    va_redis_t *r = fresh();
    static const char bytes[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
                                "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
                                "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n";

    (void)state;
    assert_int_equal(va_redis_command(r, argv, 2, on_reply, name), VA_OK);
    assert_int_equal(feed(r, bytes, sizeof(bytes) - 1), VA_OK);
    assert_string_equal(told, "s=['subscribe' 'c' 1 ];c:hi;c:;");
    va_redis_free(r);
}

static void test_hostile(void **state)
{
    static const char *const bytes[] = {
        "+OK\r\n",   /* a reply to nothing */
        "hello\r\n", /* no protocol */
        "$-5\r\n",   /* a negative length */
        "*-7\r\n",
        "$99999999999999999999\r\n",
        "*3\r\n+message\r\n$1\r\nc\r\n$1\r\nx\r\n", /* not a bulk string */
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        va_redis_t *r = fresh();

        assert_int_equal(feed(r, bytes[i], strlen(bytes[i])), VA_INVALID);
        assert_int_equal(feed(r, ":1\r\n", 4), VA_INVALID);
        assert_string_equal(told, "");
        va_redis_free(r);
    }
}

static void test_too_large(void **state)
{
    static char name[] = "a", block[65536];
    va_redis_t *r = fresh();
    va_rc_t rc = VA_OK;
    size_t sent = 0;

    (void)state;
    memset(block, 'x', sizeof(block));
    ask(r, name);
    assert_int_equal(feed(r, "$500000000\r\n", 12), VA_OK);
    while (rc == VA_OK && sent < 2 * (size_t)VA_REDIS_REPLY_MAX) {
        rc = feed(r, block, sizeof(block));
        sent += sizeof(block);
    }
    assert_int_equal(rc, VA_LIMIT);
    assert_true(sent <= VA_REDIS_REPLY_MAX + sizeof(block));
    assert_string_equal(told, "");
    va_redis_free(r);
    assert_string_equal(told, "a=none;");
}

static void test_limits(void **state)
{
    static char name[] = "k";
    va_str_t argv[] = {VA_STR("PING"), {NULL, 0}};
    va_redis_t *r = fresh();
    va_buf_t *out = va_redis_out(r);
    char *big = calloc(1, VA_REDIS_OUT_MAX);
    size_t i, len;

    (void)state;
    assert_non_null(big);
    for (i = 0; i < VA_REDIS_PENDING; i++) {
        assert_int_equal(va_redis_command(r, argv, 1, NULL, NULL), VA_OK);
    }
    assert_int_equal(va_redis_command(r, argv, 1, NULL, NULL), VA_LIMIT);

    va_redis_reset(r);
    assert_int_equal(va_redis_pending(r), 0);
    assert_int_equal(va_redis_out(r)->len, 0);

    ask(r, name);
    len = out->len;
    argv[1] = (va_str_t){big, VA_REDIS_OUT_MAX};
    assert_int_equal(va_redis_command(r, argv, 2, on_reply, name), VA_LIMIT);
    assert_int_equal(out->len, len);
    assert_int_equal(va_redis_pending(r), 1);
    assert_int_equal(feed(r, "$1\r\nv\r\n", 7), VA_OK);
    assert_string_equal(told, "k='v';");
    free(big);
    va_redis_free(r);
}

static void again(void *data, const va_reply_t *reply)
{
    va_redis_t *r = data;
    va_str_t argv[] = {VA_STR("PING")};

    if (reply == NULL) {
        assert_int_equal(va_redis_command(r, argv, 1, again, r), VA_FAILED);
        tell("x", 1);
    }
}

static void test_given_up(void **state)
{
    static char a[] = "a", b[] = "b";
    va_str_t argv[] = {VA_STR("PING")};
    va_redis_t *r = fresh();

    (void)state;
    ask(r, a);
    ask(r, b);
    assert_int_equal(va_redis_command(r, argv, 1, again, r), VA_OK);
    assert_int_equal(feed(r, "$5\r\nhal", 7), VA_OK);
    va_redis_reset(r);
    assert_string_equal(told, "a=none;b=none;x");

    told[0] = '\0';
    ask(r, a);
    assert_int_equal(feed(r, "$1\r\nv\r\n", 7), VA_OK);
    assert_string_equal(told, "a='v';");
    va_redis_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),  cmocka_unit_test(test_replies),
        cmocka_unit_test(test_messages),  cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
