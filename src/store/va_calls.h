/*
 * Reading the call log back: what may be asked, and the forms of the answers.
 */
#ifndef VA_CALLS_H
#define VA_CALLS_H

#include "../base/va_base.h"
#include "../base/va_buf.h"
#include "../wire/va_form.h"
#include "va_store.h"

#define VA_CALLS_LIMIT 100 /* calls of a page, unless told */
#define VA_CALLS_LIMIT_MAX 1000
#define VA_CALLS_CURSOR 192
#define VA_CALLS_OUT (16 * 1024 * 1024) /* bytes of an answer, at most */

/* Strings are views of the form; without data, or VA_RECORD_NONE: any. */
typedef struct {
    va_str_t from;
    va_str_t to;
    va_str_t number; /* of either side */
    va_str_t status;
    int64_t since;       /* ms since 1970: began then or later */
    int64_t until;       /* began before */
    int64_t min_latency; /* ms: an answer took so long, or longer */
    int64_t failed;      /* 0 or 1 */
    unsigned limit;
    bool csv;
    int64_t before; /* the cursor: of the last call of the page before */
    va_str_t before_sid;
} va_calls_filter_t;

VA_BEGIN_DECLS

/*
 * Reads a query string that was taken apart.  Returns NULL, or what is wrong.
 */
const char *va_calls_filter(va_calls_filter_t *filter, const va_form_t *form);

/*
 * Lists calls, newest first, as JSON or CSV.  cursor, of VA_CALLS_CURSOR bytes,
 * names the next page; it is empty when there is none.
 * VA_OK, VA_FAILED or what became of out.
 */
va_rc_t va_calls_list(va_store_t *store, const va_calls_filter_t *filter,
                      va_buf_t *out, char *cursor);

/* All of one call, as JSON.  VA_AGAIN: there is no such call. */
va_rc_t va_calls_get(va_store_t *store, va_str_t call_sid, va_buf_t *out);

/* What was said in a call, as text for people.  VA_AGAIN: likewise. */
va_rc_t va_calls_transcript(va_store_t *store, va_str_t call_sid,
                            va_buf_t *out);

/*
 * Appends a field of CSV (RFC 4180) that no spreadsheet takes for a formula:
 * one that begins like it, unless it is a number, gets an apostrophe.
 */
va_rc_t va_csv_field(va_buf_t *out, va_str_t value);

VA_END_DECLS

#endif
