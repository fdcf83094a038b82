/*
 * The role "twilio": serves the REST API and places the calls that it is
 * asked for, each in a process of its own.
 */
#ifndef CLI_TWILIO_H
#define CLI_TWILIO_H

#include "cli_rest.h"

VA_BEGIN_DECLS

/*
 * The commands "twilio" and, when o has a URL to ask for a call, "outbound".
 * Returns how the program should exit.
 */
int cli_twilio_run(const cli_options_t *o);

/*
 * Runs one outbound call to its end, in its own process.  Commands come in at
 * channel, and what its status is goes out there.
 */
int cli_outbound_run(const cli_options_t *o, const cli_rest_create_t *create,
                     const char *sid, int channel);

VA_END_DECLS

#endif
