#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "twilio/va_signature.h"

#define PARAMS                                                                 \
    "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&"             \
    "From=%2B14158675309&To=%2B18005551212"

#define HASH "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
#define HASH_OF_EMPTY_OBJECT                                                   \
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

#define APP "https://mycompany.com/myapp.php?foo=1&bar=2"

typedef struct {
    const char *token;
    const char *url;
    const char *form; /* urlencoded, or NULL */
    const char *body; /* when it is not a form */
    const char *signature;
} vector_t;

/*
 * From Twilio's libraries and documentation; the last is the captured webhook
 * of a third party.
 */
static const vector_t vectors[] = {
    {"12345", APP, PARAMS, "", "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
    {"12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", PARAMS, "",
     "kvajT1Ptam85bY51eRf/AJRuM3w="},
    {"12345", "http://mycompany.com:80/myapp.php?foo=1&bar=2", PARAMS, "",
     "0ZXoZLH/DfblKGATFgpif+LLRf4="},
    {"12345", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", PARAMS, "",
     "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="},
    {"12345", APP,
     "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "",
     "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
    {"12345", APP,
     "MessagingBinding.Address=%2B1415xxxxxxx&"
     "MessagingBinding.Address=%2B1325xxxxxxx",
     "", "83O6e2vORAoJHUNzJjDWN1jz+BA="},
    {"12345", APP,
     "MessagingBinding.Address=%2B1325xxxxxxx&"
     "MessagingBinding.Address=%2B1415xxxxxxx",
     "", "83O6e2vORAoJHUNzJjDWN1jz+BA="},
    {"12345", APP "&bodySHA256=" HASH, NULL,
     "{\"property\": \"value\", \"boolean\": true}",
     "a9nBmqA0ju/hNViExpshrM61xv4="},
    {"12345", "https://mycompany.com/myapp.php?bodySHA256=" HASH, NULL,
     "{\"property\": \"value\", \"boolean\": true}",
     "y77kIzt2vzLz71DgmJGsen2scGs="},
    {"12345",
     "https://mycompany.com:443/myapp.php?foo=1&bar=2&"
     "bodySHA256=" HASH_OF_EMPTY_OBJECT,
     NULL, "{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="},
    {"12345", APP "&Body=It%27s+amazing", PARAMS, "",
     "TfZzewPq8wqrGlMfyAud8+/IvJ0="},
    {"12345", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", PARAMS,
     "", "CukzLTc1tT5dXEDIHm/tKBanW10="},
    {"12345", "https://example.com/myapp.php?foo=1&bar=2",
     "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&"
     "From=%2B14158675310&To=%2B18005551212",
     "", "L/OH5YylLD5NRKLltdqwSvS0BnU="},
    {"secret", "https://example.com/voice/webhook",
     "Called=%2B491703330161&ToState=&CallerCountry=US&Direction=outbound-api&"
     "CallerState=CA&ToZip=&CallSid=test-call-sid&To=%2B491703330161&"
     "CallerZip=&ToCountry=DE&CalledZip=&ApiVersion=2010-04-01&CalledCity=&"
     "CallStatus=in-progress&From=%2B16505055892&AccountSid=test-account-sid&"
     "CalledCountry=DE&CallerCity=&ToCity=&FromCountry=US&"
     "Caller=%2B16505055892&FromCity=&CalledState=&FromZip=&FromState=CA",
     "", "KOEOMoF/g4CsG6Eh3lIavri38Oc="},
    {"12345",
     "https://example.com/voice?CallSid=CA1234567890ABCDE&"
     "From=%2B14158675310&To=%2B18005551212",
     NULL, "", "xaM1gHBgkwFujf6rWwmlpljvuZo="},
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

/* Checks with everything in blocks of exactly its size. */
static va_rc_t check_with(const vector_t *v, bool websocket)
{
    va_str_t form = exact(va_str(v->form));
    va_signature_check_t c = {
        .token = exact(va_str(v->token)),
        .url = exact(va_str(v->url)),
        .signature = exact(va_str(v->signature)),
        .body = exact(va_str(v->body)),
        .websocket = websocket,
    };
    va_form_t *parsed = NULL;
    va_rc_t rc;

    if (v->form != NULL) {
        assert_int_equal(va_form_parse(&parsed, form), VA_OK);
        c.form = parsed;
    }
    rc = va_signature_check(&c);
    va_form_free(parsed);
    exact_free(form);
    exact_free(c.token);
    exact_free(c.url);
    exact_free(c.signature);
    exact_free(c.body);
    return rc;
}

static va_rc_t check(const vector_t *v)
{
    return check_with(v, false);
}

/* Checks a request of vector n that came by another URL. */
static va_rc_t check_url(size_t n, const char *url)
{
    vector_t v = vectors[n];

    v.url = url;
    return check(&v);
}

static void signs_all_vectors(void **state)
{
    char out[VA_SIGNATURE_LEN + 1];
    size_t i;

    (void)state;
    for (i = 0; i < VECTORS; i++) {
        const vector_t *v = &vectors[i];
        va_form_t *form = NULL;

        if (v->form != NULL) {
            assert_int_equal(va_form_parse(&form, va_str(v->form)), VA_OK);
        }
        assert_int_equal(
            va_signature_sign(va_str(v->token), va_str(v->url), form, out),
            VA_OK);
        assert_string_equal(out, v->signature);
        va_form_free(form);
    }
    assert_int_equal(
        va_signature_sign(VA_STR(""), VA_STR("https://h/"), NULL, out),
        VA_FAILED);
}

static void accepts_all_vectors(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < VECTORS; i++) {
        assert_int_equal(check(&vectors[i]), VA_OK);
    }
}

/* Changes each byte of text in turn; the vector is checked with the change. */
static void assert_each_byte_counts(vector_t *v, const char **member)
{
    const char *original = *member;
    char *text = strdup(original);
    size_t i;

    assert_non_null(text);
    *member = text;
    for (i = 0; i < strlen(original); i++) {
        text[i] = original[i] == 'x' ? 'y' : 'x';
        assert_int_equal(check(v), VA_INVALID);
        text[i] = original[i];
    }
    assert_int_equal(check(v), VA_OK);
    *member = original;
    free(text);
}

static void one_changed_byte_fails(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < VECTORS; i++) {
        vector_t v = vectors[i];

        assert_each_byte_counts(&v, &v.token);
        assert_each_byte_counts(&v, &v.signature);
        assert_each_byte_counts(&v, &v.body);
    }
}

/* The port is the one part of a URL that is not always signed. */
static void one_changed_byte_of_the_url_fails(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < VECTORS; i++) {
        vector_t v = vectors[i];

        if (strchr(v.url + 8, ':') == NULL) {
            assert_each_byte_counts(&v, &v.url);
        }
    }
}

static void one_changed_parameter_fails(void **state)
{
    vector_t v = vectors[0];

    (void)state;
    v.form = PARAMS "&Extra=";
    assert_int_equal(check(&v), VA_INVALID);
    v.form = PARAMS "&Digits=1234";
    assert_int_equal(check(&v), VA_OK);
    v.form = PARAMS "&Digits=1235";
    assert_int_equal(check(&v), VA_INVALID);
    v.form = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&"
             "From=%2B14158675309";
    assert_int_equal(check(&v), VA_INVALID);
    v.form = "To=%2B18005551212&Digits=1234&Caller=%2B14158675309&"
             "From=%2B14158675309&CallSid=CA1234567890ABCDE";
    assert_int_equal(check(&v), VA_OK);
    v.form = "to=%2B18005551212&Digits=1234&Caller=%2B14158675309&"
             "From=%2B14158675309&CallSid=CA1234567890ABCDE";
    assert_int_equal(check(&v), VA_INVALID);
    v.form = "Digits=&" PARAMS;
    assert_int_equal(check(&v), VA_INVALID);
}

static void ports_and_credentials_may_differ(void **state)
{
    (void)state;
    /* Signed without a port. */
    assert_int_equal(
        check_url(0, "https://mycompany.com:1234/myapp.php?foo=1&bar=2"),
        VA_OK);
    assert_int_equal(
        check_url(0, "https://user:pass@mycompany.com:1/myapp.php?foo=1&bar=2"),
        VA_OK);
    assert_int_equal(check_url(0, "https://u@mycompany.com/myapp.php?foo=1"
                                  "&bar=2"),
                     VA_OK);
    /* Signed with the default port, or the one it came by. */
    assert_int_equal(
        check_url(1, "https://mycompany.com/myapp.php?foo=1&bar=2"), VA_OK);
    assert_int_equal(
        check_url(1, "https://u:p@mycompany.com/myapp.php?foo=1&bar=2"), VA_OK);
    assert_int_equal(
        check_url(1, "https://mycompany.com:8443/myapp.php?foo=1&bar=2"),
        VA_INVALID);
    assert_int_equal(check_url(2, "http://mycompany.com/myapp.php?foo=1&bar=2"),
                     VA_OK);
    assert_int_equal(check_url(3, "http://mycompany.com/myapp.php?foo=1&bar=2"),
                     VA_INVALID);
    /* Signed with credentials. */
    assert_int_equal(
        check_url(11, "https://user:pass@mycompany.com:99/myapp.php?foo=1"
                      "&bar=2"),
        VA_OK);
    assert_int_equal(check_url(11, APP), VA_INVALID);
    assert_int_equal(
        check_url(11, "https://user:PASS@mycompany.com/myapp.php?foo=1&bar=2"),
        VA_INVALID);
}

/* Signs signed without a form, and checks the request by url. */
static va_rc_t round_trip(const char *signed_url, const char *url,
                          bool websocket)
{
    char out[VA_SIGNATURE_LEN + 1];
    vector_t v = {"12345", url, NULL, "", out};

    assert_int_equal(
        va_signature_sign(VA_STR("12345"), va_str(signed_url), NULL, out),
        VA_OK);
    return check_with(&v, websocket);
}

static void knows_addresses_in_brackets(void **state)
{
    (void)state;
    assert_int_equal(round_trip("https://[::1]/p", "https://[::1]/p", false),
                     VA_OK);
    assert_int_equal(
        round_trip("https://[::1]/p", "https://[::1]:8443/p", false), VA_OK);
    assert_int_equal(
        round_trip("https://[::1]:443/p", "https://[::1]/p", false), VA_OK);
    assert_int_equal(
        round_trip("https://[::1]:443/p", "https://a:b@[::1]/p", false), VA_OK);
    assert_int_equal(round_trip("https://[:/p", "https://[::1]/p", false),
                     VA_INVALID);
}

static void a_body_needs_its_hash(void **state)
{
    vector_t v = vectors[8];

    (void)state;
    v.body = "";
    assert_int_equal(check(&v), VA_INVALID);
    v.body = "{\"property\": \"value\", \"boolean\": true} ";
    assert_int_equal(check(&v), VA_INVALID);

    /* A signature of the URL alone does not speak for a body. */
    v = vectors[VECTORS - 1];
    v.body = "{}";
    assert_int_equal(check(&v), VA_INVALID);
    v.body = "";
    assert_int_equal(check(&v), VA_OK);

    assert_int_equal(
        round_trip("https://h/?bodySHA256=", "https://h/?bodySHA256=", false),
        VA_INVALID);
    assert_int_equal(round_trip("https://h/?bodySHA256=x&bodySHA256=" HASH,
                                "https://h/?bodySHA256=x&bodySHA256=" HASH,
                                false),
                     VA_INVALID);
    /* Only a parameter of exactly that name in the query is one. */
    assert_int_equal(round_trip("https://h/bodySHA256=1?xbodySHA256=2",
                                "https://h/bodySHA256=1?xbodySHA256=2", false),
                     VA_OK);
}

static void checks_handshakes(void **state)
{
    vector_t plain = {"12345", "wss://voice.example.com/media", NULL, "",
                      "jFDHVhI8XO69C49uXR3xmdZPylY="};
    vector_t slash = {"12345", "wss://voice.example.com/media", NULL, "",
                      "BXF4dPv/qKwfALEQ/o2fVPPvK/c="};
    vector_t https = {"12345", "wss://voice.example.com/media", NULL, "",
                      "2A768no+sGy6/ZLDxHITQfda/E8="};

    (void)state;
    assert_int_equal(check_with(&plain, true), VA_OK);
    assert_int_equal(check_with(&slash, true), VA_OK);
    assert_int_equal(check_with(&https, true), VA_INVALID);
    /* The public URL of the server is given with https. */
    plain.url = slash.url = https.url = "https://voice.example.com/media";
    assert_int_equal(check_with(&plain, true), VA_OK);
    assert_int_equal(check_with(&slash, true), VA_OK);
    assert_int_equal(check_with(&https, true), VA_INVALID);
    /* Of a webhook neither the scheme nor the path is varied. */
    assert_int_equal(check_with(&plain, false), VA_INVALID);
    assert_int_equal(check_with(&slash, false), VA_INVALID);
    assert_int_equal(check_with(&https, false), VA_OK);
    /* A slash that is there is not taken away. */
    plain.url = slash.url = "https://voice.example.com:8443/media/";
    assert_int_equal(check_with(&plain, true), VA_INVALID);
    assert_int_equal(check_with(&slash, true), VA_OK);
}

static void tries_handshake_variants(void **state)
{
    (void)state;
    assert_int_equal(round_trip("wss://h:443/p", "https://h/p", true), VA_OK);
    assert_int_equal(round_trip("wss://h:443/p/", "https://h/p", true), VA_OK);
    assert_int_equal(round_trip("wss://h:99/p/", "wss://h:99/p", true), VA_OK);
    assert_int_equal(round_trip("wss://h/p/?a=b", "wss://h/p?a=b", true),
                     VA_OK);
    assert_int_equal(round_trip("wss://u:p@h/p/", "wss://u:p@h/p", true),
                     VA_OK);
    assert_int_equal(round_trip("wss://h/p", "wss://u:p@h/p", true), VA_OK);
    assert_int_equal(round_trip("wss://h", "wss://h/", true), VA_OK);
    assert_int_equal(round_trip("wss://h/", "wss://h", true), VA_OK);
    assert_int_equal(round_trip("ws://h:80/p", "http://h/p", true), VA_OK);
    assert_int_equal(round_trip("ws://h/p", "https://h/p", true), VA_INVALID);
    assert_int_equal(round_trip("wss://h/p//", "wss://h/p/", true), VA_INVALID);
    assert_int_equal(round_trip("ftp://h/p", "ftp://h/p", true), VA_INVALID);
}

static void refuses_what_is_no_request(void **state)
{
    static const char *const urls[] = {"",
                                       "/p",
                                       "https:/h/p",
                                       "://h/p",
                                       "https://",
                                       "https://:443/p",
                                       "https:///p",
                                       "h/p?a=https://h",
                                       "https://u@/p"};
    vector_t v = vectors[0];
    size_t i;

    (void)state;
    v.signature = "";
    assert_int_equal(check(&v), VA_INVALID);
    v.signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8";
    assert_int_equal(check(&v), VA_INVALID);
    v.signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8= ";
    assert_int_equal(check(&v), VA_INVALID);
    v.signature = "rsoydT4t1CutDk1pdD93/vvR8b8=";
    assert_int_equal(check(&v), VA_INVALID);

    /* Without a token nothing is right, not even what an empty key signs. */
    v = vectors[0];
    v.token = "";
    assert_int_equal(check(&v), VA_INVALID);

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(round_trip(urls[i], urls[i], false), VA_INVALID);
        assert_int_equal(round_trip(urls[i], urls[i], true), VA_INVALID);
    }
}

static void takes_as_many_parameters_as_a_form(void **state)
{
    char text[VA_FORM_MAX * 8] = "";
    char out[VA_SIGNATURE_LEN + 1];
    vector_t v = {"12345", "https://h/p", text, "", out};
    va_form_t *form;
    size_t i;

    (void)state;
    for (i = VA_FORM_MAX; i != 0; i--) {
        snprintf(text + strlen(text), 8, "p%zu=%zu&", i % 100, i % 10);
    }
    assert_int_equal(va_form_parse(&form, va_str(text)), VA_OK);
    assert_int_equal(
        va_signature_sign(VA_STR("12345"), va_str(v.url), form, out), VA_OK);
    va_form_free(form);
    assert_int_equal(check(&v), VA_OK);
    text[4] = '7';
    assert_int_equal(check(&v), VA_INVALID);
}

static void compares_secrets(void **state)
{
    (void)state;
    assert_true(va_secret_eq(VA_STR("abc"), VA_STR("abc")));
    assert_false(va_secret_eq(VA_STR("abc"), VA_STR("abd")));
    assert_false(va_secret_eq(VA_STR("abc"), VA_STR("ab")));
    assert_false(va_secret_eq(VA_STR("abc"), VA_STR("")));
    assert_true(va_secret_eq(VA_STR(""), va_str(NULL)));
    assert_false(va_secret_eq(VA_STR("a\0b"), VA_STR("a\0c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_all_vectors),
        cmocka_unit_test(accepts_all_vectors),
        cmocka_unit_test(one_changed_byte_fails),
        cmocka_unit_test(one_changed_byte_of_the_url_fails),
        cmocka_unit_test(one_changed_parameter_fails),
        cmocka_unit_test(ports_and_credentials_may_differ),
        cmocka_unit_test(knows_addresses_in_brackets),
        cmocka_unit_test(a_body_needs_its_hash),
        cmocka_unit_test(checks_handshakes),
        cmocka_unit_test(tries_handshake_variants),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(takes_as_many_parameters_as_a_form),
        cmocka_unit_test(compares_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
