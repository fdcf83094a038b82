/*
 * flite behind a small door.
 */
#ifndef CLI_SPEECH_H
#define CLI_SPEECH_H

#include "cli.h"

VA_BEGIN_DECLS

/*
 * Synthesises text.  Returns samples for free(3), their number and rate; NULL
 * for an unknown voice or without memory.
 */
int16_t *cli_speech(const char *text, const char *voice, size_t *count,
                    unsigned *rate);

VA_END_DECLS

#endif
