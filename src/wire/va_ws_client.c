#include "va_ws_client.h"

#include "va_base64.h"
#include "va_ws.h"

#include <stdlib.h>
#include <string.h>

typedef enum {
    IN_HEAD,
    IN_BODY,      /* left bytes of it, or up to the end of the connection */
    IN_SIZE,      /* of a chunk, in hexadecimal */
    IN_EXTENSION, /* what may follow it */
    IN_CHUNK,
    AFTER_CHUNK, /* CR LF */
    OVER
} va_ws_client_state_t;

struct va_ws_client {
    char key[VA_WS_KEY_LEN + 1];
    char accept[VA_WS_ACCEPT_LEN + 1];
    va_ws_client_state_t state;
    va_buf_t head;
    va_buf_t body;
    const char *error;
    int status;
    va_str_t content_type;
    va_str_t retry_after;
    uint64_t left;
    unsigned digits; /* of the size of a chunk */
    bool to_end;     /* the body has no length */
    bool chunked;
    bool protocol; /* a subprotocol was asked for */
};

/* What of a head matters here. */
typedef struct {
    bool upgrade;
    bool connection;
    bool extensions;
    bool protocol;
    bool bad_length;
    unsigned accepts;
    va_str_t accept;
} va_ws_answer_t;

va_ws_client_t *va_ws_client_new(const uint8_t nonce[16])
{
    va_ws_client_t *c = calloc(1, sizeof(*c));
    size_t n;

    if (c == NULL) {
        return NULL;
    }
    n = va_base64_encode(c->key, nonce, 16);
    c->key[n] = '\0';
    c->error = "";
    va_buf_init(&c->head, VA_WS_HEAD_MAX);
    va_buf_init(&c->body, VA_WS_REFUSAL_MAX);
    if (va_ws_accept((va_str_t){c->key, n}, c->accept) != VA_OK) {
        free(c);
        return NULL;
    }
    return c;
}

void va_ws_client_free(va_ws_client_t *c)
{
    if (c != NULL) {
        va_buf_free(&c->head);
        va_buf_free(&c->body);
        free(c);
    }
}

const char *va_ws_client_error(const va_ws_client_t *c)
{
    return c->error;
}

void va_ws_client_refusal(const va_ws_client_t *c, va_ws_refusal_t *refusal)
{
    *refusal = (va_ws_refusal_t){
        .status = c->status,
        .content_type = c->content_type,
        .retry_after = c->retry_after,
        .body = va_buf_view(&c->body),
    };
}

/* Returns whether s may stand in a line of a request; spaces if said so. */
static bool clean(va_str_t s, bool spaces)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.data[i];

        if (ch < 0x20 || ch == 0x7f || (ch == ' ' && !spaces)) {
            return false;
        }
    }
    return s.len != 0;
}

static bool starts(va_str_t s, va_str_t with)
{
    return s.len >= with.len &&
           va_str_caseeq((va_str_t){s.data, with.len}, with);
}

va_rc_t va_ws_client_request(va_ws_client_t *c, va_buf_t *out, va_str_t target,
                             va_str_t host, const va_buf_t *headers,
                             size_t count)
{
    size_t i;

    if (!clean(target, false) || target.data[0] != '/' || !clean(host, false)) {
        return VA_INVALID;
    }
    va_buf_puts(out, "GET ");
    va_buf_str(out, target);
    va_buf_puts(out, " HTTP/1.1\r\nHost: ");
    va_buf_str(out, host);
    va_buf_printf(out,
                  "\r\nUser-Agent: voiceai/" VA_VERSION
                  "\r\nUpgrade: websocket\r\nConnection: Upgrade"
                  "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
                  c->key);
    for (i = 0; i < count; i++) {
        if (!clean(va_buf_view(&headers[i]), true)) {
            return VA_INVALID;
        }
        if (starts(va_buf_view(&headers[i]),
                   VA_STR("Sec-WebSocket-Protocol:"))) {
            c->protocol = true;
        }
        va_buf_str(out, va_buf_view(&headers[i]));
        va_buf_puts(out, "\r\n");
    }
    return va_buf_puts(out, "\r\n");
}

static va_rc_t broken(va_ws_client_t *c, const char *error)
{
    c->state = OVER;
    c->error = error;
    return VA_INVALID;
}

static va_rc_t refused(va_ws_client_t *c)
{
    c->state = OVER;
    return VA_FAILED;
}

static va_str_t trimmed(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    while (p < end && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return (va_str_t){p, (size_t)(end - p)};
}

/* Returns whether a list, separated by commas, has the token. */
static bool has_token(va_str_t list, va_str_t token)
{
    const char *p = list.data, *end = p + list.len, *comma;

    while (p < end) {
        comma = memchr(p, ',', (size_t)(end - p));
        comma = comma != NULL ? comma : end;
        if (va_str_caseeq(trimmed(p, comma), token)) {
            return true;
        }
        p = comma + 1;
    }
    return false;
}

static bool read_length(va_str_t s, uint64_t *length)
{
    size_t i;

    *length = 0;
    for (i = 0; i < s.len && s.len <= 15; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
        *length = *length * 10 + (uint64_t)(s.data[i] - '0');
    }
    return i != 0 && i == s.len;
}

static void read_header(va_ws_client_t *c, va_ws_answer_t *a, va_str_t name,
                        va_str_t value)
{
    if (va_str_caseeq(name, VA_STR("Upgrade"))) {
        a->upgrade |= has_token(value, VA_STR("websocket"));
    } else if (va_str_caseeq(name, VA_STR("Connection"))) {
        a->connection |= has_token(value, VA_STR("upgrade"));
    } else if (va_str_caseeq(name, VA_STR("Sec-WebSocket-Accept"))) {
        a->accept = value;
        a->accepts++;
    } else if (va_str_caseeq(name, VA_STR("Sec-WebSocket-Extensions"))) {
        a->extensions |= value.len != 0;
    } else if (va_str_caseeq(name, VA_STR("Sec-WebSocket-Protocol"))) {
        a->protocol = true;
    } else if (va_str_caseeq(name, VA_STR("Content-Type"))) {
        c->content_type = value;
    } else if (va_str_caseeq(name, VA_STR("Retry-After"))) {
        c->retry_after = value;
    } else if (va_str_caseeq(name, VA_STR("Transfer-Encoding"))) {
        c->chunked |= has_token(value, VA_STR("chunked"));
    } else if (va_str_caseeq(name, VA_STR("Content-Length"))) {
        a->bad_length |= !read_length(value, &c->left);
        c->to_end = false;
    }
}

/* Judges a switch of protocols (RFC 6455, section 4.1, the client's checks). */
static va_rc_t judge_switch(va_ws_client_t *c, const va_ws_answer_t *a)
{
    if (!a->upgrade || !a->connection) {
        return broken(c, "the server switched to another protocol");
    }
    if (a->accepts != 1 || !va_str_eq(a->accept, va_str(c->accept))) {
        return broken(c, "wrong Sec-WebSocket-Accept");
    }
    if (a->extensions) {
        return broken(c, "an extension that was not asked for");
    }
    if (a->protocol && !c->protocol) {
        return broken(c, "a subprotocol that was not asked for");
    }
    c->state = OVER;
    return VA_OK;
}

/* What comes after the head of a refusal. */
static va_rc_t begin_body(va_ws_client_t *c)
{
    if (c->chunked) {
        c->state = IN_SIZE;
        c->left = 0;
        return VA_AGAIN;
    }
    c->state = IN_BODY;
    return !c->to_end && c->left == 0 ? refused(c) : VA_AGAIN;
}

/* Takes the status line; returns where the headers begin, or NULL. */
static const char *read_status(va_ws_client_t *c)
{
    const char *p = c->head.data, *eol = strstr(p, "\r\n");
    size_t i;

    if (strncmp(p, "HTTP/1.", 7) != 0 || (p[7] != '1' && p[7] != '0') ||
        p[8] != ' ') {
        return NULL;
    }
    c->status = 0;
    for (i = 9; i < 12; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return NULL;
        }
        c->status = c->status * 10 + (p[i] - '0');
    }
    return p[12] == ' ' || p + 12 == eol ? eol + 2 : NULL;
}

static va_rc_t read_head(va_ws_client_t *c)
{
    va_ws_answer_t a = {0};
    const char *p, *eol, *colon;

    c->content_type = c->retry_after = VA_STR("");
    c->chunked = false;
    c->to_end = true;
    c->left = 0;
    p = strlen(c->head.data) == c->head.len ? read_status(c) : NULL;
    if (p == NULL) {
        return broken(c, "the server does not speak HTTP/1.1");
    }
    for (; (eol = strstr(p, "\r\n")) != p; p = eol + 2) {
        colon = memchr(p, ':', (size_t)(eol - p));
        if (colon == NULL || colon == p || *p == ' ' || *p == '\t' ||
            colon[-1] == ' ') {
            return broken(c, "malformed header");
        }
        read_header(c, &a, (va_str_t){p, (size_t)(colon - p)},
                    trimmed(colon + 1, eol));
    }
    if (a.bad_length) {
        return broken(c, "malformed Content-Length");
    }
    if (c->status == 101) {
        return judge_switch(c, &a);
    }
    if (c->status < 200) {
        va_buf_reset(&c->head);
        return VA_AGAIN;
    }
    return begin_body(c);
}

static va_rc_t take_head(va_ws_client_t *c, uint8_t ch)
{
    va_rc_t rc = va_buf_append(&c->head, &ch, 1);

    if (rc != VA_OK) {
        c->state = OVER;
        c->error = "head of the answer is too large";
        return rc;
    }
    if (ch != '\n' || c->head.len < 4 ||
        memcmp(c->head.data + c->head.len - 4, "\r\n\r\n", 4) != 0) {
        return VA_AGAIN;
    }
    return read_head(c);
}

static int hex(uint8_t ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* The line before a chunk; the trailer after the last one nobody needs. */
static va_rc_t take_size(va_ws_client_t *c, uint8_t ch)
{
    if (c->state == IN_SIZE && hex(ch) >= 0 && c->digits < 8) {
        c->left = c->left * 16 + (uint64_t)hex(ch);
        c->digits++;
        return VA_AGAIN;
    }
    if (ch == '\n') {
        if (c->digits == 0) {
            return broken(c, "malformed chunk");
        }
        c->digits = 0;
        c->state = IN_CHUNK;
        return c->left == 0 ? refused(c) : VA_AGAIN;
    }
    if (c->state == IN_SIZE && ch != '\r' && ch != ';' && ch != ' ') {
        return broken(c, "malformed chunk");
    }
    c->state = IN_EXTENSION;
    return VA_AGAIN;
}

/* Takes up to n bytes of a body, and says how many. */
static va_rc_t take_body(va_ws_client_t *c, const uint8_t *p, size_t n,
                         size_t *taken)
{
    size_t room = c->body.max - c->body.len;

    if ((c->state == IN_CHUNK || !c->to_end) && n > c->left) {
        n = (size_t)c->left;
    }
    *taken = n;
    if (va_buf_append(&c->body, p, n < room ? n : room) != VA_OK) {
        c->state = OVER;
        return VA_NOMEM;
    }
    if (n >= room) {
        return refused(c);
    }
    if (c->state == IN_CHUNK) {
        c->left -= n;
        c->state = c->left == 0 ? AFTER_CHUNK : IN_CHUNK;
    } else if (!c->to_end) {
        c->left -= n;
        return c->left == 0 ? refused(c) : VA_AGAIN;
    }
    return VA_AGAIN;
}

va_rc_t va_ws_client_feed(va_ws_client_t *c, const uint8_t *in, size_t n,
                          size_t *used)
{
    va_rc_t rc = c->state == OVER ? VA_INVALID : VA_AGAIN;
    size_t at = 0, taken;

    while (rc == VA_AGAIN && at < n) {
        switch (c->state) {
        case IN_HEAD:
            rc = take_head(c, in[at++]);
            break;
        case IN_SIZE:
        case IN_EXTENSION:
            rc = take_size(c, in[at++]);
            break;
        case AFTER_CHUNK:
            if (in[at++] == '\n') {
                c->state = IN_SIZE;
            }
            break;
        default:
            rc = take_body(c, in + at, n - at, &taken);
            at += taken;
            break;
        }
    }
    *used = at;
    return rc;
}

va_rc_t va_ws_client_end(va_ws_client_t *c)
{
    if (c->state == IN_HEAD) {
        return broken(c, "the connection was closed without an answer");
    }
    /* what there is of a refusal may tell why */
    return refused(c);
}
