
/*
 * The pages: files inside the module, and below them what they ask for, so
 * that a page works in a location of any name.
 *
 *   LOCATION/            the page
 *   LOCATION/NAME        a file of a page
 *   LOCATION/login ...   who may use it
 *   LOCATION/api/...     the interface, as "voiceai on" has it at the root
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_web.h"

#include <openssl/evp.h>


#define NGX_HTTP_VOICEAI_ETAG_LEN   32      /* hexadecimal digits */

/* nothing but what the module serves, nothing inline, in no frame */
#define NGX_HTTP_VOICEAI_POLICY                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; "               \
    "img-src 'self'; connect-src 'self'; worker-src 'self'; "                 \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


typedef struct {
    ngx_str_t     name;
    ngx_str_t     type;
    size_t        size;
    const char   *data;
    size_t        packed_size;
    const char   *packed;
} ngx_http_voiceai_asset_t;


typedef struct {
    ngx_str_t            name;
    ngx_http_handler_pt  handler;
} ngx_http_voiceai_web_path_t;


static ngx_int_t ngx_http_voiceai_web(ngx_http_request_t *r, ngx_str_t *base,
    const char *page);
static ngx_int_t ngx_http_voiceai_web_api(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_voiceai_web_redirect(ngx_http_request_t *r,
    ngx_str_t *base);
static ngx_int_t ngx_http_voiceai_web_asset(ngx_http_request_t *r,
    ngx_uint_t n);
static ngx_int_t ngx_http_voiceai_web_headers(ngx_http_request_t *r);


/* written by src/web/embed.sh */

static const ngx_http_voiceai_asset_t  ngx_http_voiceai_assets[] = {
#include "voiceai_assets.h"
};

#define NGX_HTTP_VOICEAI_ASSETS                                               \
    (sizeof(ngx_http_voiceai_assets) / sizeof(ngx_http_voiceai_assets[0]))


static ngx_http_voiceai_web_path_t  ngx_http_voiceai_web_paths[] = {
    { ngx_string("/login"), ngx_http_voiceai_login_handler },
    { ngx_string("/logout"), ngx_http_voiceai_logout_handler },
    { ngx_string("/me"), ngx_http_voiceai_me_handler },
    { ngx_string("/call"), ngx_http_voiceai_phone_call_handler },
    { ngx_string("/next"), ngx_http_voiceai_phone_next_handler },
    { ngx_string("/history"), ngx_http_voiceai_history_handler },
    { ngx_null_string, NULL }
};


/* what of the interface is for Twilio, or is a page */

static ngx_str_t  ngx_http_voiceai_web_not[] = {
    ngx_string("/voice/"),
    ngx_string("/media"),
    ngx_string("/call-status"),
    ngx_string("/phone"),
    ngx_string("/dashboard"),
    ngx_null_string
};


/* the hashes of both forms of each file, made when first asked for */

static u_char  ngx_http_voiceai_etags[NGX_HTTP_VOICEAI_ASSETS][2]
                                     [NGX_HTTP_VOICEAI_ETAG_LEN + 2 + 1];


ngx_int_t
ngx_http_voiceai_phone_handler(ngx_http_request_t *r)
{
    ngx_str_t                  base = ngx_string("/phone");
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return ngx_http_voiceai_web(r,
               clcf->handler == ngx_http_voiceai_phone_handler ? &clcf->name
                                                               : &base,
               "/phone.html");
}


ngx_int_t
ngx_http_voiceai_dashboard_handler(ngx_http_request_t *r)
{
    ngx_str_t                  base = ngx_string("/dashboard");
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return ngx_http_voiceai_web(r,
               clcf->handler == ngx_http_voiceai_dashboard_handler
                   ? &clcf->name : &base,
               "/dashboard.html");
}


static ngx_int_t
ngx_http_voiceai_web(ngx_http_request_t *r, ngx_str_t *base, const char *page)
{
    size_t                        len;
    ngx_str_t                     path;
    ngx_uint_t                    i;
    ngx_http_voiceai_web_path_t  *p;

    if (r != r->main || ngx_http_voiceai_get_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = base->len;

    if (len && base->data[len - 1] == '/') {
        len--;
    }

    if (r->uri.len < len) {
        return NGX_HTTP_NOT_FOUND;
    }

    path.data = r->uri.data + len;
    path.len = r->uri.len - len;

    if (path.len == 0) {
        return ngx_http_voiceai_web_redirect(r, base);
    }

    if (path.data[0] != '/') {
        return NGX_HTTP_NOT_FOUND;
    }

    if (path.len > 5 && ngx_strncmp(path.data, "/api/", 5) == 0) {
        path.data += 4;
        path.len -= 4;
        return ngx_http_voiceai_web_api(r, &path);
    }

    for (p = ngx_http_voiceai_web_paths; p->name.len; p++) {
        if (p->name.len == path.len
            && ngx_strncmp(p->name.data, path.data, path.len) == 0)
        {
            return p->handler(r);
        }
    }

    if (path.len == 1) {
        path.data = (u_char *) page;
        path.len = ngx_strlen(page);
    }

    for (i = 0; i < NGX_HTTP_VOICEAI_ASSETS; i++) {
        if (ngx_http_voiceai_assets[i].name.len == path.len - 1
            && ngx_strncmp(ngx_http_voiceai_assets[i].name.data,
                           path.data + 1, path.len - 1)
               == 0)
        {
            return ngx_http_voiceai_web_asset(r, i);
        }
    }

    return NGX_HTTP_NOT_FOUND;
}


/*
 * Every handler of the interface checks by itself who asks, and finds in the
 * URI what it is asked for, as if it stood at the root.
 */

static ngx_int_t
ngx_http_voiceai_web_api(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t            *not;
    ngx_http_handler_pt   handler;

    for (not = ngx_http_voiceai_web_not; not->len; not++) {
        if (path->len >= not->len
            && ngx_strncmp(path->data, not->data, not->len) == 0)
        {
            return NGX_HTTP_NOT_FOUND;
        }
    }

    handler = ngx_http_voiceai_route(path);

    if (handler) {
        r->uri = *path;
        return handler(r);
    }

    return ngx_http_voiceai_answer(r,
               ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND,
                                       "there is no such thing here"));
}


/*
 * To the name with a slash, below which the page's files are.  The address is
 * relative, so that neither a proxy's port nor its scheme matters.
 */

static ngx_int_t
ngx_http_voiceai_web_redirect(ngx_http_request_t *r, ngx_str_t *base)
{
    u_char  *p, *value;
    size_t   len;

    p = base->data + base->len;

    while (p > base->data && p[-1] != '/') {
        p--;
    }

    len = base->data + base->len - p;

    value = ngx_pnalloc(r->pool, len + 2);
    if (value == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *ngx_sprintf(value, "%*s/", len, p) = '\0';

    if (ngx_http_voiceai_add_header(r, "Location", (char *) value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    r->headers_out.status = NGX_HTTP_PERMANENT_REDIRECT;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/* Whether Accept-Encoding allows gzip (RFC 9110, section 12.5.3). */

static ngx_uint_t
ngx_http_voiceai_web_gzip(ngx_str_t *header)
{
    u_char      *p, *last, *end, *q;
    ngx_uint_t   any, yes;

    if (header == NULL) {
        return 0;
    }

    p = header->data;
    last = p + header->len;
    any = 0;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        /* a weight of 0, 0.0 and so on forbids */

        q = ngx_strlchr(p, end, '=');
        yes = 1;

        if (q) {
            for (q++; q < end && (*q == '0' || *q == '.'); q++) { /* void */ }
            yes = (q < end && *q >= '1' && *q <= '9');
        }

        if (end - p >= 4 && ngx_strncasecmp(p, (u_char *) "gzip", 4) == 0
            && (end - p == 4 || p[4] == ';' || p[4] == ' '))
        {
            return yes;
        }

        if (end - p >= 1 && *p == '*') {
            any = yes;
        }

        p = end;
    }

    return any;
}


static ngx_str_t
ngx_http_voiceai_web_etag(ngx_uint_t n, ngx_uint_t packed)
{
    u_char                           hash[EVP_MAX_MD_SIZE], *tag, *p;
    ngx_str_t                        etag;
    const ngx_http_voiceai_asset_t  *asset;

    asset = &ngx_http_voiceai_assets[n];
    tag = ngx_http_voiceai_etags[n][packed];

    if (tag[0] == '\0'
        && EVP_Digest(packed ? asset->packed : asset->data,
                      packed ? asset->packed_size : asset->size,
                      hash, NULL, EVP_sha256(), NULL)
           == 1)
    {
        p = tag;
        *p++ = '"';
        p = ngx_hex_dump(p, hash, NGX_HTTP_VOICEAI_ETAG_LEN / 2);
        *p = '"';
    }

    etag.data = tag;
    etag.len = ngx_strlen(tag);

    return etag;
}


/* If-None-Match (RFC 9110, section 13.1.2): weak comparison. */

static ngx_uint_t
ngx_http_voiceai_web_known(ngx_http_request_t *r, ngx_str_t *etag)
{
    ngx_str_t  *value;

    value = ngx_http_voiceai_header(r, "If-None-Match");

    if (value == NULL || etag->len == 0) {
        return 0;
    }

    return (value->len == 1 && value->data[0] == '*')
           || (value->len >= etag->len
               && ngx_strnstr(value->data, (char *) etag->data, value->len)
                  != NULL);
}


static ngx_int_t
ngx_http_voiceai_web_asset(ngx_http_request_t *r, ngx_uint_t n)
{
    ngx_int_t                        rc;
    ngx_str_t                        etag;
    ngx_buf_t                       *b;
    ngx_uint_t                       packed;
    ngx_chain_t                      out;
    const ngx_http_voiceai_asset_t  *asset;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_voiceai_answer(r,
                   ngx_http_voiceai_not_allowed(r, "GET, HEAD", "use GET"));
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    asset = &ngx_http_voiceai_assets[n];
    packed = ngx_http_voiceai_web_gzip(
                 ngx_http_voiceai_header(r, "Accept-Encoding"));
    etag = ngx_http_voiceai_web_etag(n, packed);

    if (ngx_http_voiceai_web_headers(r) != NGX_OK
        || (etag.len
            && ngx_http_voiceai_add_header(r, "ETag", (char *) etag.data)
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_voiceai_web_known(r, &etag)) {
        r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        r->header_only = 1;
        return ngx_http_send_header(r);
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = asset->type;
    r->headers_out.content_type_len = asset->type.len;
    r->headers_out.content_length_n = packed ? asset->packed_size
                                             : asset->size;

    if (packed) {
        r->headers_out.content_encoding =
                                     ngx_list_push(&r->headers_out.headers);
        if (r->headers_out.content_encoding == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memzero(r->headers_out.content_encoding, sizeof(ngx_table_elt_t));
        r->headers_out.content_encoding->hash = 1;
        ngx_str_set(&r->headers_out.content_encoding->key,
                    "Content-Encoding");
        ngx_str_set(&r->headers_out.content_encoding->value, "gzip");
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) (packed ? asset->packed : asset->data);
    b->last = b->pos + r->headers_out.content_length_n;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_voiceai_web_headers(ngx_http_request_t *r)
{
    ngx_uint_t  i;

    static const char  *headers[][2] = {
        { "Cache-Control", "no-cache" },
        { "Vary", "Accept-Encoding" },
        { "Content-Security-Policy", NGX_HTTP_VOICEAI_POLICY },
        { "X-Content-Type-Options", "nosniff" },
        { "X-Frame-Options", "DENY" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Permissions-Policy", "microphone=(self), camera=(), "
                                "geolocation=()" },
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (ngx_http_voiceai_add_header(r, headers[i][0], headers[i][1])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
