/* The journal: torn at every byte, full, and left by others. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "store/va_journal.h"
#include "store_world.h"

#define BATCH 262144

static char dir[256];

static va_journal_t *journal(uint64_t max, uint64_t segment)
{
    va_journal_t *j = va_journal_new(
        &(va_journal_conf_t){.dir = dir, .max = max, .segment_max = segment});

    assert_non_null(j);
    return j;
}

static void append(va_journal_t *j, int64_t n, va_rc_t rc)
{
    va_buf_t b;

    va_buf_init(&b, 65536);
    world_turn(&b, "CA1", 2 * n, "some words that were said");
    assert_int_equal(va_journal_append(j, va_buf_view(&b), 1000 + n), rc);
    va_buf_free(&b);
}

/* Reads everything: ids from first on, each once, one missing at most. */
static size_t read_all(va_journal_t *j, int64_t first, int64_t missing)
{
    size_t count, total = 0, at, n;
    va_str_t payload;
    va_record_t rec;
    va_buf_t b;

    va_buf_init(&b, BATCH + 1);
    while (va_journal_read(j, &b, BATCH, &count) == VA_OK) {
        for (at = 0; at < b.len; at += n) {
            assert_int_equal(
                va_record_frame((va_str_t){b.data + at, b.len - at}, &n,
                                &payload),
                VA_OK);
            assert_int_equal(va_record_read(&rec, payload), VA_OK);
            if (first == missing) {
                first++;
            }
            /* even ones, because they are of one size */
            assert_int_equal(rec.id, 2 * first++);
        }
        total += count;
        va_journal_done(j);
        va_buf_reset(&b);
    }
    va_buf_free(&b);
    return total;
}

static void segment(char *path, size_t cap)
{
    struct dirent *entry;
    DIR *d = opendir(dir);

    path[0] = '\0';
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, cap, "%s/%s", dir, entry->d_name);
        }
    }
    closedir(d);
}

static int setup(void **state)
{
    (void)state;
    world_dir(dir, sizeof(dir));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_gone(dir);
    return 0;
}

/* In order, over many segments, and nothing stays behind. */
static void test_order(void **state)
{
    va_journal_t *j = journal(1 << 20, 1000);
    char path[1024];

    (void)state;
    assert_int_equal(va_journal_scan(j), VA_AGAIN);
    for (int i = 0; i < 100; i++) {
        append(j, i, VA_OK);
    }
    assert_true(va_journal_bytes(j) > 5000);
    va_journal_free(j);
    j = journal(1 << 20, 1000);
    assert_int_equal(va_journal_scan(j), VA_OK);
    assert_int_equal(read_all(j, 0, -1), 100);
    assert_int_equal(va_journal_bytes(j), 0);
    assert_int_equal(va_journal_spoilt(j), 0);
    segment(path, sizeof(path));
    assert_string_equal(path, "");
    va_journal_free(j);
}

/* What is appended while it is read comes behind. */
static void test_append_while_read(void **state)
{
    va_journal_t *j = journal(1 << 20, 1 << 20);
    va_buf_t b;
    size_t count;

    (void)state;
    va_buf_init(&b, BATCH + 1);
    append(j, 0, VA_OK);
    va_journal_close(j);
    assert_int_equal(va_journal_scan(j), VA_OK);
    assert_int_equal(va_journal_read(j, &b, BATCH, &count), VA_OK);
    assert_int_equal(count, 1);
    append(j, 1, VA_OK);
    /* not done: the same again */
    va_journal_close(j);
    assert_int_equal(va_journal_scan(j), VA_OK);
    assert_int_equal(read_all(j, 0, -1), 2);
    append(j, 2, VA_OK);
    append(j, 3, VA_OK);
    assert_int_equal(read_all(j, 2, -1), 2);
    va_buf_free(&b);
    va_journal_free(j);
}

/*
 * A process that is killed leaves the file cut between any two bytes: whole
 * frames are read, the rest is not, and what is appended afterwards is.
 */
static void test_torn(void **state)
{
    va_journal_t *j = journal(1 << 20, 1 << 20);
    char path[1024], data[4096];
    ssize_t size, one;
    int fd;

    (void)state;
    append(j, 0, VA_OK);
    one = (ssize_t)va_journal_bytes(j);
    append(j, 1, VA_OK);
    append(j, 2, VA_OK);
    va_journal_free(j);
    segment(path, sizeof(path));
    fd = open(path, O_RDONLY);
    size = read(fd, data, sizeof(data));
    close(fd);
    assert_int_equal(size, 3 * one);
    for (ssize_t cut = 0; cut <= size; cut++) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, data, (size_t)cut), cut);
        close(fd);
        j = journal(1 << 20, 1 << 20);
        (void)va_journal_scan(j);
        append(j, cut / one, VA_OK);
        assert_int_equal(read_all(j, 0, -1), cut / one + 1);
        assert_int_equal(va_journal_spoilt(j), cut % one);
        va_journal_free(j);
    }
}

/* A byte that rots takes its record with it and no other. */
static void test_rot(void **state)
{
    va_journal_t *j = journal(1 << 20, 1 << 20);
    char path[1024], data[4096];
    ssize_t size, one;
    int fd;

    (void)state;
    append(j, 0, VA_OK);
    one = (ssize_t)va_journal_bytes(j);
    append(j, 1, VA_OK);
    append(j, 2, VA_OK);
    va_journal_free(j);
    segment(path, sizeof(path));
    fd = open(path, O_RDONLY);
    size = read(fd, data, sizeof(data));
    close(fd);
    for (ssize_t i = 0; i < size; i++) {
        data[i] ^= 0x10;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, data, (size_t)size), size);
        close(fd);
        data[i] ^= 0x10;
        j = journal(1 << 20, 1 << 20);
        assert_int_equal(va_journal_scan(j), VA_OK);
        assert_int_equal(read_all(j, 0, i / one), 2);
        va_journal_free(j);
    }
}

/* Its size is kept, and what does not fit leaves no trace. */
static void test_full(void **state)
{
    va_journal_t *j = journal(1000, 400);
    int64_t n = 0;
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 65536);
    for (;;) {
        va_buf_reset(&b);
        world_turn(&b, "CA1", 2 * n, "some words that were said");
        if (va_journal_append(j, va_buf_view(&b), 1000) != VA_OK) {
            break;
        }
        n++;
    }
    assert_true(n > 2);
    assert_non_null(strstr(va_journal_error(j), "1000 bytes"));
    assert_true(va_journal_bytes(j) <= 1000);
    append(j, n, VA_LIMIT);
    va_journal_close(j);
    assert_int_equal(va_journal_scan(j), VA_OK);
    append(j, n, VA_LIMIT);
    assert_int_equal(read_all(j, 0, -1), n);
    append(j, n, VA_OK);
    assert_int_equal(read_all(j, n, -1), 1);
    va_buf_free(&b);
    va_journal_free(j);
}

/* A disk that takes half a record: a limit of the kernel's stands for it. */
static void test_disk(void **state)
{
    struct rlimit old, small;
    va_journal_t *j = journal(1 << 20, 1 << 20);
    uint64_t one;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    append(j, 0, VA_OK);
    one = va_journal_bytes(j);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = one + one / 2;
    setrlimit(RLIMIT_FSIZE, &small);
    append(j, 1, VA_FAILED);
    append(j, 1, VA_FAILED);
    setrlimit(RLIMIT_FSIZE, &old);
    append(j, 1, VA_OK);
    va_journal_close(j);
    assert_int_equal(va_journal_scan(j), VA_OK);
    assert_int_equal(read_all(j, 0, -1), 2);
    assert_int_equal(va_journal_spoilt(j), 0);
    va_journal_free(j);
}

/* A segment of a process that lives is left alone, one that died is not. */
static void test_orphan(void **state)
{
    va_journal_t *a = journal(1 << 20, 1 << 20), *b = journal(1 << 20, 1 << 20);
    char path[1024];

    (void)state;
    append(a, 0, VA_OK);
    assert_int_equal(va_journal_scan(b), VA_AGAIN);
    append(b, 5, VA_OK);
    assert_int_equal(read_all(b, 5, -1), 1);
    va_journal_free(a);
    assert_int_equal(va_journal_scan(b), VA_OK);
    assert_int_equal(read_all(b, 0, -1), 1);
    segment(path, sizeof(path));
    assert_string_equal(path, "");
    va_journal_free(b);
}

/* Other files in the folder, and no folder at all. */
static void test_folder(void **state)
{
    va_journal_t *j;
    char path[1024];
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "%s/notes.txt", dir);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    close(fd);
    snprintf(path, sizeof(path), "%s/0000000000000001-00000001.vj", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    j = journal(1 << 20, 1 << 20);
    assert_int_equal(va_journal_scan(j), VA_AGAIN);
    assert_int_equal(va_journal_bytes(j), 0);
    va_journal_free(j);
    j = va_journal_new(&(va_journal_conf_t){
        .dir = "/nonexistent/folder", .max = 1 << 20, .segment_max = 1 << 20});
    assert_int_equal(va_journal_scan(j), VA_FAILED);
    append(j, 1, VA_FAILED);
    assert_non_null(strstr(va_journal_error(j), "/nonexistent/folder"));
    va_journal_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_while_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
