/* The last bit of the first byte but one chooses whose reply it is. */
#include "fuzz_ai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *kind =
        size != 0 && (data[0] & 0x80) != 0 ? "webhook" : "anthropic";

    return fuzz_ai_kind(kind, VA_AI_LLM, data, size);
}
