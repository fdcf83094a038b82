/* Records, a folder and a clock for the tests of store/. */
#ifndef STORE_WORLD_H
#define STORE_WORLD_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/va_buf.h"
#include "store/va_record.h"

/* Makes a folder of its own below the temporary one. */
static inline void world_dir(char *dir, size_t cap)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, cap, "%s/voiceai-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
}

/* Removes a folder of files, or what is in it. */
static inline void world_empty(const char *dir)
{
    char path[1024];
    struct dirent *entry;
    DIR *d = opendir(dir);

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
            if (unlink(path) != 0) {
                world_empty(path);
                assert_int_equal(rmdir(path), 0);
            }
        }
    }
    closedir(d);
}

static inline void world_gone(const char *dir)
{
    world_empty(dir);
    assert_int_equal(rmdir(dir), 0);
}

/* A turn, number n of a call, as a frame at the end of out. */
static inline void world_turn(va_buf_t *out, const char *sid, int64_t n,
                              const char *text)
{
    va_record_t rec;

    va_record_init(&rec, VA_RECORD_TURN);
    rec.id = n;
    rec.at = 1700000000000 + n;
    rec.call_sid = va_str(sid);
    rec.role = n % 2 != 0 ? VA_STR("assistant") : VA_STR("user");
    rec.text = va_str(text);
    if (n % 2 != 0) {
        rec.latency_ms = 500 + n;
    }
    assert_int_equal(va_record_write(out, &rec), VA_OK);
}

/* How a call stands, likewise. */
static inline void world_call(va_buf_t *out, const char *sid, int64_t n,
                              const char *status)
{
    va_record_t rec;

    va_record_init(&rec, VA_RECORD_CALL);
    rec.id = n;
    rec.at = 1700000000000 + n;
    rec.started = 1700000000000;
    rec.call_sid = va_str(sid);
    rec.from = VA_STR("+15550100001");
    rec.to = VA_STR("+15550100002");
    rec.status = va_str(status);
    assert_int_equal(va_record_write(out, &rec), VA_OK);
}

#endif
