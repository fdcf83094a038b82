/*
 * Tools that the assistant has of its own: what the model can do to the call.
 */
#ifndef VA_TOOLS_H
#define VA_TOOLS_H

#include "../ai/va_ai.h"

VA_BEGIN_DECLS

/* Ends the call when what was said has been heard; no arguments. */
extern const va_ai_tool_t va_tool_hang_up;

/* Hands the call over; "to" is a name that the user of the core knows. */
extern const va_ai_tool_t va_tool_transfer;

/* Presses the keys "digits". */
extern const va_ai_tool_t va_tool_send_dtmf;

/* Asks the caller to say it again; no arguments. */
extern const va_ai_tool_t va_tool_repeat;

VA_END_DECLS

#endif
