/* Recorded speech for tests: prompts of asterisk-core-sounds-en-wav. */
#ifndef TEST_RECORDING_H
#define TEST_RECORDING_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define RECORDINGS "/usr/share/asterisk/sounds/en_US_f_Allison/"

/*
 * Reads at most n samples of a recording.  Returns how many; the test fails if
 * there is none.
 */
static inline size_t read_recording(const char *name, int16_t *pcm, size_t n)
{
    char path[256], head[44];
    FILE *f;

    snprintf(path, sizeof(path), RECORDINGS "%s.wav", name);
    f = fopen(path, "rb");
    if (!f) {
        fail_msg("%s is missing: install asterisk-core-sounds-en-wav", path);
        return 0;
    }
    assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
    assert_memory_equal(head + 36, "data", 4);
    n = fread(pcm, sizeof(*pcm), n, f);
    fclose(f);
    assert_true(n > 0);
    return n;
}

#endif
