/*
 * Many calls at once.
 */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli_options.h"

VA_BEGIN_DECLS

/* Runs the load of the options; returns how the program should exit. */
int cli_load_run(const cli_options_t *o);

VA_END_DECLS

#endif
