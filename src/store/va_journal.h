/*
 * Frames on disk, for while the database is away.
 *
 * A journal is a folder of segments, files of frames that are only appended
 * to.  A segment is locked by who uses it; one whose process died is anybody's.
 * What was taken over by the database is deleted by whole segments, so what is
 * read again after a crash may have been written before: records are made to
 * be written twice.
 *
 * A segment may end, or be interrupted, anywhere: what is no frame is passed
 * over up to the next one.
 */
#ifndef VA_JOURNAL_H
#define VA_JOURNAL_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

typedef struct va_journal va_journal_t;

typedef struct {
    const char *dir;      /* which exists */
    uint64_t max;         /* bytes of all segments */
    uint64_t segment_max; /* bytes, at which the next segment begins */
} va_journal_conf_t;

VA_BEGIN_DECLS

/* Returns a journal, or NULL without memory.  Touches no file. */
va_journal_t *va_journal_new(const va_journal_conf_t *conf);

/* Gives up the locks and frees; the files stay. */
void va_journal_free(va_journal_t *j);

/*
 * Looks at the folder anew.  VA_OK: there is something to be read; VA_AGAIN:
 * there is not, or others have it; VA_FAILED.
 */
va_rc_t va_journal_scan(va_journal_t *j);

/*
 * Appends frames and has them on disk before it returns.  name, which rises
 * with time, is used for a segment if one has to be begun.
 *
 * VA_OK
 * VA_LIMIT   the journal is full; nothing was appended
 * VA_FAILED  the disk refused; nothing was appended that counts
 */
va_rc_t va_journal_append(va_journal_t *j, va_str_t frames, uint64_t name);

/*
 * Reads whole frames of the oldest segment to the end of out, up to max bytes,
 * which is at least VA_RECORD_MAX.  They are read again until va_journal_done.
 * VA_OK, VA_AGAIN (nothing is left), VA_NOMEM or VA_FAILED.
 */
va_rc_t va_journal_read(va_journal_t *j, va_buf_t *out, size_t max,
                        size_t *count);

/* What was read last is not needed any more. */
void va_journal_done(va_journal_t *j);

/* Closes the segments and gives up the locks; a scan opens them again. */
void va_journal_close(va_journal_t *j);

/* Returns the bytes of all segments at the last look. */
uint64_t va_journal_bytes(const va_journal_t *j);

/* Returns the bytes that were no frames so far. */
uint64_t va_journal_spoilt(const va_journal_t *j);

/* Returns what the last failure was. */
const char *va_journal_error(const va_journal_t *j);

VA_END_DECLS

#endif
