#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "audio/va_vad_sums.h"

static uint32_t random_state = 1;

static int16_t draw(int most)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int16_t)((int)(random_state >> 8) % (2 * most + 1) - most);
}

static int16_t *numbers(size_t n, int most)
{
    int16_t *x = malloc(n * sizeof(*x));

    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = draw(most);
    }
    return x;
}

/* Exactly sized blocks, so that a reader past their ends is caught. */
static void compare(int rows, int inputs, int weight, int input)
{
    int16_t *w = numbers((size_t)rows * (size_t)inputs, weight);
    int16_t *in = numbers((size_t)inputs, input);
    int32_t *plain = calloc((size_t)rows, sizeof(*plain));
    int32_t *best = calloc((size_t)rows, sizeof(*best));

    assert_true(plain && best);
    memset(best, 0x55, (size_t)rows * sizeof(*best));
    va_vad_sums_plain(plain, rows, w, in, inputs);
    va_vad_sums_best()(best, rows, w, in, inputs);
    assert_memory_equal(plain, best, (size_t)rows * sizeof(*best));
    for (int j = 0; j < rows; j++) {
        int64_t sum = 0;

        for (int i = 0; i < inputs; i++) {
            sum += w[(i / 2 * rows + j) * 2 + i % 2] * in[i];
        }
        assert_int_equal(plain[j], sum);
    }
    free(w);
    free(in);
    free(plain);
    free(best);
}

static void every_way_gives_the_same_sums(void **state)
{
    (void)state;
    for (int rows = 16; rows <= 320; rows += 16) {
        for (int inputs = 2; inputs <= 96; inputs += 14) {
            compare(rows, inputs, 4000, 4200);
            compare(rows, inputs, 32767, 600);
            compare(rows, inputs, 100, 32767);
        }
    }
}

static void nothing_in_is_nothing_out(void **state)
{
    (void)state;
    compare(48, 0, 1, 1);
    compare(192, 64, 0, 1000);
    compare(192, 64, 1000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_same_sums),
        cmocka_unit_test(nothing_in_is_nothing_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
