/*
 * From the queue into a real SQLite database, with everything going wrong that
 * can: after each fault every record is there exactly once.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/va_flush.h"
#include "store/va_journal.h"
#include "store/va_store.h"
#include "store_world.h"

#define RING (256 * 1024)

static char dir[256], url[320], path[300], spool[300];
static uint64_t clock_ms;
static uint64_t clock_step; /* passes with every look */
static int64_t wall_ms;
static bool stopping;
static void *memory;
static va_ring_t *ring;
static va_flush_shared_t shared;
static va_flush_conf_t conf;

static uint64_t now(void *ctx)
{
    (void)ctx;
    return clock_ms += clock_step;
}

static int64_t wall(void *ctx)
{
    (void)ctx;
    return wall_ms;
}

static bool stop(void *ctx)
{
    (void)ctx;
    return stopping;
}

static int setup(void **state)
{
    (void)state;
    world_dir(dir, sizeof(dir));
    snprintf(path, sizeof(path), "%s/calls.db", dir);
    snprintf(url, sizeof(url), "sqlite:%s", path);
    snprintf(spool, sizeof(spool), "%s/spool", dir);
    assert_int_equal(mkdir(spool, 0700), 0);
    clock_ms = 1000000;
    clock_step = 0;
    wall_ms = 1700000000000;
    stopping = false;
    memory = malloc(RING);
    ring = va_ring_init(memory, RING);
    memset(&shared, 0, sizeof(shared));
    conf = (va_flush_conf_t){.url = url,
                             .journal = spool,
                             .journal_max = 1 << 20,
                             .ring = ring,
                             .shared = &shared,
                             .now = now,
                             .wall = wall,
                             .stop = stop};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    world_gone(dir);
    return 0;
}

static bool push(int64_t n, const char *text)
{
    va_buf_t b;
    va_rc_t rc;

    va_buf_init(&b, 65536);
    world_turn(&b, "CA1", n, text);
    rc = va_ring_push(ring, va_buf_view(&b));
    va_buf_free(&b);
    return rc == VA_OK;
}

static void push_many(int64_t from, int64_t to)
{
    for (int64_t n = from; n < to; n++) {
        assert_true(push(n, "some words that were said"));
    }
}

static long number(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    long n = -1;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        n = (long)sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void assert_turns(long n)
{
    assert_int_equal(shared.refused, 0);
    assert_int_equal(number("SELECT count(*) FROM turns"), n);
    assert_int_equal(number("SELECT count(DISTINCT id) FROM turns"), n);
    assert_int_equal(number("SELECT max(id) + 1 FROM turns"), n);
}

static va_flush_t *flusher(void)
{
    va_flush_t *f = va_flush_new(&conf);

    assert_non_null(f);
    return f;
}

static void test_plain(void **state)
{
    va_flush_t *f = flusher();
    struct stat st;
    bool bad;

    (void)state;
    push_many(0, 100);
    assert_int_equal(va_flush_due(&conf), 0);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(100);
    assert_null(va_flush_message(f, &bad));
    assert_true(va_flush_due(&conf) > clock_ms);
    assert_int_equal(shared.written, 100);
    assert_int_equal(number("SELECT max_latency_ms FROM calls"), 599);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    va_flush_free(f);
}

/* What is known of a call does not get older, whatever order it comes in. */
static void test_calls(void **state)
{
    static const struct {
        int64_t id;
        const char *status;
    } states[] = {{2, "ringing"},
                  {5, "completed"},
                  {3, "in-progress"},
                  {5, "completed"},
                  {6, ""}};
    va_flush_t *f = flusher();
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 65536);
    for (size_t i = 0; i < 5; i++) {
        va_buf_reset(&b);
        world_call(&b, "CA1", states[i].id, states[i].status);
        assert_int_equal(va_ring_push(ring, va_buf_view(&b)), VA_OK);
    }
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(number("SELECT count(*) FROM calls WHERE status ="
                            " 'completed' AND revision = 6 AND failed = 0"
                            " AND from_number = '+15550100001'"),
                     1);
    va_buf_free(&b);
    va_flush_free(f);
}

/* The database is away: the journal has it all, in order, and gives it back. */
static void test_away(void **state)
{
    va_flush_t *f = flusher();
    const char *text;
    bool bad;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    push_many(0, 10);
    assert_int_equal(va_flush_run(f), VA_AGAIN);
    text = va_flush_message(f, &bad);
    assert_non_null(text);
    assert_true(bad);
    assert_non_null(strstr(text, "is away"));
    assert_non_null(strstr(text, path));
    assert_int_equal(va_ring_pushed(ring), va_ring_taken(ring));
    assert_int_equal(shared.spilled, 10);
    for (int i = 1; i < 20; i++) {
        push_many(i * 10, i * 10 + 10);
        clock_ms += 100;
        assert_int_equal(va_flush_run(f), VA_AGAIN);
        assert_null(va_flush_message(f, &bad));
        assert_int_equal(va_ring_pushed(ring), va_ring_taken(ring));
    }
    assert_true(va_flush_due(&conf) > clock_ms);
    assert_int_equal(rmdir(path), 0);
    /* it is asked again in time, not at once */
    assert_int_equal(va_flush_run(f), VA_AGAIN);
    clock_ms += VA_FLUSH_RETRY_MAX_MS;
    push_many(200, 210);
    assert_int_equal(va_flush_run(f), VA_OK);
    text = va_flush_message(f, &bad);
    assert_non_null(text);
    assert_false(bad);
    assert_turns(210);
    va_flush_free(f);
}

/*
 * Killed at any moment: between the commit and the queue's moving on, in the
 * middle of a replay, or with the journal half done.  Who comes after does it
 * again, and nothing is there twice.
 */
static void test_killed(void **state)
{
    va_flush_t *f = flusher();
    va_journal_t *j;
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 1 << 20);
    for (int64_t n = 0; n < 50; n++) {
        world_turn(&b, "CA1", n, "said");
    }
    j = va_journal_new(&(va_journal_conf_t){
        .dir = spool, .max = 1 << 20, .segment_max = 1 << 20});
    assert_int_equal(va_journal_append(j, va_buf_view(&b), 1), VA_OK);
    va_journal_free(j);
    push_many(0, 60);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(60);
    push_many(0, 70);
    va_flush_free(f);
    f = flusher();
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(70);
    va_buf_free(&b);
    va_flush_free(f);
}

/* Somebody else holds the database: what waits is safe long before that. */
static void test_locked(void **state)
{
    va_flush_t *f = flusher();
    sqlite3 *db = NULL;

    (void)state;
    push_many(0, 5);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    push_many(5, 10);
    clock_step = 200;
    assert_int_equal(va_flush_run(f), VA_AGAIN);
    assert_int_equal(va_ring_pushed(ring), va_ring_taken(ring));
    assert_true(shared.journal > 0);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(db);
    clock_step = 0;
    clock_ms += VA_FLUSH_RETRY_MAX_MS;
    push_many(10, 15);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(15);
    va_flush_free(f);
}

/*
 * No byte more on the disk: the queue keeps what it has room for, what it has
 * not is refused to the caller, and all of the rest is written in the end.
 */
static void test_full(void **state)
{
    static const char words[] = "that find no place on a disk that is full";
    struct rlimit old, small;
    va_flush_t *f = flusher();
    int64_t n = 1000, kept;
    bool bad;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    push_many(0, 1000);
    assert_int_equal(va_flush_run(f), VA_OK);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &small);
    while (push(n, words)) {
        n++;
        if (n % 100 == 0) {
            clock_ms += 1000;
            (void)va_flush_run(f);
        }
    }
    kept = n;
    assert_non_null(va_flush_message(f, &bad));
    assert_true(bad);
    assert_true(kept > 1000);
    clock_ms += 10000;
    assert_int_equal(va_flush_run(f), VA_AGAIN);
    assert_false(push(n, words));
    setrlimit(RLIMIT_FSIZE, &old);
    clock_ms += 10000;
    while (va_flush_run(f) == VA_AGAIN) {
        clock_ms += 10000;
    }
    assert_turns(kept);
    va_flush_free(f);
}

/* The disk of the journal is full, the database is not there: nothing is lost
 * that was taken; and the other way round nothing is even noticed. */
static void test_no_journal(void **state)
{
    va_flush_t *f;
    bool bad;

    (void)state;
    conf.journal = "/nonexistent/journal";
    f = flusher();
    push_many(0, 10);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(10);
    assert_int_equal(rename(path, spool), -1);
    world_empty(dir);
    assert_int_equal(mkdir(path, 0700), 0);
    push_many(10, 20);
    assert_int_equal(va_flush_run(f), VA_AGAIN);
    assert_non_null(va_flush_message(f, &bad));
    assert_int_equal(rmdir(path), 0);
    clock_ms += VA_FLUSH_RETRY_MAX_MS;
    push_many(0, 10);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(20);
    assert_int_equal(mkdir(spool, 0700), 0);
    va_flush_free(f);
}

/* The wall clock may jump: nothing waits for it. */
static void test_clock(void **state)
{
    va_flush_t *f = flusher();

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    push_many(0, 10);
    (void)va_flush_run(f);
    wall_ms -= 86400000;
    push_many(10, 20);
    (void)va_flush_run(f);
    wall_ms += 2 * 86400000LL;
    push_many(20, 30);
    (void)va_flush_run(f);
    assert_int_equal(rmdir(path), 0);
    clock_ms += VA_FLUSH_RETRY_MAX_MS;
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_turns(30);
    va_flush_free(f);
}

/* Old calls go, in small portions, and others stay. */
static void test_keep(void **state)
{
    va_flush_t *f;
    va_buf_t b;
    char sid[16];

    (void)state;
    conf.keep_ms = 86400000;
    f = flusher();
    va_buf_init(&b, 65536);
    for (int n = 0; n < 500; n++) {
        snprintf(sid, sizeof(sid), "CA%d", n);
        va_buf_reset(&b);
        world_call(&b, sid, 1, "completed");
        world_turn(&b, sid, 2, "words");
        assert_int_equal(va_ring_push(ring, va_buf_view(&b)), VA_OK);
    }
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(number("SELECT count(*) FROM calls"), 500);
    wall_ms += 86400001;
    va_buf_reset(&b);
    world_turn(&b, "CAnew", wall_ms - 1700000000000, "words");
    assert_int_equal(va_ring_push(ring, va_buf_view(&b)), VA_OK);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(number("SELECT count(*) FROM calls"), 501);
    clock_ms += VA_FLUSH_SWEEP_MS;
    assert_int_equal(va_flush_due(&conf) <= clock_ms, 1);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(number("SELECT count(*) FROM calls"), 1);
    assert_int_equal(number("SELECT count(*) FROM turns"), 1);
    assert_int_equal(shared.deleted, 500);
    va_buf_free(&b);
    va_flush_free(f);
}

/* A file that was moved away is not written to any more. */
static void test_moved(void **state)
{
    va_flush_t *f = flusher();
    char other[320];

    (void)state;
    push_many(0, 10);
    assert_int_equal(va_flush_run(f), VA_OK);
    snprintf(other, sizeof(other), "%s.old", path);
    assert_int_equal(rename(path, other), 0);
    push_many(10, 20);
    (void)va_flush_run(f);
    clock_ms += VA_FLUSH_RETRY_MAX_MS;
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(number("SELECT count(*) FROM turns WHERE id >= 10"), 10);
    va_flush_free(f);
}

/* The end of the process does not wait for long. */
static void test_stop(void **state)
{
    va_flush_t *f = flusher();
    sqlite3 *db = NULL;
    uint64_t begin;

    (void)state;
    push_many(0, 5);
    assert_int_equal(va_flush_run(f), VA_OK);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    push_many(5, 10);
    stopping = true;
    clock_step = 20;
    begin = clock_ms;
    assert_int_equal(va_flush_run(f), VA_AGAIN);
    assert_true(clock_ms - begin < 3000);
    assert_int_equal(va_ring_pushed(ring), va_ring_taken(ring));
    sqlite3_close(db);
    va_flush_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
