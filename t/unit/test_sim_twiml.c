#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/cli_twiml.h"
#include "cli/cli_url.h"
#include "exact.h"
#include "twilio/va_twiml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

static char error[CLI_ERROR];

static cli_twiml_t *read(const char *text, size_t len)
{
    va_str_t copy = exact((va_str_t){text, len});
    cli_twiml_t *t = cli_twiml_parse(copy, error);

    exact_free(copy);
    return t;
}

static cli_twiml_t *good(const char *text)
{
    cli_twiml_t *t = read(text, strlen(text));

    if (t == NULL) {
        fail_msg("%s", error);
    }
    return t;
}

static void bad(const char *text, const char *code)
{
    assert_null(read(text, strlen(text)));
    if (strstr(error, code) == NULL) {
        fail_msg("%s, not %s", error, code);
    }
}

static void what_we_write_is_read(void **state)
{
    va_twiml_param_t params[] = {{VA_STR("token"), VA_STR("a<b>&\"c'")},
                                 {VA_STR("empty"), VA_STR("")}};
    va_buf_t b;
    cli_twiml_t *t;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    va_twiml_begin(&b);
    va_twiml_say(&b, VA_STR("one & two"), VA_STR("alice"), VA_STR("en-US"));
    va_twiml_pause(&b, 7);
    va_twiml_connect_stream(&b, VA_STR("wss://x.example/media"), params, 2);
    va_twiml_redirect(&b, VA_STR("/next?a=1&b=2"));
    va_twiml_reject(&b, true);
    va_twiml_hangup(&b);
    assert_int_equal(va_twiml_end(&b), VA_OK);
    t = good(b.data);
    assert_int_equal(t->count, 6);
    assert_int_equal(t->verbs[0].type, CLI_VERB_SAY);
    assert_string_equal(t->verbs[0].text, "one & two");
    assert_int_equal(t->verbs[1].seconds, 7);
    assert_int_equal(t->verbs[2].type, CLI_VERB_STREAM);
    assert_string_equal(t->verbs[2].text, "wss://x.example/media");
    assert_int_equal(t->verbs[2].param_count, 2);
    assert_string_equal(t->verbs[2].params[0].name, "token");
    assert_string_equal(t->verbs[2].params[0].value, "a<b>&\"c'");
    assert_string_equal(t->verbs[2].params[1].value, "");
    assert_int_equal(t->verbs[3].type, CLI_VERB_REDIRECT);
    assert_string_equal(t->verbs[3].text, "/next?a=1&b=2");
    assert_true(t->verbs[4].busy);
    assert_int_equal(t->verbs[5].type, CLI_VERB_HANGUP);
    assert_string_equal(t->warning, "");
    cli_twiml_free(t);
    va_buf_free(&b);
}

static void attributes_and_nesting(void **state)
{
    cli_twiml_t *t = good(
        HEAD "<Response><!-- a --><Gather action='/g'><Say>Press <break/>one"
             "</Say><Pause length='3'/></Gather><Connect action='/after'>"
             "<Stream url='/media' name='s'/></Connect>"
             "<Redirect method='GET'>\n  /x \n</Redirect></Response>");

    (void)state;
    assert_int_equal(t->count, 5);
    assert_int_equal(t->verbs[0].type, CLI_VERB_GATHER);
    assert_int_equal(t->verbs[0].children, 2);
    assert_string_equal(t->verbs[0].action, "/g");
    assert_true(t->verbs[0].gather.dtmf);
    assert_string_equal(t->verbs[1].text, "Press one");
    assert_int_equal(t->verbs[2].seconds, 3);
    assert_string_equal(t->verbs[3].text, "/media");
    assert_string_equal(t->verbs[3].action, "/after");
    assert_true(t->verbs[4].get);
    assert_string_equal(t->verbs[4].text, "/x");
    cli_twiml_free(t);
}

static void unknown_elements_are_a_warning(void **state)
{
    cli_twiml_t *t = good(HEAD "<Response><say><Hangup/></say><Dial><Number>1"
                               "</Number></Dial></Response>");

    (void)state;
    assert_int_equal(t->count, 1);
    assert_int_equal(t->verbs[0].type, CLI_VERB_DIAL);
    assert_string_equal(t->verbs[0].text, "1");
    assert_null(t->verbs[0].action);
    assert_non_null(strstr(t->warning, "12200"));
    cli_twiml_free(t);
    t = good(HEAD "<Response><Connect><Stream url='wss://h/m?a=1'/></Connect>"
                  "</Response>");
    assert_non_null(strstr(t->warning, "12200"));
    cli_twiml_free(t);
    t = good("<Response/>");
    assert_int_equal(t->count, 0);
    cli_twiml_free(t);
}

/* What we write for a <Gather> and a <Dial> is what Twilio takes. */
static void gather_and_dial(void **state)
{
    va_twiml_gather_t g = {.action = VA_STR("/voice/process-speech?a=1&b=2"),
                           .input = VA_STR("dtmf speech"),
                           .speech_timeout = VA_STR("auto"),
                           .timeout = 7,
                           .hints = VA_STR("yes, no"),
                           .language = VA_STR("en-GB"),
                           .barge_in = VA_TWIML_FALSE,
                           .num_digits = 4,
                           .finish_on_key = VA_STR("*"),
                           .action_on_empty = true,
                           .say = VA_STR("Well?")};
    va_buf_t b;
    cli_twiml_t *t;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    va_twiml_begin(&b);
    va_twiml_gather(&b, &g);
    va_twiml_dial(&b, VA_STR("+15550100009"), VA_STR("+15550100001"),
                  VA_STR("/after"), 20);
    assert_int_equal(va_twiml_end(&b), VA_OK);
    t = good(b.data);
    assert_string_equal(t->warning, "");
    assert_int_equal(t->count, 3);
    assert_string_equal(t->verbs[0].action, "/voice/process-speech?a=1&b=2");
    assert_true(t->verbs[0].gather.speech && t->verbs[0].gather.dtmf);
    assert_false(t->verbs[0].gather.barge_in);
    assert_true(t->verbs[0].gather.on_empty);
    assert_int_equal(t->verbs[0].gather.timeout_ms, 7000);
    assert_int_equal(t->verbs[0].gather.pause_ms, CLI_GATHER_PAUSE_MS);
    assert_int_equal(t->verbs[0].gather.num_digits, 4);
    assert_int_equal(t->verbs[0].gather.finish, '*');
    assert_int_equal(t->verbs[0].children, 1);
    assert_string_equal(t->verbs[1].text, "Well?");
    assert_int_equal(t->verbs[2].type, CLI_VERB_DIAL);
    assert_string_equal(t->verbs[2].text, "+15550100009");
    assert_string_equal(t->verbs[2].action, "/after");
    cli_twiml_free(t);
    va_buf_free(&b);
}

static void warned(const char *body)
{
    cli_twiml_t *t = good(body);

    if (strstr(t->warning, "12200") == NULL) {
        fail_msg("nothing is wrong with %s", body);
    }
    cli_twiml_free(t);
}

static void wrong_attributes_are_a_warning(void **state)
{
    (void)state;
    warned("<Response><Gather Input='speech'/></Response>");
    warned("<Response><Gather input='voice'/></Response>");
    warned("<Response><Gather timeout='0'/></Response>");
    warned("<Response><Gather timeout='5s'/></Response>");
    warned("<Response><Gather speechTimeout='fast'/></Response>");
    warned("<Response><Gather numDigits='-1'/></Response>");
    warned("<Response><Gather finishOnKey='##'/></Response>");
    warned("<Response><Gather bargeIn='yes'/></Response>");
    warned("<Response><Say lang='en'>a</Say></Response>");
    warned("<Response><Dial callerid='1'>1</Dial></Response>");
    warned("<Response><Dial><Stream/></Dial></Response>");
    bad("<Response><Gather><Hangup/></Gather></Response>", "12200");
    bad("<Response><Gather><Gather/></Gather></Response>", "12200");
    bad("<Response><Gather><Connect><Stream url='/m'/></Connect></Gather>"
        "</Response>",
        "12200");
}

static void what_twilio_refuses_is_refused(void **state)
{
    (void)state;
    bad("", "11770");
    bad("Hello", "12100");
    bad(" " HEAD "<Response/>", "12100");
    bad(HEAD "<Response>", "12100");
    bad(HEAD "<Response></response>", "12100");
    bad(HEAD "<Response/><Response/>", "12100");
    bad(HEAD "<response/>", "12102");
    bad(HEAD "<Response><Say>a & b</Say></Response>", "12100");
    bad(HEAD "<Response><Say>\xff</Say></Response>", "12100");
    bad(HEAD "<!DOCTYPE Response><Response/>", "12100");
    bad(HEAD "<!DOCTYPE r [<!ENTITY a 'b'>]><Response>&a;</Response>", "12100");
    bad(HEAD "<Response><Connect/></Response>", "12100");
    bad(HEAD "<Response><Connect><Stream/></Connect></Response>", "31923");
    bad(HEAD "<Response><Connect><Stream url='ws://h/m'/></Connect></Response>",
        "31922");
    bad(HEAD "<Response><Connect><Stream url='https://h/'/></Connect>"
             "</Response>",
        "31922");
    bad(HEAD "<Response><Connect><Stream url='wss://h/m' track='both_tracks'/>"
             "</Connect></Response>",
        "31941");
    bad(HEAD "<Response><Connect><Stream url='wss://h/m'/>"
             "<Stream url='wss://h/m'/></Connect></Response>",
        "12100");
    bad(HEAD "<Response><Parameter name='a' value='b'/></Response>", "12200");
}

static void sizes_are_bounded(void **state)
{
    static char big[VA_TWIML_MAX + 2];
    size_t n = 0;
    unsigned i;

    (void)state;
    memset(big, ' ', sizeof(big));
    memcpy(big, "<Response/>", 11);
    big[VA_TWIML_MAX] = '\0';
    cli_twiml_free(good(big));
    big[VA_TWIML_MAX] = ' ';
    assert_null(read(big, VA_TWIML_MAX + 1));
    assert_non_null(strstr(error, "11750"));

    n = (size_t)sprintf(big, "<Response>");
    for (i = 0; i <= CLI_TWIML_VERBS; i++) {
        n += (size_t)sprintf(big + n, "<Hangup/>");
    }
    sprintf(big + n, "</Response>");
    bad(big, "verbs");

    n = (size_t)sprintf(big, "<Response><Say>");
    memset(big + n, 'a', 4097);
    sprintf(big + n + 4097, "</Say></Response>");
    bad(big, "13521");
    sprintf(big + n + 4096, "</Say></Response>");
    cli_twiml_free(good(big));

    n = (size_t)sprintf(big, "<Response><Say>");
    for (i = 0; i < 20; i++) {
        n += (size_t)sprintf(big + n, "<p>");
    }
    bad(big, "12100");

    n = (size_t)sprintf(big, "<Response><Connect><Stream url='wss://h/m'>"
                             "<Parameter name='a' value='");
    memset(big + n, 'v', 499);
    sprintf(big + n + 499, "'/></Stream></Connect></Response>");
    bad(big, "12200");
    sprintf(big + n + 498, "'/></Stream></Connect></Response>");
    cli_twiml_free(good(big));
}

static void urls(void **state)
{
    char out[CLI_URL_MAX], host[256], big[CLI_URL_MAX + 32];
    unsigned port;
    cli_url_t u;

    (void)state;
    assert_true(cli_url_parse(&u, "HTTPS://a.example:8443/p/q?x=1#frag"));
    assert_string_equal(u.scheme, "https");
    assert_string_equal(u.host, "a.example");
    assert_string_equal(u.authority, "a.example:8443");
    assert_int_equal(u.port, 8443);
    assert_string_equal(u.path, "/p/q?x=1");
    assert_true(cli_url_tls(&u));
    assert_true(cli_url_resolve(&u, "r", out));
    assert_string_equal(out, "https://a.example:8443/p/r");
    assert_true(cli_url_resolve(&u, "/r", out));
    assert_string_equal(out, "https://a.example:8443/r");
    assert_true(cli_url_resolve(&u, "//b/r", out));
    assert_string_equal(out, "https://b/r");
    assert_true(cli_url_resolve(&u, "wss://c/r", out));
    assert_string_equal(out, "wss://c/r");
    assert_true(cli_url_resolve(&u, "", out));
    assert_string_equal(out, "https://a.example:8443/p/q?x=1");

    assert_true(cli_url_parse(&u, "ws://[::1]?q"));
    assert_string_equal(u.host, "::1");
    assert_string_equal(u.path, "/?q");
    assert_int_equal(u.port, 80);
    assert_false(cli_url_parse(&u, "ftp://a/"));
    assert_false(cli_url_parse(&u, "http://"));
    assert_false(cli_url_parse(&u, "http://u:p@a/"));
    assert_false(cli_url_parse(&u, "http://a:0/"));
    assert_false(cli_url_parse(&u, "http://a:65536/"));
    assert_false(cli_url_parse(&u, "http://a:/"));
    assert_false(cli_url_parse(&u, "http://a b/"));
    assert_false(cli_url_parse(&u, "http://[::1/"));
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    memcpy(big, "http://a/", 9);
    assert_false(cli_url_parse(&u, big));
    big[7 + 256] = '/';
    memcpy(big, "http://aa", 9);
    assert_false(cli_url_parse(&u, big));

    assert_true(cli_url_hostport("[::1]:80", host, &port));
    assert_string_equal(host, "::1");
    assert_false(cli_url_hostport("localhost", host, &port));
    assert_true(cli_url_loopback("127.0.0.1"));
    assert_true(cli_url_loopback("127.255.1.2"));
    assert_false(cli_url_loopback("127.0.0.1.example.com"));
    assert_false(cli_url_loopback("128.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_write_is_read),
        cmocka_unit_test(attributes_and_nesting),
        cmocka_unit_test(unknown_elements_are_a_warning),
        cmocka_unit_test(gather_and_dial),
        cmocka_unit_test(wrong_attributes_are_a_warning),
        cmocka_unit_test(what_twilio_refuses_is_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
