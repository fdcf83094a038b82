#include "cli_replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../audio/va_wav.h"
#include "../dialog/va_replay.h"
#include "cli.h"

#define FILE_MAX ((size_t)1 << 30)

static void print_decision(void *ctx, va_str_t line)
{
    (void)ctx;
    fwrite(line.data, 1, line.len, stdout);
    putchar('\n');
}

/* Reads a whole file.  Returns whether that worked. */
static bool read_file(va_buf_t *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    char piece[65536];
    size_t n;

    if (f == NULL) {
        cli_warn("%s: %s", path, strerror(errno));
        return false;
    }
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
        va_buf_append(b, piece, n);
    }
    if (ferror(f) || b->rc != VA_OK) {
        cli_warn("%s: cannot be read, or is too large", path);
        fclose(f);
        return false;
    }
    fclose(f);
    return true;
}

/* Leaves of a WAV file the samples of its first channel. */
static bool first_channel(va_buf_t *b, const char *path)
{
    va_wav_info_t info;
    size_t n;

    if (b->len < 4 || memcmp(b->data, "RIFF", 4) != 0) {
        return true;
    }
    if (va_wav_parse(&info, (const uint8_t *)b->data, b->len) != VA_OK ||
        info.format != VA_WAV_ULAW) {
        cli_warn("%s: not a WAV file of mu-law", path);
        return false;
    }
    n = (b->len - info.header_len) / info.channels;
    for (size_t i = 0; i < n; i++) {
        b->data[i] = b->data[info.header_len + i * info.channels];
    }
    b->len = n;
    return true;
}

/* Reads the audio that a log names, from the directory of the log. */
static bool read_audio(va_buf_t *b, const char *log, va_str_t name)
{
    const char *slash = strrchr(log, '/');
    int dir = slash != NULL ? (int)(slash - log + 1) : 0;
    char path[4096];

    if (memchr(name.data, '/', name.len) != NULL) {
        cli_warn("%s: names audio in another directory", log);
        return false;
    }
    if ((size_t)snprintf(path, sizeof(path), "%.*s%.*s", dir, log,
                         (int)name.len, name.data) >= sizeof(path)) {
        cli_warn("%s: the path of its audio is too long", log);
        return false;
    }
    return read_file(b, path) && first_channel(b, path);
}

/* Feeds the lines.  Returns the exit status. */
static int feed(va_replay_t *r, const char *path, va_str_t log, va_buf_t *audio)
{
    va_rc_t rc = VA_OK;
    bool named = false;

    while (rc == VA_OK && log.len > 0) {
        const char *end = memchr(log.data, '\n', log.len);
        size_t n = end != NULL ? (size_t)(end - log.data) : log.len;

        rc = va_replay_line(r, (va_str_t){log.data, n});
        n += end != NULL;
        log.data += n;
        log.len -= n;
        if (rc == VA_OK && !named && va_replay_file(r).len != 0) {
            named = true;
            if (!read_audio(audio, path, va_replay_file(r))) {
                return 2;
            }
            va_replay_audio(r, (const uint8_t *)audio->data, audio->len);
        }
    }
    rc = rc == VA_OK ? va_replay_end(r) : rc;
    if (rc != VA_OK) {
        cli_warn("%s: %s", path, va_replay_error(r));
        return rc == VA_FAILED ? 1 : 2;
    }
    fprintf(stderr, "%s: %zu decisions, the same\n", path,
            va_replay_compared(r));
    return 0;
}

static int replay(const char *path)
{
    va_replay_t *r = va_replay_new(print_decision, NULL);
    va_buf_t log, audio;
    int status = 2;

    va_buf_init(&log, FILE_MAX);
    va_buf_init(&audio, FILE_MAX);
    if (r != NULL && read_file(&log, path)) {
        status = feed(r, path, va_buf_view(&log), &audio);
    }
    va_replay_free(r);
    va_buf_free(&log);
    va_buf_free(&audio);
    return status;
}

int cli_replay(int argc, char **argv)
{
    int worst = 0;

    if (argc < 2 || argv[1][0] == '-') {
        cli_warn("usage: voiceai-sim replay FILE...");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        int status = replay(argv[i]);

        worst = status > worst ? status : worst;
    }
    return worst;
}
