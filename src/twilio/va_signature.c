#include "va_signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/va_base64.h"

#define VA_SIGNATURE_PIECES 7 /* of a URL */
#define VA_SHA1_LEN 20
#define VA_SHA256_LEN 32

/* A URL in pieces, so that variants can be signed without building them. */
typedef struct {
    va_str_t scheme; /* with "://" */
    va_str_t user;   /* with "@" */
    va_str_t host;
    va_str_t port; /* with ":" */
    va_str_t path;
    va_str_t query; /* with "?" */
} va_signature_url_t;

/* Form parameters in the order in which they are signed. */
typedef struct {
    const va_form_pair_t *sorted[VA_FORM_MAX];
    size_t count;
} va_signature_params_t;

bool va_secret_eq(va_str_t a, va_str_t b)
{
    return a.len == b.len &&
           (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

static int va_signature_compare(va_str_t a, va_str_t b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n != 0 ? memcmp(a.data, b.data, n) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int va_signature_order(const void *left, const void *right)
{
    const va_form_pair_t *a = *(const va_form_pair_t *const *)left;
    const va_form_pair_t *b = *(const va_form_pair_t *const *)right;
    int order = va_signature_compare(a->name, b->name);

    return order != 0 ? order : va_signature_compare(a->value, b->value);
}

/* Sorts by name and value; a pair that stands twice is signed once. */
static void va_signature_params(va_signature_params_t *p, const va_form_t *form)
{
    const va_form_pair_t *pairs;
    size_t count = 0;
    size_t i;

    p->count = 0;
    if (form == NULL) {
        return;
    }
    pairs = va_form_pairs(form, &count);
    for (i = 0; i < count; i++) {
        p->sorted[i] = &pairs[i];
    }
    qsort(p->sorted, count, sizeof(p->sorted[0]), va_signature_order);
    for (i = 0; i < count; i++) {
        if (p->count == 0 ||
            va_signature_order(&p->sorted[p->count - 1], &p->sorted[i]) != 0) {
            p->sorted[p->count++] = p->sorted[i];
        }
    }
}

static bool va_signature_update(EVP_MD_CTX *md, va_str_t s)
{
    return s.len == 0 || EVP_DigestSignUpdate(md, s.data, s.len) == 1;
}

/* Feeds the pieces of a URL and the parameters to a digest. */
static bool va_signature_feed(EVP_MD_CTX *md, const va_str_t *url,
                              size_t pieces, const va_signature_params_t *p)
{
    bool ok = true;
    size_t i;

    for (i = 0; i < pieces; i++) {
        ok = ok && va_signature_update(md, url[i]);
    }
    for (i = 0; i < p->count; i++) {
        ok = ok && va_signature_update(md, p->sorted[i]->name) &&
             va_signature_update(md, p->sorted[i]->value);
    }
    return ok;
}

/* Signs the URL that the pieces make one after the other. */
static va_rc_t va_signature_make(va_str_t token, const va_str_t *url,
                                 size_t pieces, const va_signature_params_t *p,
                                 char out[VA_SIGNATURE_LEN + 1])
{
    unsigned char mac[VA_SHA1_LEN];
    size_t len = sizeof(mac);
    EVP_PKEY *key;
    EVP_MD_CTX *md;
    va_rc_t rc = VA_FAILED;

    if (token.len == 0) {
        return VA_FAILED;
    }
    key = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_HMAC, NULL, (const unsigned char *)token.data, token.len);
    md = EVP_MD_CTX_new();
    if (key == NULL || md == NULL) {
        rc = VA_NOMEM;
    } else if (EVP_DigestSignInit(md, NULL, EVP_sha1(), NULL, key) == 1 &&
               va_signature_feed(md, url, pieces, p) &&
               EVP_DigestSignFinal(md, mac, &len) == 1 && len == sizeof(mac)) {
        out[va_base64_encode(out, mac, sizeof(mac))] = '\0';
        rc = VA_OK;
    }
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return rc;
}

va_rc_t va_signature_sign(va_str_t token, va_str_t url, const va_form_t *form,
                          char out[VA_SIGNATURE_LEN + 1])
{
    va_signature_params_t params;

    va_signature_params(&params, form);
    return va_signature_make(token, &url, 1, &params, out);
}

/* Cuts s at at: returns what stands before, s becomes the rest. */
static va_str_t va_signature_cut(va_str_t *s, size_t at)
{
    va_str_t head = {s->data, at};

    s->data += at;
    s->len -= at;
    return head;
}

/* Returns where the first of the characters of set stands in s, else s.len. */
static size_t va_signature_find(va_str_t s, const char *set)
{
    size_t i;

    for (i = 0; i < s.len && (s.data[i] == '\0' || !strchr(set, s.data[i]));) {
        i++;
    }
    return i;
}

/* Returns where the last c stands in s, else s.len. */
static size_t va_signature_find_last(va_str_t s, char c)
{
    size_t i = s.len;

    while (i != 0) {
        i--;
        if (s.data[i] == c) {
            return i;
        }
    }
    return s.len;
}

/* Takes a URL apart; false when it has no scheme or host. */
static bool va_signature_split(va_signature_url_t *u, va_str_t url)
{
    va_str_t authority;
    size_t at;

    at = va_signature_find(url, ":/?#");
    if (at == 0 || url.len - at < 3 || memcmp(url.data + at, "://", 3) != 0) {
        return false;
    }
    u->scheme = va_signature_cut(&url, at + 3);
    authority = va_signature_cut(&url, va_signature_find(url, "/?#"));
    u->path = va_signature_cut(&url, va_signature_find(url, "?#"));
    u->query = url;

    at = va_signature_find_last(authority, '@');
    u->user = va_signature_cut(&authority, at < authority.len ? at + 1 : 0);
    /* The colons of an IPv6 address stand in brackets. */
    at = va_signature_find_last(authority, ':');
    if (at < authority.len &&
        memchr(authority.data + at, ']', authority.len - at) != NULL) {
        at = authority.len;
    }
    u->host = va_signature_cut(&authority, at);
    u->port = authority;
    return u->host.len != 0;
}

static va_str_t va_signature_default_port(va_str_t scheme)
{
    bool secure = va_str_caseeq(scheme, VA_STR("https://")) ||
                  va_str_caseeq(scheme, VA_STR("wss://"));

    return secure ? VA_STR(":443") : VA_STR(":80");
}

/* Makes of a webhook's scheme the one that a handshake is signed with. */
static bool va_signature_handshake_scheme(va_str_t *scheme)
{
    if (va_str_caseeq(*scheme, VA_STR("https://"))) {
        *scheme = VA_STR("wss://");
    } else if (va_str_caseeq(*scheme, VA_STR("http://"))) {
        *scheme = VA_STR("ws://");
    }
    return va_str_caseeq(*scheme, VA_STR("wss://")) ||
           va_str_caseeq(*scheme, VA_STR("ws://"));
}

/*
 * Writes the pieces of variant number v of u: bit 0 chooses between no port
 * and a port, bit 1 between no credentials and those there are, bit 2 between
 * the path and its variant with (of a bare host: without) a slash at the end.
 * Returns false when it would be the same as a smaller v.
 */
static bool va_signature_variant(const va_signature_url_t *u, unsigned v,
                                 va_str_t pieces[VA_SIGNATURE_PIECES])
{
    const va_str_t none = VA_STR("");
    bool rooted = va_str_eq(u->path, VA_STR("/"));
    bool closed = u->path.len != 0 && u->path.data[u->path.len - 1] == '/';

    if (((v & 2) != 0 && u->user.len == 0) ||
        ((v & 4) != 0 && closed && !rooted)) {
        return false;
    }
    pieces[0] = u->scheme;
    pieces[1] = (v & 2) != 0 ? u->user : none;
    pieces[2] = u->host;
    pieces[3] = none;
    if ((v & 1) != 0) {
        pieces[3] =
            u->port.len != 0 ? u->port : va_signature_default_port(u->scheme);
    }
    pieces[4] = (v & 4) != 0 && rooted ? none : u->path;
    pieces[5] = (v & 4) != 0 && !rooted ? VA_STR("/") : none;
    pieces[6] = u->query;
    return true;
}

/* Returns the value of bodySHA256 in a query, or a view without data. */
static va_str_t va_signature_body_hash(va_str_t query)
{
    static const char name[] = "bodySHA256=";
    const size_t len = sizeof(name) - 1;

    while (query.len != 0) {
        va_str_t piece;

        va_signature_cut(&query, 1);
        piece = va_signature_cut(&query, va_signature_find(query, "&#"));
        if (piece.len >= len && memcmp(piece.data, name, len) == 0) {
            va_signature_cut(&piece, len);
            return piece;
        }
    }
    return (va_str_t){NULL, 0};
}

/* A body is trusted only as a signed form or by its hash in the signed URL. */
static va_rc_t va_signature_check_body(const va_signature_check_t *check,
                                       va_str_t query)
{
    static const char digits[] = "0123456789abcdef";
    va_str_t wanted = va_signature_body_hash(query);
    unsigned char hash[VA_SHA256_LEN];
    char hex[2 * VA_SHA256_LEN];
    size_t i;

    if (wanted.data == NULL) {
        return check->form != NULL || check->body.len == 0 ? VA_OK : VA_INVALID;
    }
    if (EVP_Digest(check->body.len != 0 ? check->body.data : "",
                   check->body.len, hash, NULL, EVP_sha256(), NULL) != 1) {
        return VA_FAILED;
    }
    for (i = 0; i < sizeof(hash); i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    return va_secret_eq(wanted, (va_str_t){hex, sizeof(hex)}) ? VA_OK
                                                              : VA_INVALID;
}

va_rc_t va_signature_check(const va_signature_check_t *check)
{
    va_str_t pieces[VA_SIGNATURE_PIECES];
    char expected[VA_SIGNATURE_LEN + 1];
    va_signature_params_t params;
    va_signature_url_t url;
    unsigned variants = check->websocket ? 8 : 4;
    unsigned v;
    va_rc_t rc;

    if (check->token.len == 0 || check->signature.len != VA_SIGNATURE_LEN ||
        !va_signature_split(&url, check->url) ||
        (check->websocket && !va_signature_handshake_scheme(&url.scheme))) {
        return VA_INVALID;
    }
    rc = va_signature_check_body(check, url.query);
    if (rc != VA_OK) {
        return rc;
    }
    va_signature_params(&params, check->form);
    for (v = 0; v < variants; v++) {
        if (!va_signature_variant(&url, v, pieces)) {
            continue;
        }
        rc = va_signature_make(check->token, pieces, VA_SIGNATURE_PIECES,
                               &params, expected);
        if (rc != VA_OK) {
            return rc;
        }
        if (va_secret_eq(check->signature,
                         (va_str_t){expected, VA_SIGNATURE_LEN})) {
            return VA_OK;
        }
    }
    return VA_INVALID;
}
