#include "va_form.h"

#include <stdlib.h>
#include <string.h>

/* The pairs and the bytes they point to live in the same block. */
struct va_form {
    size_t count;
    va_form_pair_t pairs[];
};

/* Cuts the first piece off rest; pieces are separated by &. */
static va_str_t va_form_next_piece(va_str_t *rest)
{
    const char *amp = memchr(rest->data, '&', rest->len);
    size_t len = amp != NULL ? (size_t)(amp - rest->data) : rest->len;
    size_t taken = amp != NULL ? len + 1 : len;
    va_str_t piece = {rest->data, len};

    rest->data += taken;
    rest->len -= taken;
    return piece;
}

static size_t va_form_count(va_str_t data)
{
    size_t count = 0;

    while (data.len != 0) {
        if (va_form_next_piece(&data).len != 0) {
            count++;
        }
    }
    return count;
}

static int va_form_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Decodes in behind *room, terminates it and moves *room past it. */
static va_rc_t va_form_decode(va_str_t in, char **room, va_str_t *out)
{
    char *to = *room;
    size_t i;
    int high, low;

    out->data = to;
    for (i = 0; i < in.len; i++) {
        char c = in.data[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (in.len - i < 3) {
                return VA_INVALID;
            }
            high = va_form_hex(in.data[i + 1]);
            low = va_form_hex(in.data[i + 2]);
            if (high < 0 || low < 0) {
                return VA_INVALID;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            return VA_INVALID;
        }
        *to++ = c;
    }
    out->len = (size_t)(to - out->data);
    *to++ = '\0';
    *room = to;
    return VA_OK;
}

static va_rc_t va_form_fill(va_form_t *form, va_str_t data, char *room)
{
    while (data.len != 0) {
        va_str_t piece = va_form_next_piece(&data);
        va_form_pair_t *pair = &form->pairs[form->count];
        va_str_t value = {piece.data + piece.len, 0};
        const char *equals;
        va_rc_t rc;

        if (piece.len == 0) {
            continue;
        }
        equals = memchr(piece.data, '=', piece.len);
        if (equals != NULL) {
            value.len = piece.len - 1 - (size_t)(equals - piece.data);
            value.data = equals + 1;
            piece.len = (size_t)(equals - piece.data);
        }
        rc = va_form_decode(piece, &room, &pair->name);
        if (rc == VA_OK) {
            rc = va_form_decode(value, &room, &pair->value);
        }
        if (rc != VA_OK) {
            return rc;
        }
        form->count++;
    }
    return VA_OK;
}

va_rc_t va_form_parse(va_form_t **form, va_str_t data)
{
    size_t count = va_form_count(data);
    size_t table = sizeof(va_form_t) + count * sizeof(va_form_pair_t);
    va_form_t *f;
    va_rc_t rc;

    *form = NULL;
    if (count > VA_FORM_MAX) {
        return VA_LIMIT;
    }
    /* Decoding never lengthens; each name and value gains a terminator. */
    if (data.len > SIZE_MAX - table - 2 * count) {
        return VA_NOMEM;
    }
    f = malloc(table + data.len + 2 * count);
    if (f == NULL) {
        return VA_NOMEM;
    }
    f->count = 0;
    rc = va_form_fill(f, data, (char *)f + table);
    if (rc != VA_OK) {
        free(f);
        return rc;
    }
    *form = f;
    return VA_OK;
}

void va_form_free(va_form_t *form)
{
    free(form);
}

const va_form_pair_t *va_form_pairs(const va_form_t *form, size_t *count)
{
    *count = form->count;
    return form->pairs;
}

va_str_t va_form_get(const va_form_t *form, const char *name)
{
    va_str_t wanted = va_str(name);
    size_t i;

    for (i = 0; i < form->count; i++) {
        if (va_str_eq(form->pairs[i].name, wanted)) {
            return form->pairs[i].value;
        }
    }
    return (va_str_t){NULL, 0};
}

static bool va_form_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '*' || c == '-' || c == '.' ||
           c == '_';
}

static void va_form_encode(va_buf_t *b, va_str_t s)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t i;

    for (i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

        if (va_form_plain(c)) {
            va_buf_append(b, &s.data[i], 1);
        } else if (c == ' ') {
            va_buf_append(b, "+", 1);
        } else {
            va_buf_append(b, escape, sizeof(escape));
        }
    }
}

va_rc_t va_form_add(va_buf_t *b, va_str_t name, va_str_t value)
{
    if (b->len != 0) {
        va_buf_append(b, "&", 1);
    }
    va_form_encode(b, name);
    va_buf_append(b, "=", 1);
    va_form_encode(b, value);
    return b->rc;
}
