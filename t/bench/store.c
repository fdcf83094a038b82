/*
 * How many turns a second the call log takes into a database, through the same
 * queue and by the same cycles as in the server.
 *
 *   store URL JOURNAL SECONDS
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/va_flush.h"
#include "store/va_record.h"

#define RING (1024 * 1024)

static uint64_t now(void *ctx)
{
    struct timespec ts;

    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int64_t wall(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL) * 1000;
}

/* Fills the queue with turns of calls that have eight each. */
static uint64_t fill(va_ring_t *ring, va_buf_t *frame, uint64_t n)
{
    static const char text[] = "I would like to know whether the shop on the "
                               "corner is open on Sunday afternoon.";
    char sid[40];
    va_record_t rec;

    for (;; n++) {
        snprintf(sid, sizeof(sid), "CA%032llx", (unsigned long long)n / 8);
        va_record_init(&rec, VA_RECORD_TURN);
        rec.id = (int64_t)n;
        rec.at = wall(NULL);
        rec.call_sid = va_str(sid);
        rec.role = n % 2 != 0 ? VA_STR("assistant") : VA_STR("user");
        rec.text = va_str(text);
        rec.latency_ms = n % 2 != 0 ? 640 : VA_RECORD_NONE;
        va_buf_reset(frame);
        if (va_record_write(frame, &rec) != VA_OK ||
            va_ring_push(ring, va_buf_view(frame)) != VA_OK) {
            return n;
        }
    }
}

int main(int argc, char **argv)
{
    static va_flush_shared_t shared;
    va_ring_t *ring = va_ring_init(malloc(RING), RING);
    uint64_t begin, took, n = 0;
    const char *text;
    va_flush_t *f;
    va_buf_t frame;
    bool bad;

    if (argc != 4) {
        fprintf(stderr, "store URL JOURNAL SECONDS\n");
        return 2;
    }
    f = va_flush_new(&(va_flush_conf_t){.url = argv[1],
                                        .journal = argv[2],
                                        .journal_max = 1 << 30,
                                        .ring = ring,
                                        .shared = &shared,
                                        .now = now,
                                        .wall = wall});
    va_buf_init(&frame, VA_RECORD_MAX);
    begin = now(NULL);
    do {
        n = fill(ring, &frame, n);
        (void)va_flush_run(f);
        text = va_flush_message(f, &bad);
        if (text != NULL && bad) {
            fprintf(stderr, "%s\n", text);
            return 1;
        }
        took = now(NULL) - begin;
    } while (took < strtoull(argv[3], NULL, 10) * 1000);
    printf("{\"turns\": %llu, \"spilled\": %llu, \"per_second\": %.0f}\n",
           (unsigned long long)shared.written,
           (unsigned long long)shared.spilled,
           (double)shared.written * 1000 / (double)took);
    return 0;
}
