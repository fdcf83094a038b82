
/*
 * What all handlers need: the context, the body as a form, the signature, and
 * answers.
 */


#include "ngx_http_voiceai_fleet.h"

#include "../src/twilio/va_signature.h"
#include "../src/wire/va_json.h"


static void ngx_http_voiceai_cleanup(void *data);
static ngx_int_t ngx_http_voiceai_form(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r));
static ngx_int_t ngx_http_voiceai_posted_form(ngx_http_request_t *r);
static void ngx_http_voiceai_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_http_voiceai_parse(ngx_http_request_t *r,
    ngx_http_voiceai_ctx_t *ctx, va_str_t text);


ngx_http_voiceai_ctx_t *
ngx_http_voiceai_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    if (ctx) {
        return ctx;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_voiceai_ctx_t));
    cln->handler = ngx_http_voiceai_cleanup;
    ctx->reason = "";

    ngx_http_set_ctx(r, ctx, ngx_http_voiceai_module);

    return ctx;
}


static void
ngx_http_voiceai_cleanup(void *data)
{
    ngx_http_voiceai_ctx_t  *ctx = data;

    va_form_free(ctx->form);
}


ngx_int_t
ngx_http_voiceai_eval(ngx_http_request_t *r, ngx_http_complex_value_t *value,
    ngx_str_t *out)
{
    if (value == NULL) {
        ngx_str_null(out);
        return NGX_OK;
    }

    return ngx_http_complex_value(r, value, out);
}


ngx_str_t *
ngx_http_voiceai_header(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i].value;
        }
    }
}


/*
 * Checks X-Twilio-Signature over the public URL with the raw request target:
 * proxies in front, ports and normalisation must not matter.
 */

ngx_int_t
ngx_http_voiceai_signed(ngx_http_request_t *r, const va_form_t *form,
    va_str_t body, ngx_uint_t websocket)
{
    va_rc_t                       rc;
    ngx_str_t                     url, host, *signature;
    va_signature_check_t          check;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (!vlcf->signature) {
        return NGX_OK;
    }

    ngx_memzero(&check, sizeof(va_signature_check_t));

    signature = ngx_http_voiceai_header(r, "X-Twilio-Signature");

    if (signature) {
        check.signature = ngx_http_voiceai_view(signature);
    }

    host = vlcf->public_url;

    if (websocket) {
        /* https://host becomes wss://host, http://host ws://host */
        host.data += 4;
        host.len -= 4;
    }

    url.len = 2 + host.len + r->unparsed_uri.len;
    url.data = ngx_pnalloc(r->pool, url.len);
    if (url.data == NULL) {
        return NGX_ERROR;
    }

    url.len = ngx_snprintf(url.data, url.len, "%s%V%V", websocket ? "ws" : "",
                           &host, &r->unparsed_uri)
              - url.data;

    check.token = ngx_http_voiceai_view(&vlcf->auth_token);
    check.url = ngx_http_voiceai_view(&url);
    check.form = form;
    check.body = body;
    check.websocket = websocket;

    rc = va_signature_check(&check);

    if (rc == VA_OK) {
        return NGX_OK;
    }

    if (rc == VA_INVALID) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "voiceai: %s for \"%V\"",
                      check.signature.len ? "wrong X-Twilio-Signature"
                                          : "no X-Twilio-Signature",
                      &url);
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                  "voiceai: could not check a signature");

    return NGX_ERROR;
}


/*
 * Reads a webhook's parameters, from the body of a POST or the query of a GET,
 * checks the signature and calls the handler.
 */

ngx_int_t
ngx_http_voiceai_read_form(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r))
{
    return ngx_http_voiceai_answer(r, ngx_http_voiceai_form(r, handler));
}


static ngx_int_t
ngx_http_voiceai_form(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r))
{
    ngx_int_t                rc;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method & NGX_HTTP_GET) {

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_voiceai_parse(r, ctx, ngx_http_voiceai_view(&r->args));
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_voiceai_signed(r, NULL, va_str(NULL), 0);
        if (rc != NGX_OK) {
            return rc == NGX_DECLINED
                   ? ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                             "wrong signature")
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return handler(r);
    }

    if (!(r->method & NGX_HTTP_POST)) {
        return ngx_http_voiceai_not_allowed(r, "GET, POST",
                                            "use GET or POST");
    }

    ctx->form_handler = handler;

    return ngx_http_voiceai_read_body(r, ngx_http_voiceai_posted_form);
}


/*
 * Reads a body into ctx->text and calls the handler, which returns what
 * ngx_http_voiceai_answer() takes.  NGX_DONE, or the status of a refusal.
 */

ngx_int_t
ngx_http_voiceai_read_body(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r))
{
    ngx_int_t                rc;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->headers_in.content_length_n > NGX_HTTP_VOICEAI_MAX_BODY) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the body is too large");
    }

    ctx->body_handler = handler;

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_voiceai_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_voiceai_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_body(r, &ctx->text);

    if (rc == NGX_OK) {
        rc = ctx->body_handler(r);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                     "the body is too large");

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_answer(r, rc));
}


/* Whether a Content-Type is a form's, whatever its parameters. */

static ngx_uint_t
ngx_http_voiceai_is_form(ngx_str_t *type)
{
    size_t  len;

    static ngx_str_t  form = ngx_string("application/x-www-form-urlencoded");

    for (len = 0; len < type->len; len++) {
        if (type->data[len] == ';' || type->data[len] == ' '
            || type->data[len] == '\t')
        {
            break;
        }
    }

    return len == form.len
           && ngx_strncasecmp(type->data, form.data, form.len) == 0;
}


/* A form was posted: the signature comes first, a stranger learns no more. */

static ngx_int_t
ngx_http_voiceai_posted_form(ngx_http_request_t *r)
{
    va_str_t                 text;
    ngx_int_t                rc;
    ngx_str_t               *type;
    va_form_t               *form;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    text = ngx_http_voiceai_view(&ctx->text);

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;
    form = NULL;

    if (type && ngx_http_voiceai_is_form(type)) {
        rc = ngx_http_voiceai_parse(r, ctx, text);
        if (rc != NGX_OK) {
            return rc;
        }

        form = ctx->form;
    }

    rc = ngx_http_voiceai_signed(r, form, text, 0);

    if (rc == NGX_DECLINED) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                       "wrong signature");
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (form == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                "the body is not application/x-www-form-urlencoded");
    }

    return ngx_http_voiceai_fleet_form(r);
}


/* The body in one piece, NGX_DECLINED when it is too large. */

static ngx_int_t
ngx_http_voiceai_body(ngx_http_request_t *r, ngx_str_t *body)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(body);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > NGX_HTTP_VOICEAI_MAX_BODY) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_size(b) == 0) {
            continue;
        }

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(b->file, p, b->file_last - b->file_pos, b->file_pos);
        if (n != (ssize_t) (b->file_last - b->file_pos)) {
            return NGX_ERROR;
        }

        p += n;
    }

    body->len = p - body->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_parse(ngx_http_request_t *r, ngx_http_voiceai_ctx_t *ctx,
    va_str_t text)
{
    switch (va_form_parse(&ctx->form, text)) {

    case VA_OK:
        return NGX_OK;

    case VA_INVALID:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the form is malformed");

    case VA_LIMIT:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the form has too many fields");

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/*
 * Notes why the request is refused and returns the status; the handler that
 * was called by nginx answers, with ngx_http_voiceai_answer().
 */

ngx_int_t
ngx_http_voiceai_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *error)
{
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "voiceai: refused with %ui: %s", status, error);

    ctx->error = error;

    return status;
}


/* 405, with the methods that there are. */

ngx_int_t
ngx_http_voiceai_not_allowed(ngx_http_request_t *r, const char *allow,
    const char *error)
{
    if (ngx_http_voiceai_add_header(r, "Allow", allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_ALLOWED, error);
}


/* What a handler returns for rc: a refusal is sent as {"error":"..."}. */

ngx_int_t
ngx_http_voiceai_answer(ngx_http_request_t *r, ngx_int_t rc)
{
    va_buf_t                 body;
    ngx_http_voiceai_ctx_t  *ctx;

    static ngx_str_t  type = ngx_string("application/json");

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    if (rc < NGX_HTTP_BAD_REQUEST || ctx == NULL || ctx->error == NULL) {
        return rc;
    }

    if (r->request_body == NULL && ngx_http_discard_request_body(r) != NGX_OK)
    {
        r->keepalive = 0;
    }

    va_buf_init(&body, 1024);
    va_buf_puts(&body, "{\"error\":");
    va_json_quote(&body, va_str(ctx->error));
    va_buf_puts(&body, "}\n");

    rc = ngx_http_voiceai_send(r, rc, &type, &body);
    va_buf_free(&body);

    return rc;
}


ngx_int_t
ngx_http_voiceai_add_header(ngx_http_request_t *r, const char *key,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(key);
    h->key.data = (u_char *) key;
    h->value.len = ngx_strlen(value);
    h->value.data = (u_char *) value;

    return NGX_OK;
}


/* Answers with a copy of body. */

ngx_int_t
ngx_http_voiceai_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, va_buf_t *body)
{
    ngx_buf_t                 *b;
    ngx_http_complex_value_t   cv;

    if (body->rc != VA_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "voiceai: an answer could not be written (%d)",
                      (int) body->rc);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_create_temp_buf(r->pool, body->len + 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(b->pos, body->data, body->len);

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));
    cv.value.data = b->pos;
    cv.value.len = body->len;

    return ngx_http_send_response(r, status, type, &cv);
}
