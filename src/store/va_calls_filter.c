#include "va_calls.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Digits, all of them; -1 if there are others, or too many. */
static int64_t va_number(const char *s)
{
    int64_t n = 0;
    size_t i;

    for (i = 0; s[i] >= '0' && s[i] <= '9' && i < 15; i++) {
        n = n * 10 + (s[i] - '0');
    }
    return i != 0 && s[i] == '\0' ? n : -1;
}

/* Whether s is digits where form has a d, and else what form has. */
static bool va_looks(va_str_t s, const char *form)
{
    size_t n = strlen(form);

    for (size_t i = 0; i < n && i < s.len; i++) {
        bool digit = s.data[i] >= '0' && s.data[i] <= '9';

        if (form[i] == 'd' ? !digit : s.data[i] != form[i]) {
            return false;
        }
    }
    return s.len == n;
}

static int va_part(va_str_t s, size_t at, size_t n)
{
    int value = 0;

    for (; n != 0; n--, at++) {
        value = value * 10 + (at < s.len ? s.data[at] - '0' : 0);
    }
    return value;
}

/* Seconds since 1970, 2026-01-31, or 2026-01-31T23:59:59Z; in ms. */
static bool va_moment(va_str_t s, int64_t *ms)
{
    int64_t n = va_number(s.data);
    struct tm tm, same;
    time_t t;

    if (n >= 0) {
        *ms = n * 1000;
        return n < 100000000000;
    }
    if (!va_looks(s, "dddd-dd-dd") && !va_looks(s, "dddd-dd-ddTdd:dd:ddZ")) {
        return false;
    }
    memset(&tm, 0, sizeof(tm));
    tm.tm_year = va_part(s, 0, 4) - 1900;
    tm.tm_mon = va_part(s, 5, 2) - 1;
    tm.tm_mday = va_part(s, 8, 2);
    if (s.len > 10) {
        tm.tm_hour = va_part(s, 11, 2);
        tm.tm_min = va_part(s, 14, 2);
        tm.tm_sec = va_part(s, 17, 2);
    }
    same = tm;
    t = timegm(&same);
    *ms = (int64_t)t * 1000;
    /* a 31st of February would be moved silently */
    return same.tm_mon == tm.tm_mon && same.tm_mday == tm.tm_mday &&
           same.tm_hour == tm.tm_hour && same.tm_min == tm.tm_min &&
           same.tm_sec == tm.tm_sec;
}

/* "1700000000123.CA..." */
static bool va_cursor(va_calls_filter_t *f, va_str_t s)
{
    char number[20];
    const char *dot = memchr(s.data, '.', s.len);
    size_t n = dot != NULL ? (size_t)(dot - s.data) : 0;

    if (n == 0 || n >= sizeof(number) || s.len >= VA_CALLS_CURSOR) {
        return false;
    }
    memcpy(number, s.data, n);
    number[n] = '\0';
    f->before = va_number(number);
    f->before_sid = (va_str_t){dot + 1, s.len - n - 1};
    return f->before >= 0 && f->before_sid.len != 0;
}

static const char *va_calls_pair(va_calls_filter_t *f,
                                 const va_form_pair_t *pair)
{
    va_str_t v = pair->value;
    int64_t n = va_number(v.data);

    if (va_str_eq(pair->name, VA_STR("from"))) {
        f->from = v;
    } else if (va_str_eq(pair->name, VA_STR("to"))) {
        f->to = v;
    } else if (va_str_eq(pair->name, VA_STR("number"))) {
        f->number = v;
    } else if (va_str_eq(pair->name, VA_STR("status"))) {
        f->status = v;
    } else if (va_str_eq(pair->name, VA_STR("since"))) {
        return va_moment(v, &f->since)
                   ? NULL
                   : "\"since\" must be a date, or seconds since 1970";
    } else if (va_str_eq(pair->name, VA_STR("until"))) {
        return va_moment(v, &f->until)
                   ? NULL
                   : "\"until\" must be a date, or seconds since 1970";
    } else if (va_str_eq(pair->name, VA_STR("min_latency"))) {
        f->min_latency = n;
        return n >= 0 && n <= INT32_MAX
                   ? NULL
                   : "\"min_latency\" must be milliseconds";
    } else if (va_str_eq(pair->name, VA_STR("failed"))) {
        f->failed = n;
        return n == 0 || n == 1 ? NULL : "\"failed\" must be 0 or 1";
    } else if (va_str_eq(pair->name, VA_STR("limit"))) {
        f->limit = (unsigned)n;
        return n >= 1 && n <= VA_CALLS_LIMIT_MAX
                   ? NULL
                   : "\"limit\" must be 1 to 1000";
    } else if (va_str_eq(pair->name, VA_STR("cursor"))) {
        return va_cursor(f, v) ? NULL : "\"cursor\" is none of ours";
    } else if (va_str_eq(pair->name, VA_STR("format"))) {
        f->csv = va_str_eq(v, VA_STR("csv"));
        return f->csv || va_str_eq(v, VA_STR("json"))
                   ? NULL
                   : "\"format\" must be json or csv";
    } else {
        return "there is no such parameter; there are from, to, number, "
               "status, since, until, min_latency, failed, limit, cursor and "
               "format";
    }
    return NULL;
}

const char *va_calls_filter(va_calls_filter_t *filter, const va_form_t *form)
{
    const va_form_pair_t *pairs;
    const char *wrong = NULL;
    size_t count = 0;

    memset(filter, 0, sizeof(*filter));
    filter->since = VA_RECORD_NONE;
    filter->until = VA_RECORD_NONE;
    filter->min_latency = VA_RECORD_NONE;
    filter->failed = VA_RECORD_NONE;
    filter->before = VA_RECORD_NONE;
    filter->limit = VA_CALLS_LIMIT;
    pairs = form != NULL ? va_form_pairs(form, &count) : NULL;
    for (size_t i = 0; i < count && wrong == NULL; i++) {
        wrong = va_calls_pair(filter, &pairs[i]);
    }
    return wrong;
}
