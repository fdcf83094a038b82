
/*
 * What happens to calls, told in one place: who wants to remember or count it
 * listens here, and the conversation does not know of them.
 */


#ifndef _NGX_HTTP_VOICEAI_OBSERVE_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_OBSERVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_voiceai_zone.h"

#include "../src/dialog/va_call.h"
#include "../src/wire/va_form.h"


VA_BEGIN_DECLS

/*
 * Something happened to the call of rec, which is as it stands now: announced,
 * refused, made, connected-again, transferred, hung-up, stream-started,
 * stream-ended, status; and phase and turn, of which the others tell more.
 */
void ngx_http_voiceai_observe_event(ngx_http_voiceai_record_t *rec,
    const char *name);

/* The caller said text, or pressed it; confidence as va_action_t has it. */
void ngx_http_voiceai_observe_heard(ngx_http_voiceai_record_t *rec,
    va_str_t text, float confidence);

/* The assistant's turn is over; times is NULL when none were taken. */
void ngx_http_voiceai_observe_spoke(ngx_http_voiceai_record_t *rec,
    va_str_t text, ngx_uint_t interrupted, const va_turn_times_t *times);

/* A status callback, which may tell of a recording. */
void ngx_http_voiceai_observe_form(ngx_http_voiceai_record_t *rec,
    const va_form_t *form);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_OBSERVE_H_INCLUDED_ */
