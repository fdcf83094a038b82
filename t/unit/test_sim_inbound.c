#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/cli_inbound.h"
#include "exact.h"
#include "twilio/va_media.h"

#define SID "MZ0123456789abcdef0123456789abcdef"

static cli_inbound_t *reader;
static cli_in_msg_t msg;

static int make(void **state)
{
    (void)state;
    reader = cli_inbound_new(SID);
    return reader == NULL;
}

static int unmake(void **state)
{
    (void)state;
    cli_inbound_free(reader);
    return 0;
}

static void good(const char *text, cli_in_type_t type)
{
    va_str_t copy = exact(va_str(text));

    assert_int_equal(cli_inbound_read(reader, copy, &msg), VA_OK);
    assert_int_equal(msg.type, type);
    exact_free(copy);
}

static void bad(const char *text)
{
    va_str_t copy = exact(va_str(text));

    assert_int_equal(cli_inbound_read(reader, copy, &msg), VA_INVALID);
    assert_memory_equal(cli_inbound_error(reader), "31951: ", 7);
    exact_free(copy);
}

static void what_the_server_writes_is_read(void **state)
{
    uint8_t audio[1000];
    va_buf_t out;
    size_t n;

    (void)state;
    memset(audio, 0x55, sizeof(audio));
    for (n = 1; n <= sizeof(audio); n += 37) {
        va_buf_init(&out, 65536);
        va_media_write_media(&out, VA_STR(SID), audio, n);
        good(out.data, CLI_IN_MEDIA);
        assert_int_equal(msg.len, n);
        assert_memory_equal(msg.audio, audio, n);
        va_buf_free(&out);
    }
    va_media_write_mark(&out, VA_STR(SID), VA_STR("r1:\"x\""));
    good(out.data, CLI_IN_MARK);
    assert_true(va_str_eq(msg.mark, VA_STR("r1:\"x\"")));
    va_buf_reset(&out);
    va_media_write_clear(&out, VA_STR(SID));
    good(out.data, CLI_IN_CLEAR);
    va_buf_free(&out);
}

static void any_order_of_fields_is_right(void **state)
{
    (void)state;
    good("{ \"media\" : {\"payload\":\"AAEC\"}, \"streamSid\":\"" SID
         "\", \"event\":\"media\" }",
         CLI_IN_MEDIA);
    assert_int_equal(msg.len, 3);
    good("{\"event\":\"media\",\"streamSid\":\"" SID
         "\",\"media\":{\"payload\":\"\\u0041AEC\"}}",
         CLI_IN_MEDIA);
    assert_int_equal(msg.len, 3);
}

#define MEDIA "{\"event\":\"media\",\"streamSid\":\"" SID "\","

static void what_does_not_conform_is_refused(void **state)
{
    (void)state;
    bad("");
    bad("x");
    bad("[]");
    bad("{}");
    bad("{\"streamSid\":\"" SID "\"}");
    bad("{\"event\":\"clear\"}");
    bad("{\"event\":\"clear\",\"stream_sid\":\"" SID "\"}");
    bad("{\"event\":\"clear\",\"streamSid\":\"MZ1\"}");
    bad("{\"event\":\"clear\",\"streamSid\":\"" SID "\",\"x\":1}");
    bad("{\"event\":\"dtmf\",\"streamSid\":\"" SID "\"}");
    bad("{\"event\":\"mark\",\"streamSid\":\"" SID "\"}");
    bad("{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{}}");
    bad("{\"event\":\"mark\",\"streamSid\":\"" SID "\",\"mark\":{\"name\":1}}");
    bad("{\"event\":\"mark\",\"streamSid\":\"" SID
        "\",\"mark\":{\"name\":\"a\",\"b\":1}}");
    bad(MEDIA "\"media\":{\"payload\":\"\"}}");
    bad(MEDIA "\"media\":{\"payload\":\"AAE\"}}");
    bad(MEDIA "\"media\":{\"payload\":\"A*EC\"}}");
    bad(MEDIA "\"media\":{\"payload\":\"AAEC\",\"track\":\"outbound\"}}");
    bad(MEDIA "\"sequenceNumber\":\"1\",\"media\":{\"payload\":\"AAEC\"}}");
    bad(MEDIA "\"media\":{\"payload\":\"AAEC\"}");
    bad(MEDIA "\"media\":{\"payload\":\"AAEC\"}}}");
    bad(MEDIA "\"media\":{\"payload\":\"");
    bad(MEDIA "\"media\":{\"payload\":\"UklGRkFB\"}}"); /* RIFF */
}

static void every_cut_message_is_refused(void **state)
{
    const char *whole = MEDIA "\"media\":{\"payload\":\"AAECAwQF\"}}";
    char cut[256];
    size_t n;

    (void)state;
    for (n = 0; n < strlen(whole); n++) {
        va_str_copy(cut, sizeof(cut), (va_str_t){whole, n});
        bad(cut);
    }
    good(whole, CLI_IN_MEDIA);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(what_the_server_writes_is_read),
        UNIT(any_order_of_fields_is_right),
        UNIT(what_does_not_conform_is_refused),
        UNIT(every_cut_message_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
