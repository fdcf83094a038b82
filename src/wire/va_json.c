#include "va_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "va_text.h"
#include "va_utf8.h"

/* The walk over a text before yajl sees it. */
typedef struct {
    const char *error;
    size_t depth;
    size_t values; /* never fewer than the tree will have */
    bool in_string;
} va_json_walk_t;

static int va_json_hex4(const char *p)
{
    int v = 0;
    int i;

    for (i = 0; i < 4; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9') {
            v = v * 16 + (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            v = v * 16 + (c - 'a' + 10);
        } else if (c >= 'A' && c <= 'F') {
            v = v * 16 + (c - 'A' + 10);
        } else {
            return -1;
        }
    }
    return v;
}

/*
 * Returns the length of the escape at p, which has n bytes and begins with a
 * backslash.  yajl's tree knows no length of a string, and yajl joins or drops
 * what stands after half a surrogate pair; so both are made U+FFFD here.
 */
static size_t va_json_escape(char *p, size_t n)
{
    int code, second;

    if (n < 6 || p[1] != 'u') {
        return n < 2 ? n : 2;
    }
    code = va_json_hex4(p + 2);
    if (code < 0) {
        return 2;
    }
    if ((code & 0xfc00) == 0xd800 && n >= 12 && p[6] == '\\' && p[7] == 'u') {
        second = va_json_hex4(p + 8);
        if (second >= 0xdc00 && second <= 0xdfff) {
            return 12;
        }
    }
    if (code == 0 || (code >= 0xd800 && code <= 0xdfff)) {
        memcpy(p + 2, "fffd", 4);
    }
    return 6;
}

/* Looks at one character outside of strings. */
static void va_json_outside(va_json_walk_t *w, char c)
{
    switch (c) {
    case '"':
        w->in_string = true;
        break;
    case '{':
    case '[':
        w->depth++;
        w->values++;
        if (w->depth > VA_JSON_DEPTH) {
            w->error = "nested too deeply";
        }
        break;
    case '}':
    case ']':
        /* One too many is for the parser to find. */
        w->depth -= w->depth != 0;
        break;
    case ',':
        w->values++;
        break;
    case '/':
    case '\v':
    case '\f':
    case '\0':
        /* yajl takes comments and more white space than RFC 8259 has. */
        w->error = "lexical error: invalid char in json text.";
        break;
    default:
        break;
    }
    if (w->values > VA_JSON_VALUES) {
        w->error = "too many values";
    }
}

/* Makes of text what yajl may read; NULL if that is fine, else why not. */
static const char *va_json_prepare(char *text, size_t len)
{
    va_json_walk_t w = {0};
    size_t i = 0;

    while (i < len && w.error == NULL) {
        if (!w.in_string) {
            va_json_outside(&w, text[i]);
            i++;
        } else if (text[i] == '\\') {
            i += va_json_escape(text + i, len - i);
        } else if (text[i] == '\0') {
            w.error = "lexical error: invalid character inside string.";
        } else {
            w.in_string = text[i] != '"';
            i++;
        }
    }
    return w.error;
}

va_json_t *va_json_parse(va_str_t text, char *error, size_t error_cap)
{
    char message[256] = "";
    const char *why = "out of memory";
    va_json_t *v = NULL;
    char *copy = NULL;

    if (!va_utf8_valid(text)) {
        why = "not UTF-8";
    } else {
        copy = va_str_dup(text);
    }
    if (copy != NULL) {
        why = va_json_prepare(copy, text.len);
        if (why == NULL) {
            v = yajl_tree_parse(copy, message, sizeof(message));
            /* yajl goes on to show the text, which may be confidential. */
            message[strcspn(message, "\n")] = '\0';
            why = message[0] != '\0' ? message : "out of memory";
        }
    }
    free(copy);
    if (error_cap != 0) {
        va_str_copy(error, error_cap, v != NULL ? VA_STR("") : va_str(why));
    }
    return v;
}

void va_json_free(va_json_t *v)
{
    yajl_tree_free(v);
}

static va_json_t *va_json_member(va_json_t *v, va_str_t name)
{
    size_t i;

    for (i = 0; i < v->u.object.len; i++) {
        if (va_str_eq(va_str(v->u.object.keys[i]), name)) {
            return v->u.object.values[i];
        }
    }
    return NULL;
}

static va_json_t *va_json_element(va_json_t *v, va_str_t place)
{
    size_t at = 0;
    size_t i;

    if (place.len == 0 || place.len > 9) {
        return NULL;
    }
    for (i = 0; i < place.len; i++) {
        if (place.data[i] < '0' || place.data[i] > '9') {
            return NULL;
        }
        at = at * 10 + (size_t)(place.data[i] - '0');
    }
    return at < v->u.array.len ? v->u.array.values[at] : NULL;
}

va_json_t *va_json_at(va_json_t *v, const char *path)
{
    while (v != NULL && *path != '\0') {
        va_str_t name = {path, strcspn(path, ".")};

        if (YAJL_IS_OBJECT(v)) {
            v = va_json_member(v, name);
        } else if (YAJL_IS_ARRAY(v)) {
            v = va_json_element(v, name);
        } else {
            v = NULL;
        }
        path += name.len;
        path += *path == '.';
    }
    return v;
}

va_str_t va_json_str(va_json_t *v, const char *path)
{
    return va_str(YAJL_GET_STRING(va_json_at(v, path)));
}

double va_json_num(va_json_t *v, const char *path, double other)
{
    const char *s;
    char *end;
    double d;

    v = va_json_at(v, path);
    if (YAJL_IS_NUMBER(v)) {
        return YAJL_IS_DOUBLE(v) ? YAJL_GET_DOUBLE(v) : other;
    }
    s = YAJL_GET_STRING(v);
    /* strtod also takes white space, hexadecimal, "inf" and "nan". */
    if (s == NULL || *s == '\0' || s[strspn(s, "0123456789+-.eE")] != '\0') {
        return other;
    }
    d = strtod(s, &end);
    return *end == '\0' && isfinite(d) ? d : other;
}

bool va_json_bool(va_json_t *v, const char *path, bool other)
{
    v = va_json_at(v, path);
    if (YAJL_IS_TRUE(v)) {
        return true;
    }
    return YAJL_IS_FALSE(v) ? false : other;
}

size_t va_json_len(va_json_t *v)
{
    if (YAJL_IS_OBJECT(v)) {
        return v->u.object.len;
    }
    return YAJL_IS_ARRAY(v) ? v->u.array.len : 0;
}

va_json_t *va_json_item(va_json_t *v, size_t i, va_str_t *name)
{
    *name = VA_STR("");
    if (i >= va_json_len(v)) {
        return NULL;
    }
    if (YAJL_IS_ARRAY(v)) {
        return v->u.array.values[i];
    }
    *name = va_str(v->u.object.keys[i]);
    return v->u.object.values[i];
}

/* Appends what stands for the bytes that may not stand as they are. */
static void va_json_quote_special(va_buf_t *b, unsigned char c, bool valid)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    char escape[2] = {'\\', 0};

    if (!valid) {
        va_buf_str(b, VA_TEXT_REPLACEMENT);
    } else if (at != NULL) {
        escape[1] = to[at - from];
        va_buf_append(b, escape, sizeof(escape));
    } else {
        va_buf_printf(b, "\\u%04x", c);
    }
}

va_rc_t va_json_quote(va_buf_t *b, va_str_t s)
{
    va_str_t plain = {s.data, 0}; /* seen, not yet appended */
    bool valid;
    size_t n;

    va_buf_append(b, "\"", 1);
    while (s.len != 0 && b->rc == VA_OK) {
        unsigned char c = (unsigned char)*s.data;

        n = va_text_next(s, &valid);
        if (valid && c >= 0x20 && c != '"' && c != '\\') {
            plain.len += n;
        } else {
            va_buf_str(b, plain);
            va_json_quote_special(b, c, valid);
            plain = (va_str_t){s.data + n, 0};
        }
        s.data += n;
        s.len -= n;
    }
    va_buf_str(b, plain);
    return va_buf_append(b, "\"", 1);
}

static void va_json_write_members(va_buf_t *b, yajl_val v)
{
    size_t i;

    va_buf_puts(b, "{");
    for (i = 0; i < v->u.object.len; i++) {
        va_buf_puts(b, i != 0 ? "," : "");
        va_json_quote(b, va_str(v->u.object.keys[i]));
        va_buf_puts(b, ":");
        va_json_write(b, v->u.object.values[i]);
    }
    va_buf_puts(b, "}");
}

va_rc_t va_json_write(va_buf_t *b, va_json_t *v)
{
    size_t i;

    if (YAJL_IS_OBJECT(v)) {
        va_json_write_members(b, v);
    } else if (YAJL_IS_ARRAY(v)) {
        va_buf_puts(b, "[");
        for (i = 0; i < v->u.array.len; i++) {
            va_buf_puts(b, i != 0 ? "," : "");
            va_json_write(b, v->u.array.values[i]);
        }
        va_buf_puts(b, "]");
    } else if (YAJL_IS_STRING(v)) {
        va_json_quote(b, va_str(v->u.string));
    } else if (YAJL_IS_NUMBER(v)) {
        va_buf_puts(b, v->u.number.r);
    } else {
        va_buf_puts(b, YAJL_IS_TRUE(v)    ? "true"
                       : YAJL_IS_FALSE(v) ? "false"
                                          : "null");
    }
    return b->rc;
}
