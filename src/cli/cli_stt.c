#include "cli_stt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../audio/va_g711.h"
#include "../audio/va_wav.h"
#include "../wire/va_json.h"

#define UNIX_PREFIX "http://unix:"
#define REPLY_MAX 65536
#define CONNECT_MS 5000
#define TOTAL_MS 30000

bool cli_stt_init(cli_stt_t *stt, const char *base, const char *model,
                  const char *key, char error[CLI_ERROR])
{
    const char *path = base, *colon;
    size_t skip = strlen(UNIX_PREFIX), n = strlen(base);
    cli_url_t u;

    memset(stt, 0, sizeof(*stt));
    stt->model = model;
    stt->key = key;
    while (n > 0 && base[n - 1] == '/') {
        n--;
    }
    if (strncmp(base, UNIX_PREFIX, skip) == 0) {
        colon = strchr(base + skip, ':');
        if (colon == NULL || colon == base + skip ||
            (size_t)(colon - base) - skip >= sizeof(stt->unix_socket)) {
            snprintf(error, CLI_ERROR, "\"%.160s\" is not http://unix:PATH:/..",
                     base);
            return false;
        }
        va_str_copy(stt->unix_socket, sizeof(stt->unix_socket),
                    (va_str_t){base + skip, (size_t)(colon - base) - skip});
        path = colon + 1;
        n -= n > (size_t)(path - base) ? (size_t)(path - base) : n;
        snprintf(stt->url, sizeof(stt->url),
                 "http://localhost%.*s/audio/transcriptions",
                 (int)(n < CLI_URL_MAX - 32 ? n : CLI_URL_MAX - 32), path);
        return true;
    }
    if (!cli_url_parse(&u, base) || strncmp(u.scheme, "http", 4) != 0) {
        snprintf(error, CLI_ERROR, "\"%.160s\" is not an http URL", base);
        return false;
    }
    snprintf(stt->url, sizeof(stt->url), "%.*s/audio/transcriptions", (int)n,
             base);
    return true;
}

/* Makes a WAV file of linear audio, which every such endpoint reads. */
static bool write_wav(va_buf_t *wav, const uint8_t *ulaw, size_t n)
{
    uint8_t header[VA_WAV_HEADER], *out;
    int16_t pcm[VA_FRAME];
    size_t i, k, part;

    va_wav_header(header, VA_WAV_PCM, VA_RATE, 1, (uint32_t)(2 * n));
    va_buf_append(wav, header, sizeof(header));
    for (i = 0; i < n; i += part) {
        part = n - i < VA_FRAME ? n - i : VA_FRAME;
        va_ulaw_decode(pcm, ulaw + i, part);
        out = va_buf_reserve(wav, 2 * part);
        if (out == NULL) {
            return false;
        }
        for (k = 0; k < part; k++) {
            out[2 * k] = (uint8_t)((uint16_t)pcm[k] & 0xff);
            out[2 * k + 1] = (uint8_t)((uint16_t)pcm[k] >> 8);
        }
        wav->len += 2 * part;
    }
    return wav->rc == VA_OK;
}

cli_http_t *cli_stt_start(const cli_stt_t *stt, cli_loop_t *loop,
                          const uint8_t *ulaw, size_t n, cli_http_done_pt done,
                          void *ctx)
{
    cli_http_request_t req = {.url = stt->url,
                              .model = stt->model,
                              .connect_ms = CONNECT_MS,
                              .total_ms = TOTAL_MS,
                              .max_body = REPLY_MAX};
    char bearer[1024];
    cli_http_t *h = NULL;
    va_buf_t wav;

    if (n > CLI_STT_SECONDS * VA_RATE) {
        n = CLI_STT_SECONDS * VA_RATE;
    }
    va_buf_init(&wav, 2 * (size_t)CLI_STT_SECONDS * VA_RATE + VA_WAV_HEADER);
    req.unix_socket = stt->unix_socket[0] != '\0' ? stt->unix_socket : NULL;
    req.headers[0] = "Expect:";
    if (stt->key != NULL) {
        snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", stt->key);
        req.headers[1] = bearer;
    }
    if (write_wav(&wav, ulaw, n)) {
        req.wav = va_buf_view(&wav);
        h = cli_http_start(loop, &req, done, ctx);
    }
    va_buf_free(&wav);
    return h;
}

char *cli_stt_text(const cli_http_reply_t *reply, char error[CLI_ERROR])
{
    va_json_t *v;
    va_str_t text;
    char *out = NULL;

    if (reply->status != 200) {
        snprintf(error, CLI_ERROR, "transcription: %s%.150s",
                 reply->status != 0 ? "the endpoint refused it" : "",
                 reply->error);
        return NULL;
    }
    v = va_json_parse(reply->body, error, CLI_ERROR);
    if (v != NULL) {
        text = va_json_str(v, "text");
        if (text.data != NULL) {
            out = va_str_dup(text);
        } else {
            snprintf(error, CLI_ERROR,
                     "transcription: no \"text\" in the "
                     "reply");
        }
        va_json_free(v);
    }
    return out;
}
