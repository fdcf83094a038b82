/*
 * The telephone line while no stream is open: what Twilio itself says and
 * listens for, in real time.
 *
 * Each function returns false when the call does not go on.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "cli_call.h"

VA_BEGIN_DECLS

/* Waits in silence until *done, or for ms when done is NULL. */
bool cli_line_wait(cli_call_t *c, const bool *done, uint64_t ms);

/* Says a text. */
bool cli_line_say(cli_call_t *c, const char *text);

/*
 * Plays a <Gather>, of which verb and the children behind it tell, and leaves
 * in g what came of it.
 */
bool cli_line_gather(cli_call_t *c, const cli_verb_t *verb, cli_gather_t *g);

VA_END_DECLS

#endif
