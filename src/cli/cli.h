/*
 * What all parts of voiceai-sim share.
 */
#ifndef CLI_H
#define CLI_H

#include "../base/va_base.h"

/* How voiceai-sim exits. */
enum {
    CLI_EXIT_OK = 0,
    CLI_EXIT_UNMET = 1, /* the call did not go as told */
    CLI_EXIT_USAGE = 2, /* the command line or a file it names is wrong */
    CLI_EXIT_BROKEN = 3 /* connection or protocol error */
};

#define CLI_ERROR 256 /* room for a one-line error message */
#define CLI_SID_LEN 34

VA_BEGIN_DECLS

/* Microseconds of the monotonic clock. */
uint64_t cli_now_us(void);

/* Fills data with random bytes; ends the program if there are none. */
void cli_random(void *data, size_t n);

/* Writes a fresh SID: two letters and 32 hexadecimal digits. */
void cli_sid(char out[CLI_SID_LEN + 1], const char prefix[2]);

/* Takes SIGINT and SIGTERM as the wish to end; cli_interrupted then tells. */
void cli_catch_signals(void);
bool cli_interrupted(void);

/* Writes "voiceai-sim: ..." as one line to standard error. */
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Reads a whole file of at most max bytes into memory for free(3), terminated.
 * Returns NULL and fills error when that is not possible.
 */
char *cli_read_file(const char *path, size_t max, size_t *len,
                    char error[CLI_ERROR]);

/*
 * Reads a value written literally, as "env:NAME" or as "file:PATH" (without
 * the line break at its end).  The result is for free(3); NULL fills error.
 */
char *cli_secret(const char *text, char error[CLI_ERROR]);

VA_END_DECLS

#endif
