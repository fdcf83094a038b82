/* Whoever asks for a call is understood or told why not, in one line. */
#include <stdlib.h>
#include <string.h>

#include "twilio/va_make_call.h"
#include "wire/va_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(va_str_t s, size_t max)
{
    if (s.data != NULL &&
        (s.len > max || strlen(s.data) != s.len || !va_utf8_valid(s))) {
        abort();
    }
}

static void look(const va_make_call_t *call)
{
    size_t i;

    look_at(call->to, VA_ADDRESS_MAX);
    look_at(call->from, VA_ADDRESS_MAX);
    look_at(call->message, VA_MAKE_CALL_MESSAGE_MAX);
    look_at(call->prompt, VA_MAKE_CALL_PROMPT_MAX);
    look_at(call->voice, VA_MAKE_CALL_VOICE_MAX);
    if (call->to_kind == VA_ADDRESS_NONE ||
        va_address_kind(call->to) != call->to_kind ||
        (call->from.data != NULL &&
         va_address_kind(call->from) != VA_ADDRESS_NUMBER) ||
        call->param_count > VA_MAKE_CALL_PARAMS) {
        abort();
    }
    for (i = 0; i < call->param_count; i++) {
        va_twiml_param_t p = call->params[i];

        look_at(p.name, VA_TWIML_PARAM_MAX);
        look_at(p.value, VA_TWIML_PARAM_MAX - p.name.len);
        if (p.name.len == 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t body = {(const char *)data, size};
    char error[VA_MAKE_CALL_ERROR_MAX];
    va_make_call_t *call;
    va_rc_t rc = va_make_call_parse(&call, body, error, sizeof(error));

    if ((rc == VA_OK) != (error[0] == '\0') ||
        (rc == VA_OK) != (call != NULL)) {
        abort();
    }
    if (rc == VA_OK) {
        look(call);
    } else if (!va_utf8_valid(va_str(error)) ||
               strpbrk(error, "\r\n\t\x1b") != NULL) {
        abort();
    }
    va_make_call_free(call);
    return 0;
}
