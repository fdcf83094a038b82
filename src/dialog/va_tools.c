#include "va_tools.h"

const va_ai_tool_t va_tool_hang_up = {
    .name = VA_STR("hang_up"),
    .description =
        VA_STR("Ends the phone call once your reply has been spoken. Use it "
               "when the caller says goodbye or has no more requests, and say "
               "goodbye in the same reply."),
};

const va_ai_tool_t va_tool_transfer = {
    .name = VA_STR("transfer"),
    .description =
        VA_STR("Transfers the caller to a person or department once your reply "
               "has been spoken. Say in the same reply whom you are putting "
               "the caller through to."),
    .schema = VA_STR("{\"type\":\"object\",\"properties\":{\"to\":{\"type\":"
                     "\"string\"}},\"required\":[\"to\"]}"),
};

const va_ai_tool_t va_tool_send_dtmf = {
    .name = VA_STR("send_dtmf"),
    .description =
        VA_STR("Presses telephone keys, for a menu that a machine reads out on "
               "the other side. They are pressed once your reply has been "
               "spoken; w waits half a second."),
    .schema = VA_STR("{\"type\":\"object\",\"properties\":{\"digits\":{"
                     "\"type\":\"string\",\"pattern\":\"^[0-9*#wW]{1,32}$\"}},"
                     "\"required\":[\"digits\"]}"),
};

const va_ai_tool_t va_tool_repeat = {
    .name = VA_STR("ask_to_repeat"),
    .description =
        VA_STR("Asks the caller to say it again. Use it alone, when what the "
               "caller said makes no sense or was cut off."),
};
