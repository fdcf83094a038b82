#include "cli_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../audio/va_wav.h"

struct cli_record {
    FILE *f;
    unsigned channels;
    uint32_t bytes;
};

static void write_header(cli_record_t *r)
{
    uint8_t header[VA_WAV_HEADER];

    va_wav_header(header, VA_WAV_PCM, VA_RATE, r->channels, r->bytes);
    fwrite(header, 1, sizeof(header), r->f);
}

cli_record_t *cli_record_new(const char *path, bool stereo,
                             char error[CLI_ERROR])
{
    cli_record_t *r = calloc(1, sizeof(*r));

    if (r != NULL) {
        r->channels = stereo ? 2 : 1;
        r->f = fopen(path, "wb");
        if (r->f != NULL) {
            write_header(r);
            return r;
        }
    }
    snprintf(error, CLI_ERROR, "%.160s: %s", path, strerror(errno));
    free(r);
    return NULL;
}

void cli_record_frame(cli_record_t *r, const uint8_t caller[VA_FRAME],
                      const uint8_t assistant[VA_FRAME])
{
    int16_t left[VA_FRAME], right[VA_FRAME];
    uint8_t out[4 * VA_FRAME];
    size_t i, n = 0;

    if (r->bytes > UINT32_MAX - 65536) {
        return;
    }
    va_ulaw_decode(left, caller, VA_FRAME);
    va_ulaw_decode(right, assistant, VA_FRAME);
    for (i = 0; i < VA_FRAME; i++) {
        if (r->channels == 2) {
            out[n++] = (uint8_t)((uint16_t)left[i] & 0xff);
            out[n++] = (uint8_t)((uint16_t)left[i] >> 8);
        }
        out[n++] = (uint8_t)((uint16_t)right[i] & 0xff);
        out[n++] = (uint8_t)((uint16_t)right[i] >> 8);
    }
    r->bytes += (uint32_t)fwrite(out, 1, n, r->f);
}

bool cli_record_close(cli_record_t *r)
{
    bool ok;

    if (r == NULL) {
        return true;
    }
    ok = fseek(r->f, 0, SEEK_SET) == 0;
    write_header(r);
    ok = ok && !ferror(r->f);
    ok = fclose(r->f) == 0 && ok;
    free(r);
    return ok;
}
