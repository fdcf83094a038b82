/*
 * The event loop: epoll, with libcurl's transfers on it.
 */
#ifndef CLI_LOOP_H
#define CLI_LOOP_H

#include <curl/curl.h>

#include "cli.h"

typedef struct cli_loop cli_loop_t;

/* Who is told that a descriptor is ready; the owner keeps it. */
typedef struct {
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
} cli_watch_t;

VA_BEGIN_DECLS

/* Returns a loop, or NULL. */
cli_loop_t *cli_loop_new(void);

void cli_loop_free(cli_loop_t *loop);

/* Watches fd for EPOLLIN, EPOLLOUT.  Returns false without memory. */
bool cli_loop_add(cli_loop_t *loop, int fd, uint32_t events, cli_watch_t *w);

/* Changes what fd is watched for. */
void cli_loop_change(cli_loop_t *loop, int fd, uint32_t events, cli_watch_t *w);

/* Ends it; w is not called any more and may be freed. */
void cli_loop_del(cli_loop_t *loop, int fd, const cli_watch_t *w);

/*
 * Waits for events, at the longest until due_us of cli_now_us, and hands them
 * out.
 */
void cli_loop_run(cli_loop_t *loop, uint64_t due_us);

/* The transfers of this loop. */
CURLM *cli_loop_curl(cli_loop_t *loop);

VA_END_DECLS

#endif
