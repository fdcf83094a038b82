/*
 * A fixed number of threads and a queue of fixed length before them.
 */
#ifndef VA_WORK_H
#define VA_WORK_H

#include "../base/va_base.h"

typedef struct va_work va_work_t;

/* Does one job; tool is what the thread was given when it began. */
typedef void (*va_work_run_pt)(void *job, void *tool);

/* Is told that a job will not be done, because the threads end. */
typedef void (*va_work_drop_pt)(void *job);

VA_BEGIN_DECLS

/*
 * Starts one thread for each of the `count` tools (1..VA_WORK_THREADS; the
 * array is copied, a tool may be NULL).  At most `queue` jobs wait.  Returns
 * NULL when threads or memory cannot be had.
 */
va_work_t *va_work_new(void *const *tools, size_t count, size_t queue,
                       va_work_run_pt run, va_work_drop_pt drop);

#define VA_WORK_THREADS 64
#define VA_WORK_QUEUE 65536

/* Hands a job over; VA_LIMIT when the queue is full, then it was not taken. */
va_rc_t va_work_add(va_work_t *w, void *job);

/* Returns the jobs that wait. */
size_t va_work_waiting(va_work_t *w);

/*
 * Drops the jobs that wait, lets those that run come to their end, and ends
 * the threads.  From then on no job is taken.
 */
void va_work_end(va_work_t *w);

/* Ends w, if that was not done, and frees it. */
void va_work_free(va_work_t *w);

VA_END_DECLS

#endif
