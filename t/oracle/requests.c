/*
 * Prints requests of the Calls resource as the core builds them, one a line:
 * what it is about, the URL and the form, separated by tabs.
 *
 *   requests BASE ACCOUNT CALL
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twilio/va_rest.h"
#include "twilio/va_twiml.h"

static void print(const char *what, va_rc_t rc, va_buf_t *url, va_buf_t *body)
{
    if (rc != VA_OK) {
        fprintf(stderr, "%s could not be built: %d\n", what, (int)rc);
        exit(1);
    }
    printf("%s\t%s\t%s\n", what, url->data, body->data);
    va_buf_reset(url);
    va_buf_reset(body);
}

static void create_all(va_rest_create_t call, va_buf_t *url, va_buf_t *body)
{
    print("the least", va_rest_create(url, body, &call), url, body);
    call.to = VA_STR("sip:bob@example.com;transport=tls?X-A=1&X-B=%20+");
    print("to SIP", va_rest_create(url, body, &call), url, body);
    call.to = VA_STR("client:bob");
    call.status_callback = VA_STR("https://v.example.com/call-status?a=1&b=2");
    print("with its status", va_rest_create(url, body, &call), url, body);
    call.amd = VA_AMD_ENABLE;
    print("with detection", va_rest_create(url, body, &call), url, body);
    call.amd = VA_AMD_MESSAGE_END;
    call.amd_timeout = 59;
    call.amd_callback = VA_STR("https://v.example.com/amd");
    call.record = true;
    call.record_callback = VA_STR("https://v.example.com/recording");
    call.fallback_url = VA_STR("https://v.example.com/fallback");
    call.timeout = 600;
    call.time_limit = 86400;
    print("with everything", va_rest_create(url, body, &call), url, body);
}

static void update_all(va_rest_update_t change, va_buf_t *url, va_buf_t *body)
{
    va_twiml_gather_t g = {.input = VA_STR("speech"),
                           .action = VA_STR("https://v.example.com/g"),
                           .say = VA_STR("A & B \xf0\x9f\x98\x80 \"<>\"?")};
    va_buf_t twiml;

    va_buf_init(&twiml, VA_TWIML_MAX);
    va_twiml_begin(&twiml);
    va_twiml_gather(&twiml, &g);
    va_twiml_end(&twiml);
    change.twiml = va_buf_view(&twiml);
    print("new TwiML", va_rest_update(url, body, &change), url, body);
    va_buf_free(&twiml);
    change.twiml.len = 0;
    change.url = VA_STR("https://v.example.com/voice/continue?a=%2F&b=c+d");
    print("a new URL", va_rest_update(url, body, &change), url, body);
    change.url.len = 0;
    change.hang_up = true;
    print("the end", va_rest_update(url, body, &change), url, body);
}

int main(int argc, char **argv)
{
    va_rest_create_t call = {0};
    va_rest_update_t change = {0};
    va_buf_t url, body;

    if (argc != 4) {
        fprintf(stderr, "usage: requests BASE ACCOUNT CALL\n");
        return 2;
    }
    call.base = change.base = va_str(argv[1]);
    call.account = change.account = va_str(argv[2]);
    call.to = VA_STR("+15551234567");
    call.from = VA_STR("+15557654321");
    call.url = VA_STR("https://v.example.com/voice/outbound?a=1&b=2");
    change.call = va_str(argv[3]);
    va_buf_init(&url, VA_REST_URL_MAX);
    va_buf_init(&body, VA_REST_BODY_MAX);
    create_all(call, &url, &body);
    update_all(change, &url, &body);
    va_buf_free(&url);
    va_buf_free(&body);
    return 0;
}
