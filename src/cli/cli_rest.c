#include "cli_rest.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_address.h"
#include "../twilio/va_rest.h"
#include "../wire/va_base64.h"
#include "../wire/va_json.h"
#include "../wire/va_utf8.h"

#define ROOT "/2010-04-01/Accounts/"
#define RING_S 60
#define RING_MAX_S 600

int cli_rest_error(va_buf_t *body, int status, unsigned code,
                   const char *message)
{
    va_buf_reset(body);
    va_buf_printf(body, "{\"code\":%u,\"message\":", code);
    va_json_quote(body, va_str(message));
    va_buf_printf(body,
                  ",\"more_info\":\"https://www.twilio.com/docs/errors/%u\","
                  "\"status\":%d}",
                  code, status);
    return status;
}

static bool same(const char *a, const char *b)
{
    size_t n = strlen(a);

    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}

static bool authorised(const cli_request_t *http, const char *account,
                       const char *token)
{
    uint8_t plain[513];
    char want[512];
    size_t n = 0;

    if (strncasecmp(http->authorization, "Basic ", 6) != 0 ||
        va_base64_decode(plain, sizeof(plain) - 1, &n,
                         va_str(http->authorization + 6)) != VA_OK) {
        return false;
    }
    plain[n] = '\0';
    if (token == NULL) {
        n = strlen(account);
        return strncmp((char *)plain, account, n) == 0 && plain[n] == ':';
    }
    snprintf(want, sizeof(want), "%s:%s", account, token);
    return same((char *)plain, want);
}

/* Takes the path apart.  Returns whether it is one that is served. */
static bool route(cli_rest_request_t *r, const cli_request_t *http,
                  const char *account)
{
    const char *p = http->target;
    size_t n = strlen(account);
    bool post = strcmp(http->method, "POST") == 0;

    if (strncmp(p, ROOT, strlen(ROOT)) != 0 ||
        strncmp(p + strlen(ROOT), account, n) != 0) {
        return false;
    }
    p += strlen(ROOT) + n;
    if (strcmp(p, "/Calls.json") == 0) {
        r->what = CLI_REST_CREATE;
        return post;
    }
    if (strncmp(p, "/Calls/", 7) != 0 || strlen(p + 7) != CLI_SID_LEN + 5 ||
        strcmp(p + 7 + CLI_SID_LEN, ".json") != 0) {
        return false;
    }
    va_str_copy(r->call_sid, sizeof(r->call_sid),
                (va_str_t){p + 7, CLI_SID_LEN});
    r->what = post ? CLI_REST_UPDATE : CLI_REST_FETCH;
    return post || strcmp(http->method, "GET") == 0;
}

/* A value of the form; NULL when it is absent or empty. */
static const char *get(const cli_rest_request_t *r, const char *name)
{
    va_str_t v = va_form_get(r->form, name);

    return v.len > 0 ? v.data : NULL;
}

static bool good_url(const char *url)
{
    cli_url_t u;

    return cli_url_parse(&u, url) && strncmp(u.scheme, "http", 4) == 0;
}

/* A method parameter; false for one that is none. */
static bool read_method(const cli_rest_request_t *r, const char *name,
                        bool *is_get)
{
    const char *v = get(r, name);

    *is_get = v != NULL && strcmp(v, "GET") == 0;
    return v == NULL || *is_get || strcmp(v, "POST") == 0;
}

static bool read_number(const cli_rest_request_t *r, const char *name,
                        unsigned min, unsigned max, unsigned *out)
{
    const char *v = get(r, name);
    char *end;

    if (v == NULL) {
        return true;
    }
    *out = (unsigned)strtoul(v, &end, 10);
    return *v >= '0' && *v <= '9' && *end == '\0' && strlen(v) < 7 &&
           *out >= min && *out <= max;
}

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

/* What is said of the callbacks. */
static int read_status(cli_rest_request_t *r, va_buf_t *body)
{
    cli_rest_create_t *c = &r->create;
    const va_form_pair_t *pairs;
    cli_event_t event;
    size_t i, n;

    c->status_callback = get(r, "StatusCallback");
    if (c->status_callback != NULL && !good_url(c->status_callback)) {
        return cli_rest_error(body, 400, 21609,
                              "The StatusCallback is not a valid URL");
    }
    pairs = va_form_pairs(r->form, &n);
    for (i = 0; i < n; i++) {
        if (!va_str_eq(pairs[i].name, VA_STR("StatusCallbackEvent"))) {
            continue;
        }
        if (!cli_event_named(pairs[i].value, &event)) {
            return cli_rest_error(body, 400, 21626,
                                  "A StatusCallbackEvent is not known");
        }
        c->status_events |= 1u << event;
    }
    if (c->status_events == 0) {
        c->status_events = 1u << CLI_EVENT_COMPLETED;
    }
    return 0;
}

static int read_detection(cli_rest_request_t *r, va_buf_t *body)
{
    cli_rest_create_t *c = &r->create;
    const char *mode = get(r, "MachineDetection");
    const char *async = get(r, "AsyncAmd");
    unsigned timeout;

    c->message_end = mode != NULL && strcmp(mode, "DetectMessageEnd") == 0;
    c->detect = c->message_end || (mode != NULL && strcmp(mode, "Enable") == 0);
    if (mode != NULL && !c->detect && strcmp(mode, "none") != 0) {
        return cli_rest_error(body, 400, 21234, "MachineDetection is invalid");
    }
    c->async = async != NULL && strcmp(async, "true") == 0;
    if (async != NULL && !c->async && strcmp(async, "false") != 0) {
        return cli_rest_error(body, 400, 21263, "AsyncAmd is invalid");
    }
    c->detect_callback = get(r, "AsyncAmdStatusCallback");
    if (c->async && c->detect &&
        (c->detect_callback == NULL || !good_url(c->detect_callback))) {
        return cli_rest_error(body, 400, 21262,
                              "AsyncAmdStatusCallback is missing or invalid");
    }
    if (!read_number(r, "MachineDetectionTimeout", 3, 59, &timeout)) {
        return cli_rest_error(body, 400, 21263,
                              "MachineDetectionTimeout is invalid");
    }
    return 0;
}

/* Who calls whom, and with which document. */
static int read_parties(cli_rest_request_t *r, va_buf_t *body)
{
    cli_rest_create_t *c = &r->create;

    c->to = get(r, "To");
    c->from = get(r, "From");
    c->url = get(r, "Url");
    c->twiml = c->url == NULL ? get(r, "Twiml") : NULL;
    if (c->to == NULL) {
        return cli_rest_error(body, 400, 21201, "No 'To' number is specified");
    }
    if (va_address_kind(va_str(c->to)) == VA_ADDRESS_NONE) {
        return cli_rest_error(body, 400, 21211,
                              "The 'To' number is not a valid phone number");
    }
    if (c->from == NULL) {
        return cli_rest_error(body, 400, 21213,
                              "No 'From' number is specified");
    }
    if (va_address_kind(va_str(c->from)) == VA_ADDRESS_NONE) {
        return cli_rest_error(body, 400, 21212,
                              "The 'From' number is not a valid phone number");
    }
    if (c->url != NULL ? !good_url(c->url) : c->twiml == NULL) {
        return cli_rest_error(body, 400, 21205, "Url is not a valid URL");
    }
    if (c->twiml != NULL && characters(c->twiml) > VA_REST_TWIML_MAX) {
        return cli_rest_error(body, 400, 32018,
                              "Twiml must be at most 4000 characters");
    }
    return 0;
}

static int read_create(cli_rest_request_t *r, va_buf_t *body)
{
    cli_rest_create_t *c = &r->create;
    int rc = read_parties(r, body);

    if (rc == 0 &&
        (!read_method(r, "Method", &c->get) ||
         !read_method(r, "StatusCallbackMethod", &c->status_get) ||
         !read_method(r, "AsyncAmdStatusCallbackMethod", &c->detect_get))) {
        rc = cli_rest_error(body, 400, 21209,
                            "A method is neither GET nor "
                            "POST");
    }
    c->ring_s = RING_S;
    if (rc == 0 && !read_number(r, "Timeout", 1, RING_MAX_S, &c->ring_s)) {
        rc = cli_rest_error(body, 400, 21208, "Timeout is invalid");
    }
    if (rc == 0 && !read_number(r, "TimeLimit", 1, 86400, &c->limit_s)) {
        rc = cli_rest_error(body, 400, 20422, "TimeLimit is invalid");
    }
    if (rc == 0) {
        rc = read_status(r, body);
    }
    return rc != 0 ? rc : read_detection(r, body);
}

static int set_command(cli_command_t *c, cli_command_type_t type,
                       const char *text, va_buf_t *body)
{
    c->type = type;
    if (strlen(text) >= sizeof(c->text)) {
        return cli_rest_error(body, 400, 20422, "A parameter is too long");
    }
    va_str_copy(c->text, sizeof(c->text), va_str(text));
    return 0;
}

static int read_update(cli_rest_request_t *r, va_buf_t *body)
{
    const char *status = get(r, "Status"), *url = get(r, "Url");
    const char *twiml = get(r, "Twiml");

    if (!read_method(r, "Method", &r->command.get)) {
        return cli_rest_error(body, 400, 21209, "Method is invalid");
    }
    if ((status != NULL) + (url != NULL) + (twiml != NULL) != 1) {
        return cli_rest_error(body, 400, 21200,
                              "One of Status, Url and Twiml is to be given");
    }
    if (url != NULL) {
        return good_url(url)
                   ? set_command(&r->command, CLI_COMMAND_REDIRECT, url, body)
                   : cli_rest_error(body, 400, 21205, "Url is not a valid URL");
    }
    if (twiml != NULL) {
        return characters(twiml) <= VA_REST_TWIML_MAX
                   ? set_command(&r->command, CLI_COMMAND_TWIML, twiml, body)
                   : cli_rest_error(body, 400, 32018,
                                    "Twiml must be at most 4000 characters");
    }
    if (strcmp(status, "completed") != 0 && strcmp(status, "canceled") != 0) {
        return cli_rest_error(body, 400, 20422, "Status is invalid");
    }
    return set_command(&r->command,
                       strcmp(status, "completed") == 0 ? CLI_COMMAND_END
                                                        : CLI_COMMAND_CANCEL,
                       "", body);
}

static int read_form(cli_rest_request_t *r, const cli_request_t *http,
                     va_buf_t *body)
{
    const char *type = "application/x-www-form-urlencoded";
    va_rc_t rc;

    if (strncasecmp(http->type, type, strlen(type)) != 0) {
        return cli_rest_error(body, 415, 20415, "Unsupported media type");
    }
    rc = va_form_parse(&r->form, http->body);
    return rc == VA_OK ? 0
                       : cli_rest_error(body, 400, 20001, "The form is wrong");
}

int cli_rest_read(cli_rest_request_t *r, const cli_request_t *http,
                  const char *account, const char *token, va_buf_t *body)
{
    int rc = 0;

    memset(r, 0, sizeof(*r));
    if (!authorised(http, account, token)) {
        return cli_rest_error(body, 401, 20003, "Authenticate");
    }
    if (!route(r, http, account)) {
        r->what = CLI_REST_REFUSED;
        return cli_rest_error(body, 404, 20404,
                              "The requested resource was not found");
    }
    if (r->what == CLI_REST_CREATE || r->what == CLI_REST_UPDATE) {
        rc = read_form(r, http, body);
    }
    if (rc == 0 && r->what == CLI_REST_CREATE) {
        rc = read_create(r, body);
    } else if (rc == 0 && r->what == CLI_REST_UPDATE) {
        rc = read_update(r, body);
    }
    return rc;
}

void cli_rest_free(cli_rest_request_t *r)
{
    va_form_free(r->form);
    r->form = NULL;
}

static void add(va_buf_t *b, const char *name, const char *value)
{
    va_buf_printf(b, ",\"%s\":", name);
    if (value == NULL) {
        va_buf_puts(b, "null");
    } else {
        va_json_quote(b, va_str(value));
    }
}

static void add_time(va_buf_t *b, const char *name, time_t t)
{
    char text[40];
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm);
    add(b, name, t != 0 ? text : NULL);
}

void cli_rest_call(va_buf_t *body, const cli_rest_call_t *c,
                   const char *account)
{
    static const char *const absent[] = {
        "parent_call_sid", "phone_number_sid", "price",     "forwarded_from",
        "group_sid",       "caller_name",      "trunk_sid",
    };
    char text[160];
    size_t i;

    va_buf_reset(body);
    va_buf_puts(body, "{\"sid\":");
    va_json_quote(body, va_str(c->sid));
    add(body, "account_sid", account);
    add(body, "to", c->to);
    add(body, "to_formatted", c->to);
    add(body, "from", c->from);
    add(body, "from_formatted", c->from);
    add(body, "status", c->status);
    add(body, "direction", c->inbound ? "inbound" : "outbound-api");
    add(body, "answered_by", c->answered_by);
    add(body, "api_version", "2010-04-01");
    add(body, "price_unit", "USD");
    add(body, "queue_time", "0");
    add_time(body, "date_created", c->created);
    add_time(body, "date_updated", c->ended != 0 ? c->ended : c->created);
    add_time(body, "start_time", c->started);
    add_time(body, "end_time", c->ended);
    snprintf(text, sizeof(text), "%lld",
             c->started != 0 ? (long long)(c->ended - c->started) : 0LL);
    add(body, "duration", c->ended != 0 ? text : NULL);
    for (i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        add(body, absent[i], NULL);
    }
    snprintf(text, sizeof(text), "%s%s/Calls/%s.json", ROOT, account, c->sid);
    add(body, "uri", text);
    va_buf_puts(body, ",\"subresource_uris\":{}}");
}
