/*
 * The command line of voiceai-local.
 */
#ifndef VA_OPTIONS_H
#define VA_OPTIONS_H

#include <limits.h>

#include "../base/va_base.h"

#define VA_OPTIONS_LISTEN 8

typedef struct {
    const char *listen[VA_OPTIONS_LISTEN]; /* paths with a slash, addresses */
    bool is_unix[VA_OPTIONS_LISTEN];
    size_t listen_count;
    unsigned socket_mode;
    bool remote;
    char grammar_dir[PATH_MAX];
    char mllr[PATH_MAX]; /* "" for none */
    char model_dir[PATH_MAX];
    char dict[PATH_MAX];
    const char *pidfile;
    const char *voice;
    size_t decoders;
    size_t threads;
    size_t queue;
    size_t max_body;
} va_options_t;

typedef enum {
    VA_OPTIONS_RUN,
    VA_OPTIONS_DONE, /* help or version was printed */
    VA_OPTIONS_WRONG /* what is wrong was printed */
} va_options_rc_t;

VA_BEGIN_DECLS

va_options_rc_t va_options_parse(va_options_t *o, int argc, char **argv);

VA_END_DECLS

#endif
