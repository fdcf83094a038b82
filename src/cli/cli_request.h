/*
 * HTTP/1.1 as the simulator serves it: one request, one answer, and the
 * connection is closed.
 */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "../base/va_buf.h"
#include "cli.h"

#define CLI_REQUEST_HEAD 16384 /* bytes of the head */
#define CLI_REQUEST_BODY 65536

typedef struct {
    char method[8];
    char target[2048];
    char authorization[512]; /* "" if absent */
    char type[128];          /* Content-Type */
    va_str_t body;
} cli_request_t;

VA_BEGIN_DECLS

/*
 * Reads a request from what has arrived so far.  Returns 0 when more is
 * needed, 1 when r is set (its body is a view of data), or the HTTP status
 * with which it is to be refused.
 */
int cli_request_read(cli_request_t *r, va_str_t data);

/* Writes the head of an answer with a JSON body of n bytes. */
void cli_answer_head(va_buf_t *b, int status, size_t n, unsigned retry_after);

VA_END_DECLS

#endif
