#include "cli_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes the text up to the first c off *s.  False when there is no c. */
static bool cut(va_str_t *s, char c, va_str_t *out)
{
    const char *p = s->len > 0 ? memchr(s->data, c, s->len) : NULL;

    if (p == NULL) {
        return false;
    }
    *out = (va_str_t){s->data, (size_t)(p - s->data)};
    s->data = p + 1;
    s->len -= out->len + 1;
    return true;
}

static va_str_t trim(va_str_t s)
{
    while (s.len > 0 && (*s.data == ' ' || *s.data == '\t')) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && strchr(" \t\r", s.data[s.len - 1]) != NULL) {
        s.len--;
    }
    return s;
}

static bool keep(char *out, size_t cap, va_str_t s)
{
    if (s.len >= cap || memchr(s.data, '\0', s.len) != NULL) {
        return false;
    }
    va_str_copy(out, cap, s);
    return true;
}

static int read_first(cli_request_t *r, va_str_t line)
{
    va_str_t method, target;

    if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) ||
        !keep(r->method, sizeof(r->method), method)) {
        return 400;
    }
    if (!keep(r->target, sizeof(r->target), target)) {
        return 414;
    }
    line = trim(line);
    return r->target[0] == '/' && line.len == 8 &&
                   memcmp(line.data, "HTTP/1.", 7) == 0
               ? 0
               : 400;
}

static int read_length(va_str_t value, size_t *length)
{
    char digits[12];

    if (value.len == 0 || !keep(digits, sizeof(digits), value) ||
        strspn(digits, "0123456789") != value.len) {
        return 400;
    }
    *length = strtoul(digits, NULL, 10);
    return *length > CLI_REQUEST_BODY ? 413 : 0;
}

static int read_field(cli_request_t *r, va_str_t line, size_t *length)
{
    va_str_t name;

    if (!cut(&line, ':', &name)) {
        return 400;
    }
    line = trim(line);
    if (va_str_caseeq(name, VA_STR("content-length"))) {
        return read_length(line, length);
    }
    if (va_str_caseeq(name, VA_STR("transfer-encoding"))) {
        return 411;
    }
    if (va_str_caseeq(name, VA_STR("authorization"))) {
        return keep(r->authorization, sizeof(r->authorization), line) ? 0 : 431;
    }
    if (va_str_caseeq(name, VA_STR("content-type"))) {
        return keep(r->type, sizeof(r->type), line) ? 0 : 431;
    }
    return 0;
}

int cli_request_read(cli_request_t *r, va_str_t data)
{
    const char *end =
        data.len > 0 ? memmem(data.data, data.len, "\r\n\r\n", 4) : NULL;
    va_str_t head, line;
    size_t length = 0;
    int rc;

    memset(r, 0, sizeof(*r));
    if (end == NULL) {
        return data.len > CLI_REQUEST_HEAD ? 431 : 0;
    }
    head = (va_str_t){data.data, (size_t)(end - data.data) + 2};
    if (head.len > CLI_REQUEST_HEAD) {
        return 431;
    }
    rc = cut(&head, '\n', &line) ? read_first(r, line) : 400;
    while (rc == 0 && cut(&head, '\n', &line)) {
        rc = read_field(r, line, &length);
    }
    if (rc != 0) {
        return rc;
    }
    data.len -= (size_t)(end - data.data) + 4;
    if (data.len < length) {
        return 0;
    }
    r->body = (va_str_t){end + 4, length};
    return 1;
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 401:
        return "Unauthorized";
    case 404:
        return "Not Found";
    case 429:
        return "Too Many Requests";
    default:
        return status < 500 ? "Refused" : "Error";
    }
}

void cli_answer_head(va_buf_t *b, int status, size_t n, unsigned retry_after)
{
    va_buf_printf(b,
                  "HTTP/1.1 %d %s\r\n"
                  "Content-Type: application/json;charset=utf-8\r\n"
                  "Content-Length: %zu\r\n"
                  "Connection: close\r\n",
                  status, reason(status), n);
    if (status == 401) {
        va_buf_puts(b, "WWW-Authenticate: Basic realm=\"Twilio API\"\r\n");
    }
    if (retry_after > 0) {
        va_buf_printf(b, "Retry-After: %u\r\n", retry_after);
    }
    va_buf_puts(b, "\r\n");
}
