
/*
 * People give the key once and get a cookie: a ticket that is signed with what
 * is derived from the key, so nothing is kept, a changed key ends all logins,
 * and any worker or machine with the key takes it.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_web.h"

#include "../src/twilio/va_signature.h"
#include "../src/wire/va_json.h"
#include "../src/wire/va_ticket.h"


/* seconds that a cookie lasts, and that it is renewed while a page is open */
#define NGX_HTTP_VOICEAI_LOGIN_TIME   3600
#define NGX_HTTP_VOICEAI_LOGIN_RENEW  600
#define NGX_HTTP_VOICEAI_LOGIN_MOST   (12 * 3600)

/* what a page sends with each command, and no form of another site can */
#define NGX_HTTP_VOICEAI_PAGE         "X-Voiceai-Page"

/* over TLS the browser holds the cookie to the very host */
#define NGX_HTTP_VOICEAI_COOKIE       "voiceai"
#define NGX_HTTP_VOICEAI_COOKIE_TLS   "__Host-voiceai"


static void ngx_http_voiceai_me_page(va_buf_t *b, const char *name,
    ngx_str_t *uri, ngx_uint_t served);
static ngx_int_t ngx_http_voiceai_login(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_login_check(ngx_http_request_t *r,
    va_str_t key);
static ngx_int_t ngx_http_voiceai_login_give(ngx_http_request_t *r,
    uint64_t first);


/* The host of "scheme://host:port", as the Host header has it. */

static ngx_uint_t
ngx_http_voiceai_own_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char     *p, *last;
    ngx_str_t  *host;

    host = ngx_http_voiceai_header(r, "Host");

    if (host == NULL) {
        return 0;
    }

    last = origin->data + origin->len;
    p = ngx_strlchr(origin->data, last, ':');

    if (p == NULL || last - p < 3 || p[1] != '/' || p[2] != '/') {
        return 0;
    }

    p += 3;

    return (size_t) (last - p) == host->len
           && ngx_strncasecmp(p, host->data, host->len) == 0;
}


ngx_int_t
ngx_http_voiceai_same_site(ngx_http_request_t *r)
{
    ngx_str_t  *value;

    static const char  error[] = "the request comes from another site";

    value = ngx_http_voiceai_header(r, "Sec-Fetch-Site");

    if (value
        && !(value->len == 11
             && ngx_strncmp(value->data, "same-origin", 11) == 0)
        && !(value->len == 4 && ngx_strncmp(value->data, "none", 4) == 0))
    {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN, error);
    }

    value = ngx_http_voiceai_header(r, "Origin");

    if (value && !ngx_http_voiceai_own_origin(r, value)) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN, error);
    }

    return NGX_OK;
}


/* A cookie of that name; the first one counts. */

static ngx_uint_t
ngx_http_voiceai_cookie_value(ngx_str_t *header, const char *name,
    va_str_t *value)
{
    u_char  *p, *last, *end;
    size_t   len;

    p = header->data;
    last = p + header->len;
    len = ngx_strlen(name);

    while (p < last) {

        while (p < last && (*p == ' ' || *p == ';')) {
            p++;
        }

        end = ngx_strlchr(p, last, ';');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) > len && p[len] == '='
            && ngx_strncmp(p, name, len) == 0)
        {
            value->data = (char *) p + len + 1;
            value->len = end - p - len - 1;
            return 1;
        }

        p = end;
    }

    return 0;
}


static ngx_uint_t
ngx_http_voiceai_cookie_ticket(ngx_http_request_t *r, va_ticket_t *ticket)
{
    va_str_t                      value;
    ngx_str_t                    *header;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    header = ngx_http_voiceai_header(r, "Cookie");

    if (header == NULL || vlcf->api_key.len == 0 || vlcf->api_open
        || (!ngx_http_voiceai_cookie_value(header,
                                           NGX_HTTP_VOICEAI_COOKIE_TLS,
                                           &value)
            && !ngx_http_voiceai_cookie_value(header, NGX_HTTP_VOICEAI_COOKIE,
                                              &value)))
    {
        return 0;
    }

    return va_ticket_check(ticket, value,
                           ngx_http_voiceai_view(&vlcf->api_key),
                           VA_STR("login"), ngx_time())
           == VA_OK;
}


ngx_int_t
ngx_http_voiceai_cookie(ngx_http_request_t *r)
{
    ngx_int_t    rc;
    va_ticket_t  ticket;

    if (!ngx_http_voiceai_cookie_ticket(r, &ticket)) {
        return NGX_DECLINED;
    }

    rc = ngx_http_voiceai_same_site(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        && ngx_http_voiceai_header(r, NGX_HTTP_VOICEAI_PAGE) == NULL)
    {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                       "a command with a cookie needs the "
                                       "header " NGX_HTTP_VOICEAI_PAGE);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_voiceai_login_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_same_site(r);

    if (rc == NGX_OK && !(r->method & NGX_HTTP_POST)) {
        rc = ngx_http_voiceai_not_allowed(r, "POST", "use POST");
    }

    if (rc == NGX_OK && vlcf->api_key.len == 0) {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                     "no voiceai_api_key is configured");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_voiceai_read_body(r, ngx_http_voiceai_login);
    }

    return ngx_http_voiceai_answer(r, rc);
}


static ngx_int_t
ngx_http_voiceai_login(ngx_http_request_t *r)
{
    char                     error[128];
    ngx_int_t                rc;
    va_json_t               *json;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    json = va_json_parse(ngx_http_voiceai_view(&ctx->text), error,
                         sizeof(error));
    if (json == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the body is not JSON");
    }

    rc = ngx_http_voiceai_login_check(r, va_json_str(json, "key"));

    va_json_free(json);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_voiceai_login_give(r, ngx_time());
}


/* Where a client comes from; of IPv6 the network that one site has. */

static uint32_t
ngx_http_voiceai_login_who(ngx_http_request_t *r)
{
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;

    if (r->connection->sockaddr->sa_family == AF_INET6) {
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;
        return ngx_crc32_short(sin6->sin6_addr.s6_addr, 8);
    }
#endif

    return ngx_crc32_short(r->connection->addr_text.data,
                           r->connection->addr_text.len);
}


static ngx_int_t
ngx_http_voiceai_login_check(ngx_http_request_t *r, va_str_t key)
{
    uint32_t                      who;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    who = ngx_http_voiceai_login_who(r);

    if (ngx_http_voiceai_attempt(vlcf->zone, who) != NGX_OK) {
        if (ngx_http_voiceai_add_header(r, "Retry-After", "60") != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_voiceai_refuse(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                       "too many wrong keys, wait a minute");
    }

    if (vlcf->api_open
        || (key.len
            && va_secret_eq(key, ngx_http_voiceai_view(&vlcf->api_key))))
    {
        ngx_http_voiceai_attempt_passed(vlcf->zone, who);
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "voiceai: a login with a wrong key");

    return ngx_http_voiceai_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                   "the key is wrong");
}


static ngx_int_t
ngx_http_voiceai_no_content(ngx_http_request_t *r)
{
    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    if (ngx_http_voiceai_add_header(r, "Cache-Control", "no-store") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_header(r);
}


/* Sets the cookie; value is terminated, empty to take it away. */

static ngx_int_t
ngx_http_voiceai_login_set(ngx_http_request_t *r, const char *value,
    ngx_uint_t seconds)
{
    u_char      *p;
    size_t       size;
    ngx_str_t   *origin;
    ngx_uint_t   tls;

    origin = ngx_http_voiceai_header(r, "Origin");
    tls = (origin && origin->len > 8
           && ngx_strncasecmp(origin->data, (u_char *) "https://", 8) == 0);

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        tls = 1;
    }
#endif

    size = VA_TICKET_MAX + 128;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *ngx_snprintf(p, size - 1, "%s=%s; Path=/; Max-Age=%ui; HttpOnly; "
                  "SameSite=Strict%s",
                  tls ? NGX_HTTP_VOICEAI_COOKIE_TLS : NGX_HTTP_VOICEAI_COOKIE,
                  value, seconds, tls ? "; Secure" : "") = '\0';

    return ngx_http_voiceai_add_header(r, "Set-Cookie", (char *) p);
}


/* A cookie of somebody who gave the key at that time. */

static ngx_int_t
ngx_http_voiceai_login_cookie(ngx_http_request_t *r, uint64_t first)
{
    va_buf_t                      b;
    uint64_t                      end;
    ngx_int_t                     rc;
    va_ticket_t                   ticket;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    end = first + NGX_HTTP_VOICEAI_LOGIN_MOST;

    ticket.issued = first;
    ticket.expires = ngx_min((uint64_t) ngx_time()
                             + NGX_HTTP_VOICEAI_LOGIN_TIME, end);
    ticket.subject = VA_STR("person");

    va_buf_init(&b, VA_TICKET_MAX);

    rc = NGX_ERROR;

    if (va_ticket_make(&b, ngx_http_voiceai_view(&vlcf->api_key),
                       VA_STR("login"), &ticket)
        == VA_OK)
    {
        rc = ngx_http_voiceai_login_set(r, b.data,
                                        ticket.expires - ngx_time());
    }

    va_buf_free(&b);

    return rc;
}


static ngx_int_t
ngx_http_voiceai_login_give(ngx_http_request_t *r, uint64_t first)
{
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (!vlcf->api_open
        && ngx_http_voiceai_login_cookie(r, first) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_no_content(r);
}


ngx_int_t
ngx_http_voiceai_logout_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_same_site(r);

    if (rc == NGX_OK && !(r->method & NGX_HTTP_POST)) {
        rc = ngx_http_voiceai_not_allowed(r, "POST", "use POST");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc == NGX_OK) {
        rc = (ngx_http_voiceai_login_set(r, "", 0) == NGX_OK)
             ? ngx_http_voiceai_no_content(r)
             : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_answer(r, rc);
}


/* Where a page is: in its location, or at the name of "voiceai on". */

static void
ngx_http_voiceai_me_page(va_buf_t *b, const char *name, ngx_str_t *uri,
    ngx_uint_t served)
{
    if (uri->len == 0 && !served) {
        return;
    }

    va_buf_printf(b, ",\"%s\":", name);

    if (uri->len) {
        va_json_quote(b, ngx_http_voiceai_view(uri));

    } else {
        va_buf_printf(b, "\"/%s\"", name);
    }
}


/* Who a page is: whether it has to ask for the key. */

ngx_int_t
ngx_http_voiceai_me_handler(ngx_http_request_t *r)
{
    va_buf_t                      b;
    uint64_t                      age;
    ngx_int_t                     rc;
    ngx_uint_t                    in;
    va_ticket_t                   ticket;
    ngx_http_voiceai_loc_conf_t  *vlcf;
    ngx_http_voiceai_srv_conf_t  *vscf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_same_site(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET, HEAD", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc != NGX_OK) {
        return ngx_http_voiceai_answer(r, rc);
    }

    in = ngx_http_voiceai_cookie_ticket(r, &ticket);

    if (in) {
        age = NGX_HTTP_VOICEAI_LOGIN_TIME - (ticket.expires - ngx_time());

        if (age >= NGX_HTTP_VOICEAI_LOGIN_RENEW
            && (uint64_t) ngx_time() + NGX_HTTP_VOICEAI_LOGIN_RENEW
               < ticket.issued + NGX_HTTP_VOICEAI_LOGIN_MOST
            && ngx_http_voiceai_login_cookie(r, ticket.issued) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    va_buf_init(&b, 16384);
    va_buf_printf(&b, "{\"access\":\"%s\",\"allowed\":%s,\"logout\":%s,"
                  "\"version\":\"%s\"",
                  vlcf->api_key.len == 0 ? "none"
                  : vlcf->api_open ? "open" : "key",
                  (in || vlcf->api_open) ? "true" : "false",
                  in ? "true" : "false", VA_VERSION);
    ngx_http_voiceai_me_page(&b, "phone", &vscf->phone_uri, vlcf->enable);
    ngx_http_voiceai_me_page(&b, "dashboard", &vscf->dashboard_uri,
                             vlcf->enable);
    va_buf_puts(&b, "}\n");

    if (ngx_http_voiceai_add_header(r, "Cache-Control", "no-store") != NGX_OK)
    {
        va_buf_free(&b);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
}
