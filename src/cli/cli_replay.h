/*
 * `voiceai-sim replay FILE...`: recorded conversations once more.
 */
#ifndef VA_CLI_REPLAY_H
#define VA_CLI_REPLAY_H

#include "../base/va_base.h"

VA_BEGIN_DECLS

/*
 * Replays each log of argv[1..], without waiting, and prints what is decided, a
 * line of JSON for each action.  The caller's audio is in the file that the log
 * names, beside it: a WAV file of mu-law with the caller on the left, or raw
 * mu-law.  Returns the exit status: 0, 1 when something else is decided than
 * was then, 2 when a file cannot be read.
 */
int cli_replay(int argc, char **argv);

VA_END_DECLS

#endif
