#include "va_ai_trim.h"

#define ENVELOPE 4 /* tokens around the text of a message */

size_t va_ai_tokens(va_str_t text)
{
    size_t ascii = 0;
    size_t others = 0;
    size_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        ascii += c < 0x80;
        others += c >= 0xc0;
    }
    return ascii / 4 + (ascii % 4 != 0) + others;
}

static bool begins_turn(const va_ai_message_t *m, size_t i)
{
    return m[i].role == VA_ROLE_USER &&
           (i == 0 || m[i - 1].role != VA_ROLE_USER);
}

size_t va_ai_trim(va_str_t prompt, const va_ai_message_t *messages, size_t n,
                  size_t max_tokens, size_t max_turns)
{
    size_t tokens = va_ai_tokens(prompt) + ENVELOPE;
    size_t first = n;
    size_t turns = 0;
    size_t i = n;

    while (i-- != 0) {
        const va_ai_message_t *m = &messages[i];

        tokens += va_ai_tokens(m->text) + va_ai_tokens(m->tool_name) +
                  va_ai_tokens(m->tool_args) + ENVELOPE;
        /* What the assistant said before the caller did is told, or not. */
        if (!begins_turn(messages, i) && i != 0) {
            continue;
        }
        turns += begins_turn(messages, i);
        if (first != n && ((max_tokens != 0 && tokens > max_tokens) ||
                           (max_turns != 0 && turns > max_turns))) {
            break;
        }
        first = i;
    }
    return first != n ? first : 0;
}
