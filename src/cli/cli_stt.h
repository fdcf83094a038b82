/*
 * An ear for the caller: what the assistant said, transcribed by any endpoint
 * that speaks OpenAI's protocol.
 * https://platform.openai.com/docs/api-reference/audio/createTranscription
 */
#ifndef CLI_STT_H
#define CLI_STT_H

#include "cli_http.h"
#include "cli_url.h"

#define CLI_STT_SECONDS 120 /* longest piece of audio sent */

typedef struct {
    char url[CLI_URL_MAX + 32];
    char unix_socket[108]; /* "" for none */
    const char *model;
    const char *key; /* bearer token, or NULL */
} cli_stt_t;

VA_BEGIN_DECLS

/*
 * Reads a base URL such as "http://127.0.0.1:8090/v1" or
 * "http://unix:/run/voiceai.sock:/v1".
 */
bool cli_stt_init(cli_stt_t *stt, const char *base, const char *model,
                  const char *key, char error[CLI_ERROR]);

/* Sends n bytes of mu-law.  Returns NULL without memory. */
cli_http_t *cli_stt_start(const cli_stt_t *stt, cli_loop_t *loop,
                          const uint8_t *ulaw, size_t n, cli_http_done_pt done,
                          void *ctx);

/*
 * Reads the reply.  Returns the text for free(3), or NULL with error filled.
 */
char *cli_stt_text(const cli_http_reply_t *reply, char error[CLI_ERROR]);

VA_END_DECLS

#endif
