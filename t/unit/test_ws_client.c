/*
 * The client's side of the WebSocket handshake, with the key and the answer of
 * RFC 6455, section 1.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/va_ws_client.h"

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH                                                                 \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"               \
    "Connection: Upgrade\r\n"

static va_ws_client_t *client(void)
{
    va_ws_client_t *c = va_ws_client_new((const uint8_t *)"the sample nonce");

    assert_non_null(c);
    return c;
}

/* Feeds the text in pieces of that size, each exactly as large as it says. */
static va_rc_t feed(va_ws_client_t *c, const char *text, size_t piece,
                    size_t *left)
{
    size_t len = strlen(text), at = 0, n, used;
    va_rc_t rc = VA_AGAIN;
    uint8_t *copy;

    while (rc == VA_AGAIN && at < len) {
        n = len - at < piece ? len - at : piece;
        copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, text + at, n);
        rc = va_ws_client_feed(c, copy, n, &used);
        assert_true(used <= n);
        assert_true(rc != VA_AGAIN || used == n);
        at += used;
        free(copy);
    }
    *left = len - at;
    return rc;
}

static void test_request(void **state)
{
    va_ws_client_t *c = client();
    va_buf_t out, header;

    (void)state;
    va_buf_init(&out, 4096);
    va_buf_init(&header, 100);
    va_buf_puts(&header, "Authorization: Token k");
    assert_int_equal(va_ws_client_request(c, &out, VA_STR("/v1/listen?a=b"),
                                          VA_STR("[::1]:8080"), &header, 1),
                     VA_OK);
    assert_string_equal(
        out.data, "GET /v1/listen?a=b HTTP/1.1\r\nHost: [::1]:8080\r\n"
                  "User-Agent: voiceai/" VA_VERSION "\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "Authorization: Token k\r\n\r\n");
    va_buf_free(&out);
    va_buf_free(&header);
    va_ws_client_free(c);
}

static void test_request_refuses(void **state)
{
    static const char *const bad[][3] = {
        {"", "h", "A: b"},      {"x", "h", "A: b"},
        {"/a b", "h", "A: b"},  {"/a\r\nX: y", "h", "A: b"},
        {"/", "", "A: b"},      {"/", "h\nX: y", "A: b"},
        {"/", "h x", "A: b"},   {"/", "h", "A: b\r\nX: y"},
        {"/", "h", "A: b\x7f"}, {"/", "h", ""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        va_ws_client_t *c = client();
        va_buf_t out, header;

        va_buf_init(&out, 4096);
        va_buf_init(&header, 100);
        va_buf_puts(&header, bad[i][2]);
        assert_int_equal(va_ws_client_request(c, &out, va_str(bad[i][0]),
                                              va_str(bad[i][1]), &header, 1),
                         VA_INVALID);
        va_buf_free(&out);
        va_buf_free(&header);
        va_ws_client_free(c);
    }
}

static void test_switch(void **state)
{
    static const char *const good[] = {
        SWITCH ACCEPT "\r\n\x81\x01x",
        "HTTP/1.1 101\r\nUPGRADE: foo, WebSocket\r\nconnection: keep-alive, "
        "upgrade\r\n" ACCEPT "\r\n\x81\x01x",
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" SWITCH ACCEPT "\r\n\x81\x01x",
    };
    size_t i, piece, left;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        for (piece = 1; piece < 300; piece++) {
            va_ws_client_t *c = client();

            assert_int_equal(feed(c, good[i], piece, &left), VA_OK);
            assert_int_equal(left, 3);
            assert_string_equal(va_ws_client_error(c), "");
            va_ws_client_free(c);
        }
    }
}

static void test_wrong(void **state)
{
    static const char *const bad[][2] = {
        {SWITCH "\r\n", "Accept"},
        {SWITCH ACCEPT ACCEPT "\r\n", "Accept"},
        {SWITCH "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
         "Accept"},
        {SWITCH ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         "extension"},
        {SWITCH ACCEPT "Sec-WebSocket-Protocol: x\r\n\r\n", "subprotocol"},
        {"HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n" ACCEPT
         "\r\n",
         "another protocol"},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" ACCEPT "\r\n",
         "another protocol"},
        {"HTTP/2 101 x\r\n\r\n", "HTTP/1.1"},
        {"HTTP/1.1 1o1 x\r\n\r\n", "HTTP/1.1"},
        {"HTTP/1.1 1011 x\r\n\r\n", "HTTP/1.1"},
        {"SSH-2.0-x\r\n\r\n", "HTTP/1.1"},
        {"HTTP/1.1 400 x\r\n nothing: here\r\n\r\n", "malformed header"},
        {"HTTP/1.1 400 x\r\nnothing\r\n\r\n", "malformed header"},
        {"HTTP/1.1 400 x\r\nA : b\r\n\r\n", "malformed header"},
        {"HTTP/1.1 400 x\r\nContent-Length: -1\r\n\r\n", "Content-Length"},
        {"HTTP/1.1 400 x\r\nContent-Length: 9999999999999999\r\n\r\n",
         "Content-Length"},
        {"HTTP/1.1 400 x\r\nContent-Length: \r\n\r\n", "Content-Length"},
        {"HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\nxyz", "chunk"},
        {"HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "chunk"},
        {"HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n",
         "chunk"},
    };
    size_t i, left;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        va_ws_client_t *c = client();

        assert_int_equal(feed(c, bad[i][0], 7, &left), VA_INVALID);
        assert_non_null(strstr(va_ws_client_error(c), bad[i][1]));
        assert_int_equal(feed(c, "x", 1, &left), VA_INVALID);
        va_ws_client_free(c);
    }
}

static void test_refusal(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 429 Slow down\r\nContent-Type: application/json\r\n"
        "Retry-After: 7\r\nContent-Length: 10\r\n\r\n{\"a\":\"bc\"}more",
        "HTTP/1.1 429 Slow down\r\ncontent-type:application/json \r\n"
        "Retry-After:\t7\r\nTransfer-Encoding: chunked\r\n\r\n"
        "4;x=y\r\n{\"a\"\r\n6\r\n:\"bc\"}\r\n0\r\n\r\n",
    };
    va_ws_refusal_t refusal;
    size_t i, piece, left;

    (void)state;
    for (i = 0; i < 2; i++) {
        for (piece = 1; piece < 160; piece++) {
            va_ws_client_t *c = client();

            assert_int_equal(feed(c, answers[i], piece, &left), VA_FAILED);
            va_ws_client_refusal(c, &refusal);
            assert_int_equal(refusal.status, 429);
            assert_true(va_str_eq(refusal.body, VA_STR("{\"a\":\"bc\"}")));
            assert_true(
                va_str_eq(refusal.content_type, VA_STR("application/json")));
            assert_true(va_str_eq(refusal.retry_after, VA_STR("7")));
            va_ws_client_free(c);
        }
    }
}

static void test_refusal_to_the_end(void **state)
{
    va_ws_client_t *c = client();
    va_ws_refusal_t refusal;
    size_t left;

    (void)state;
    assert_int_equal(feed(c, "HTTP/1.0 502 Bad\r\n\r\n<html>", 3, &left),
                     VA_AGAIN);
    assert_int_equal(va_ws_client_end(c), VA_FAILED);
    va_ws_client_refusal(c, &refusal);
    assert_int_equal(refusal.status, 502);
    assert_true(va_str_eq(refusal.body, VA_STR("<html>")));
    va_ws_client_free(c);

    c = client();
    assert_int_equal(feed(c, "HTTP/1.1 101 Swi", 3, &left), VA_AGAIN);
    assert_int_equal(va_ws_client_end(c), VA_INVALID);
    assert_non_null(strstr(va_ws_client_error(c), "closed"));
    va_ws_client_free(c);

    c = client();
    assert_int_equal(
        feed(c, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 50, &left),
        VA_FAILED);
    va_ws_client_free(c);
}

static void test_bounds(void **state)
{
    char *big = malloc(3 * VA_WS_HEAD_MAX);
    va_ws_client_t *c = client();
    va_ws_refusal_t refusal;
    size_t left;

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 3 * VA_WS_HEAD_MAX);
    big[3 * VA_WS_HEAD_MAX - 1] = '\0';
    assert_int_equal(feed(c, big, 1000, &left), VA_LIMIT);
    va_ws_client_free(c);

    c = client();
    assert_int_equal(feed(c, "HTTP/1.1 500 x\r\n\r\n", 1000, &left), VA_AGAIN);
    assert_int_equal(feed(c, big, 1000, &left), VA_FAILED);
    va_ws_client_refusal(c, &refusal);
    assert_int_equal(refusal.body.len, VA_WS_REFUSAL_MAX);
    va_ws_client_free(c);
    free(big);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_request_refuses),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_refusal_to_the_end),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests_name("ws client", tests, NULL, NULL) != 0;
}
