#include "va_work.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct {
    va_work_t *work;
    void *tool;
    pthread_t thread;
} worker_t;

struct va_work {
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool ending;
    void **jobs; /* a ring */
    size_t first;
    size_t count;
    size_t cap;
    va_work_run_pt run;
    va_work_drop_pt drop;
    size_t threads;
    worker_t worker[VA_WORK_THREADS];
};

/* Returns the next job, or NULL when the threads are to end.  Locked. */
static void *take(va_work_t *w)
{
    void *job;

    while (w->count == 0 && !w->ending) {
        pthread_cond_wait(&w->more, &w->lock);
    }
    if (w->ending) {
        return NULL;
    }
    job = w->jobs[w->first];
    w->first = (w->first + 1) % w->cap;
    w->count--;
    return job;
}

static void *work(void *arg)
{
    worker_t *self = arg;
    va_work_t *w = self->work;
    void *job;

    for (;;) {
        pthread_mutex_lock(&w->lock);
        job = take(w);
        pthread_mutex_unlock(&w->lock);
        if (job == NULL) {
            return NULL;
        }
        w->run(job, self->tool);
    }
}

static bool start(va_work_t *w, void *tool)
{
    worker_t *self = &w->worker[w->threads];

    self->work = w;
    self->tool = tool;
    if (pthread_create(&self->thread, NULL, work, self) != 0) {
        return false;
    }
    w->threads++;
    return true;
}

va_work_t *va_work_new(void *const *tools, size_t count, size_t queue,
                       va_work_run_pt run, va_work_drop_pt drop)
{
    va_work_t *w;
    size_t i;

    if (count == 0 || count > VA_WORK_THREADS || queue == 0 ||
        queue > VA_WORK_QUEUE) {
        return NULL;
    }
    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->run = run;
    w->drop = drop;
    w->cap = queue;
    w->jobs = calloc(queue, sizeof(*w->jobs));
    for (i = 0; i < count; i++) {
        if (w->jobs == NULL || !start(w, tools[i])) {
            va_work_free(w);
            return NULL;
        }
    }
    return w;
}

va_rc_t va_work_add(va_work_t *w, void *job)
{
    va_rc_t rc = VA_LIMIT;

    pthread_mutex_lock(&w->lock);
    if (w->count < w->cap && !w->ending) {
        w->jobs[(w->first + w->count) % w->cap] = job;
        w->count++;
        pthread_cond_signal(&w->more);
        rc = VA_OK;
    }
    pthread_mutex_unlock(&w->lock);
    return rc;
}

size_t va_work_waiting(va_work_t *w)
{
    size_t n;

    pthread_mutex_lock(&w->lock);
    n = w->count;
    pthread_mutex_unlock(&w->lock);
    return n;
}

void va_work_end(va_work_t *w)
{
    size_t i;

    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (i = 0; i < w->threads; i++) {
        pthread_join(w->worker[i].thread, NULL);
    }
    w->threads = 0;
    /* Nobody takes a job any more, and nobody can add one. */
    for (i = 0; i < w->count; i++) {
        w->drop(w->jobs[(w->first + i) % w->cap]);
    }
    pthread_mutex_lock(&w->lock);
    w->count = 0;
    pthread_mutex_unlock(&w->lock);
}

void va_work_free(va_work_t *w)
{
    if (w == NULL) {
        return;
    }
    va_work_end(w);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w->jobs);
    free(w);
}
