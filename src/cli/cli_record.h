/*
 * A recording of the call as a WAV file.
 */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include "../audio/va_g711.h"
#include "cli.h"

typedef struct cli_record cli_record_t;

VA_BEGIN_DECLS

/*
 * Begins a file: what the caller hears, or with stereo the caller left and the
 * assistant right.  NULL fills error.
 */
cli_record_t *cli_record_new(const char *path, bool stereo,
                             char error[CLI_ERROR]);

/* Adds 20 ms of both sides. */
void cli_record_frame(cli_record_t *r, const uint8_t caller[VA_FRAME],
                      const uint8_t assistant[VA_FRAME]);

/* Completes the file.  Returns false when it could not be written whole. */
bool cli_record_close(cli_record_t *r);

VA_END_DECLS

#endif
