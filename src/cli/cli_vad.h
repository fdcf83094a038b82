/*
 * `voiceai-sim vad DIR`: the voice activity detector over labelled streams.
 */
#ifndef VA_CLI_VAD_H
#define VA_CLI_VAD_H

#include "../base/va_base.h"

VA_BEGIN_DECLS

/*
 * Runs the detector over every stream of argv[1], a directory as vad_set.h
 * describes it.  Prints a line a stream, its id and one 0 or 1 for each 20 ms
 * frame, and the note "#us_per_frame X", the processor time of a frame.  With
 * argv[1] "-p" and the directory in argv[2], prints the scores 0..9 instead.
 * Returns the exit status: 0, 1 when something cannot be read, 2 for usage.
 */
int cli_vad(int argc, char **argv);

VA_END_DECLS

#endif
