#include "va_tools.h"

const va_ai_tool_t va_tool_hang_up = {
    .name = VA_STR("hang_up"),
    .description =
        VA_STR("Ends the phone call once your reply has been spoken. Use it "
               "when the caller says goodbye or has no more requests, and say "
               "goodbye in the same reply."),
};
