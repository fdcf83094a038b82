#include "cli_webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"
#include "../twilio/va_signature.h"

#define FORM_MAX 16384
#define CONNECT_MS 5000
#define TOTAL_MS 15000

bool cli_route_init(cli_route_t *r, const char *url, const char *public_url,
                    const char *connect_to, const char *cacert, bool insecure,
                    char error[CLI_ERROR])
{
    char host[256];
    unsigned port;
    bool v6;

    memset(r, 0, sizeof(*r));
    r->cacert = cacert;
    r->insecure = insecure;
    if (!cli_url_parse(&r->real, url) ||
        strncmp(r->real.scheme, "http", 4) != 0) {
        snprintf(error, CLI_ERROR, "\"%.160s\" is not an http URL", url);
        return false;
    }
    if (!cli_url_parse(&r->outside, public_url != NULL ? public_url : url) ||
        strncmp(r->outside.scheme, "http", 4) != 0) {
        snprintf(error, CLI_ERROR, "\"%.160s\" is not an http URL", public_url);
        return false;
    }
    v6 = strchr(r->real.host, ':') != NULL;
    snprintf(r->connect_to, sizeof(r->connect_to), "::%s%s%s:%u", v6 ? "[" : "",
             r->real.host, v6 ? "]" : "", r->real.port);
    va_str_copy(host, sizeof(host), va_str(r->real.host));
    port = r->real.port;
    if (connect_to != NULL && !cli_url_hostport(connect_to, host, &port)) {
        snprintf(error, CLI_ERROR, "\"%.160s\" is not HOST:PORT", connect_to);
        return false;
    }
    r->media.insecure = insecure;
    if (cli_url_tls(&r->real)) {
        r->media.tls = cli_tls_new(cacert, error);
        if (r->media.tls == NULL) {
            return false;
        }
    }
    return cli_target_resolve(&r->media, host, port, error);
}

void cli_route_free(cli_route_t *r)
{
    SSL_CTX_free(r->media.tls);
    r->media.tls = NULL;
}

bool cli_route_loopback(const cli_route_t *r)
{
    return cli_url_loopback(r->real.host) && cli_target_loopback(&r->media);
}

bool cli_route_first(const cli_route_t *r, char *out)
{
    int n = snprintf(out, CLI_URL_MAX, "%s://%s%s", r->outside.scheme,
                     r->outside.authority, r->real.path);

    return n > 0 && n < CLI_URL_MAX;
}

/* The parameters of a call, in the order in which Twilio sends them. */
static void write_form(va_buf_t *b, const cli_identity_t *id,
                       const cli_webhook_t *w)
{
    const char *const fields[][2] = {
        {"AccountSid", id->account_sid},
        {"ApiVersion", "2010-04-01"},
        {"CallSid", id->call_sid},
        {"CallStatus", w->status},
        {"Called", id->to},
        {"CalledCity", ""},
        {"CalledCountry", "US"},
        {"CalledState", ""},
        {"CalledZip", ""},
        {"Caller", id->from},
        {"CallerCity", ""},
        {"CallerCountry", "US"},
        {"CallerState", ""},
        {"CallerZip", ""},
        {"Direction", id->outbound ? "outbound-api" : "inbound"},
        {"From", id->from},
        {"FromCity", ""},
        {"FromCountry", "US"},
        {"FromState", ""},
        {"FromZip", ""},
        {"To", id->to},
        {"ToCity", ""},
        {"ToCountry", "US"},
        {"ToState", ""},
        {"ToZip", ""},
    };
    size_t i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        va_form_add(b, va_str(fields[i][0]), va_str(fields[i][1]));
    }
    for (i = 0; i < w->field_count; i++) {
        if (w->fields[i].value != NULL) {
            va_form_add(b, va_str(w->fields[i].name),
                        va_str(w->fields[i].value));
        }
    }
}

/* Writes the header line of the signature; line is empty without a token. */
static bool sign(const cli_identity_t *id, const char *url, va_str_t body,
                 char line[64])
{
    char signature[VA_SIGNATURE_LEN + 1];
    va_form_t *form = NULL;
    bool ok;

    line[0] = '\0';
    if (id->token == NULL) {
        return true;
    }
    if (body.len > 0 && va_form_parse(&form, body) != VA_OK) {
        return false;
    }
    ok = va_signature_sign(va_str(id->token), va_str(url), form, signature) ==
         VA_OK;
    va_form_free(form);
    snprintf(line, 64, "X-Twilio-Signature: %s", signature);
    return ok;
}

static cli_http_t *start(cli_loop_t *loop, const cli_route_t *r,
                         const cli_identity_t *id, const char *url,
                         va_str_t body, bool get, cli_http_done_pt done,
                         void *ctx)
{
    char real[CLI_URL_MAX + 16], signature[64], idempotency[80];
    char sid[CLI_SID_LEN + 1];
    cli_http_request_t req = {.url = real,
                              .connect_to = r->connect_to,
                              .get = get,
                              .body = body,
                              .connect_ms = CONNECT_MS,
                              .total_ms = TOTAL_MS,
                              .cacert = r->cacert,
                              .insecure = r->insecure,
                              .max_body = CLI_WEBHOOK_MAX};
    size_t n = 0;

    cli_sid(sid, "  ");
    snprintf(idempotency, sizeof(idempotency), "I-Twilio-Idempotency-Token: %s",
             sid + 2);
    snprintf(real, sizeof(real), "%s%s", r->real.scheme, strstr(url, "://"));
    if (!sign(id, url, get ? VA_STR("") : body, signature)) {
        return NULL;
    }
    req.headers[n++] = "User-Agent: TwilioProxy/1.1";
    req.headers[n++] = "Accept: */*";
    req.headers[n++] = idempotency;
    req.headers[n++] = "Expect:";
    if (!get) {
        req.headers[n++] =
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8";
    }
    if (signature[0] != '\0') {
        req.headers[n++] = signature;
    }
    return cli_http_start(loop, &req, done, ctx);
}

/* Returns whether a URL can be requested; else fills error. */
static bool requestable(const cli_route_t *r, const char *url,
                        char error[CLI_ERROR])
{
    cli_url_t u;

    if (!cli_url_parse(&u, url) || strncmp(u.scheme, "http", 4) != 0) {
        snprintf(error, CLI_ERROR, "11210: \"%.160s\" is not an http URL", url);
        return false;
    }
    if (strcmp(u.authority, r->outside.authority) != 0) {
        snprintf(error, CLI_ERROR, "11210: %.100s is not the server under test",
                 u.authority);
        return false;
    }
    return true;
}

cli_http_t *cli_webhook_start(cli_loop_t *loop, const cli_route_t *r,
                              const cli_identity_t *id, const cli_webhook_t *w,
                              cli_http_done_pt done, void *ctx,
                              char error[CLI_ERROR])
{
    cli_http_t *h = NULL;
    va_buf_t form, full;

    if (!requestable(r, w->url, error)) {
        return NULL;
    }
    va_buf_init(&form, FORM_MAX);
    va_buf_init(&full, CLI_URL_MAX - 1);
    write_form(&form, id, w);
    va_buf_puts(&full, w->url);
    if (w->get) {
        va_buf_puts(&full, strchr(w->url, '?') != NULL ? "&" : "?");
        va_buf_str(&full, va_buf_view(&form));
    }
    if (form.rc != VA_OK || full.rc != VA_OK) {
        snprintf(error, CLI_ERROR, "the request is too long");
    } else {
        h = start(loop, r, id, full.data, va_buf_view(&form), w->get, done,
                  ctx);
        if (h == NULL) {
            snprintf(error, CLI_ERROR, "the request cannot be made");
        }
    }
    va_buf_free(&form);
    va_buf_free(&full);
    return h;
}

static bool type_is(const char *type, const char *name)
{
    size_t n = strcspn(type, "; \t");

    return va_str_caseeq((va_str_t){type, n}, va_str(name));
}

bool cli_webhook_accept(const cli_http_reply_t *reply, char error[CLI_ERROR])
{
    if (reply->status == 0) {
        snprintf(error, CLI_ERROR, "11200: %.200s", reply->error);
        return false;
    }
    if (reply->status != 200) {
        snprintf(error, CLI_ERROR, "%s: the server answered with status %ld",
                 reply->status >= 300 && reply->status < 400 ? "11215"
                                                             : "11217",
                 reply->status);
        return false;
    }
    if (!type_is(reply->type, "text/xml") &&
        !type_is(reply->type, "application/xml") &&
        !type_is(reply->type, "text/html")) {
        snprintf(error, CLI_ERROR, "12300: the Content-Type is \"%.100s\"",
                 reply->type);
        return false;
    }
    return true;
}

cli_stream_t *cli_webhook_stream(cli_loop_t *loop, const cli_route_t *r,
                                 const cli_identity_t *id, const char *url,
                                 const cli_stream_events_t *events, void *ctx,
                                 char error[CLI_ERROR])
{
    char line[64];
    cli_target_t target = r->media;
    cli_url_t u;

    if (!cli_url_parse(&u, url) || strcmp(u.scheme, "wss") != 0) {
        snprintf(error, CLI_ERROR, "31923: \"%.160s\" is not a wss URL", url);
        return NULL;
    }
    if (!sign(id, url, VA_STR(""), line)) {
        snprintf(error, CLI_ERROR, "the handshake cannot be signed");
        return NULL;
    }
    va_str_copy(target.host, sizeof(target.host), va_str(u.host));
    return cli_stream_open(loop, &target, u.authority, u.path,
                           line[0] != '\0' ? strchr(line, ' ') + 1 : NULL,
                           events, ctx, error);
}
