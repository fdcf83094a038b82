#include "va_journal.h"

#include "va_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define VA_NAME_LEN 28 /* 16 digits of time, '-', 8 of chance, ".vj" */
#define VA_SEGMENTS 4096

typedef struct {
    char name[VA_NAME_LEN + 1];
    uint64_t size;
} va_segment_t;

struct va_journal {
    char *dir;
    uint64_t max;
    uint64_t segment_max;

    va_segment_t *segments; /* oldest first */
    size_t count;
    uint64_t bytes;

    int reader;       /* of segments[0], -1: none */
    uint64_t from;    /* where what is not done begins */
    uint64_t to;      /* where what was read ends */
    int writer;       /* of the last segment, -1: none */
    uint64_t written; /* bytes of it that count */

    uint64_t spoilt;
    char error[160];
};

static va_rc_t va_journal_fail(va_journal_t *j, const char *what)
{
    snprintf(j->error, sizeof(j->error), "%s: %s", what, strerror(errno));
    return VA_FAILED;
}

va_journal_t *va_journal_new(const va_journal_conf_t *conf)
{
    va_journal_t *j = calloc(1, sizeof(*j));

    if (j != NULL) {
        j->dir = va_str_dup(va_str(conf->dir));
        j->max = conf->max;
        j->segment_max = conf->segment_max;
        j->reader = -1;
        j->writer = -1;
        if (j->dir == NULL) {
            free(j);
            return NULL;
        }
    }
    return j;
}

static void va_journal_shut(int *fd)
{
    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}

void va_journal_close(va_journal_t *j)
{
    va_journal_shut(&j->reader);
    va_journal_shut(&j->writer);
    j->from = 0;
    j->to = 0;
    j->written = 0;
}

void va_journal_free(va_journal_t *j)
{
    if (j != NULL) {
        va_journal_close(j);
        free(j->segments);
        free(j->dir);
        free(j);
    }
}

uint64_t va_journal_bytes(const va_journal_t *j)
{
    return j->bytes;
}

uint64_t va_journal_spoilt(const va_journal_t *j)
{
    return j->spoilt;
}

const char *va_journal_error(const va_journal_t *j)
{
    return j->error;
}

static int va_journal_dir(va_journal_t *j)
{
    int fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1) {
        va_journal_fail(j, j->dir);
    }
    return fd;
}

static int va_segment_cmp(const void *a, const void *b)
{
    return strcmp(((const va_segment_t *)a)->name,
                  ((const va_segment_t *)b)->name);
}

static va_segment_t *va_journal_push(va_journal_t *j, const char *name)
{
    va_segment_t *s = realloc(j->segments, (j->count + 1) * sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    j->segments = s;
    s += j->count++;
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->size = 0;
    return s;
}

static va_rc_t va_journal_list(va_journal_t *j, DIR *dir)
{
    struct dirent *entry;
    struct stat st;
    va_segment_t *s;

    j->count = 0;
    j->bytes = 0;
    while (j->count < VA_SEGMENTS && (entry = readdir(dir)) != NULL) {
        size_t n = strlen(entry->d_name);

        if (n != VA_NAME_LEN || strcmp(entry->d_name + n - 3, ".vj") != 0 ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode)) {
            continue;
        }
        s = va_journal_push(j, entry->d_name);
        if (s == NULL) {
            return VA_NOMEM;
        }
        s->size = (uint64_t)st.st_size;
        j->bytes += s->size;
    }
    if (j->count > 1) {
        qsort(j->segments, j->count, sizeof(*j->segments), va_segment_cmp);
    }
    return VA_OK;
}

/* Opens a segment and locks it; -1: it is another's, or gone. */
static int va_journal_lock(int dir, const char *name, int flags)
{
    int fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat a, b;

    if (fd == -1) {
        return -1;
    }
    /* who had the lock may have deleted it meanwhile */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &a) != 0 ||
        fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) != 0 ||
        a.st_ino != b.st_ino) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Drops the first segment from the list. */
static void va_journal_shift(va_journal_t *j)
{
    j->count--;
    memmove(j->segments, j->segments + 1, j->count * sizeof(*j->segments));
}

/* The oldest segment that can be had becomes the first. */
static va_rc_t va_journal_pick(va_journal_t *j)
{
    int dir = va_journal_dir(j);

    if (dir == -1) {
        return VA_FAILED;
    }
    while (j->count != 0 && j->reader == -1) {
        if (j->count == 1 && j->writer != -1) {
            /* our own, which is locked already */
            j->reader = dup(j->writer);
        } else {
            j->reader =
                va_journal_lock(dir, j->segments[0].name, O_RDWR | O_APPEND);
        }
        if (j->reader == -1) {
            va_journal_shift(j);
        }
    }
    close(dir);
    j->from = 0;
    j->to = 0;
    return j->reader != -1 ? VA_OK : VA_AGAIN;
}

va_rc_t va_journal_scan(va_journal_t *j)
{
    int fd;
    DIR *dir;
    va_rc_t rc;

    va_journal_close(j);
    fd = va_journal_dir(j);
    if (fd == -1) {
        return VA_FAILED;
    }
    dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return VA_NOMEM;
    }
    rc = va_journal_list(j, dir);
    closedir(dir);
    return rc == VA_OK ? va_journal_pick(j) : rc;
}

/* Goes on with the last segment, if there is one that has room. */
static bool va_journal_resume(va_journal_t *j, int dir)
{
    va_segment_t *last;
    struct stat st;

    if (j->count == 0) {
        return false;
    }
    last = &j->segments[j->count - 1];
    if (last->size >= j->segment_max) {
        return false;
    }
    if (j->count == 1 && j->reader != -1) {
        j->writer = dup(j->reader);
    } else {
        j->writer = va_journal_lock(dir, last->name, O_RDWR | O_APPEND);
    }
    if (j->writer != -1 && fstat(j->writer, &st) != 0) {
        va_journal_shut(&j->writer);
    }
    if (j->writer != -1) {
        /* what is torn at its end stays, and is passed over */
        last->size = (uint64_t)st.st_size;
        j->written = last->size;
    }
    return j->writer != -1;
}

static va_rc_t va_journal_create(va_journal_t *j, int dir, uint64_t name)
{
    char text[VA_NAME_LEN + 1];
    unsigned long long last = 0;
    struct stat st;
    unsigned chance;

    /* names rise although the clock may go back */
    if (j->count != 0) {
        last = strtoull(j->segments[j->count - 1].name, NULL, 16);
    }
    chance =
        fstat(dir, &st) == 0 ? (unsigned)(st.st_ino ^ st.st_mtim.tv_nsec) : 0;
    for (unsigned i = 0; i < 100 && j->writer == -1; i++) {
        snprintf(text, sizeof(text), "%016llx-%08x.vj",
                 name > last ? (unsigned long long)name : last + 1,
                 (chance + i * 0x9e3779b9U) ^ (unsigned)getpid());
        j->writer =
            va_journal_lock(dir, text, O_RDWR | O_CREAT | O_EXCL | O_APPEND);
        if (j->writer == -1 && errno != EEXIST && errno != EWOULDBLOCK) {
            break;
        }
    }
    if (j->writer == -1) {
        return va_journal_fail(j, "a segment of the journal could not be made");
    }
    /* a file whose name is not on disk is no use */
    (void)fsync(dir);
    j->written = 0;
    if (va_journal_push(j, text) == NULL) {
        va_journal_shut(&j->writer);
        return VA_NOMEM;
    }
    return VA_OK;
}

static va_rc_t va_journal_begin(va_journal_t *j, uint64_t name)
{
    int dir = va_journal_dir(j);
    va_rc_t rc = VA_OK;

    if (dir == -1) {
        return VA_FAILED;
    }
    if (!va_journal_resume(j, dir)) {
        rc = va_journal_create(j, dir, name);
    }
    close(dir);
    return rc;
}

/* Appends, or leaves the segment as it was. */
static va_rc_t va_journal_write(va_journal_t *j, va_str_t frames)
{
    size_t done = 0;
    ssize_t n;

    while (done < frames.len) {
        n = write(j->writer, frames.data + done, frames.len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    if (done == frames.len && fdatasync(j->writer) == 0) {
        return VA_OK;
    }
    va_journal_fail(j, "the journal could not be written");
    if (ftruncate(j->writer, (off_t)j->written) != 0) {
        /* what is torn there is passed over by the reader */
        va_journal_shut(&j->writer);
    }
    return VA_FAILED;
}

va_rc_t va_journal_append(va_journal_t *j, va_str_t frames, uint64_t name)
{
    va_rc_t rc = VA_OK;

    if (frames.len > j->max || j->bytes > j->max - frames.len ||
        j->count == VA_SEGMENTS) {
        snprintf(j->error, sizeof(j->error),
                 "the journal has reached its size of %llu bytes",
                 (unsigned long long)j->max);
        return VA_LIMIT;
    }
    if (j->writer != -1 && j->written >= j->segment_max) {
        va_journal_shut(&j->writer);
    }
    if (j->writer == -1) {
        rc = va_journal_begin(j, name);
    }
    if (rc == VA_OK) {
        rc = va_journal_write(j, frames);
    }
    if (rc == VA_OK) {
        j->written += frames.len;
        j->bytes += frames.len;
        j->segments[j->count - 1].size = j->written;
    }
    return rc;
}

/* Cuts what was read at the end of its last whole frame. */
static size_t va_journal_cut(va_journal_t *j, va_buf_t *out, size_t begin,
                             bool end, size_t *count)
{
    size_t at = begin, keep = begin, size, used;
    va_str_t payload;
    va_rc_t rc;

    while (at < out->len) {
        rc = va_record_frame((va_str_t){out->data + at, out->len - at}, &size,
                             &payload);
        if (rc == VA_AGAIN && !end) {
            break;
        }
        if (rc == VA_OK) {
            memmove(out->data + keep, out->data + at, size);
            keep += size;
            (*count)++;
        } else {
            j->spoilt += size;
        }
        at += size;
    }
    used = at - begin;
    out->len = keep;
    out->data[keep] = '\0';
    return used;
}

/* The first segment was read to its end and is done. */
static void va_journal_drop(va_journal_t *j)
{
    int dir = va_journal_dir(j);

    if (dir != -1) {
        (void)unlinkat(dir, j->segments[0].name, 0);
        close(dir);
    }
    j->bytes -= j->segments[0].size < j->bytes ? j->segments[0].size : j->bytes;
    va_journal_shut(&j->reader);
    if (j->count == 1) {
        va_journal_shut(&j->writer);
    }
    va_journal_shift(j);
}

va_rc_t va_journal_read(va_journal_t *j, va_buf_t *out, size_t max,
                        size_t *count)
{
    size_t begin = out->len, used;
    ssize_t n;
    char *to;

    *count = 0;
    for (;;) {
        if (j->reader == -1 && va_journal_pick(j) != VA_OK) {
            return VA_AGAIN;
        }
        to = va_buf_reserve(out, max);
        if (to == NULL) {
            return out->rc;
        }
        n = pread(j->reader, to, max, (off_t)j->from);
        if (n < 0) {
            return va_journal_fail(j, "the journal could not be read");
        }
        out->len += (size_t)n;
        used = va_journal_cut(j, out, begin, (size_t)n < max, count);
        j->to = j->from + used;
        if (*count != 0) {
            return VA_OK;
        }
        out->len = begin;
        if (used == 0 && (size_t)n < max) {
            va_journal_drop(j);
        } else {
            j->from = j->to;
        }
    }
}

void va_journal_done(va_journal_t *j)
{
    struct stat st;

    j->from = j->to;
    if (j->reader != -1 && fstat(j->reader, &st) == 0 &&
        (uint64_t)st.st_size <= j->from) {
        va_journal_drop(j);
    }
}
