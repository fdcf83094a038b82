
/*
 * What a model can do: services of the user's own, and what the module itself
 * does to a call.
 */


#ifndef _NGX_HTTP_VOICEAI_TOOLS_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_TOOLS_H_INCLUDED_


#include "ngx_http_voiceai_call.h"


/* of one reply; a model that wants more has lost its way */
#define NGX_HTTP_VOICEAI_TOOL_CALLS   8
/* replies in a row that call for tools, then what was said has to do */
#define NGX_HTTP_VOICEAI_TOOL_ROUNDS  5
/* declared at most */
#define NGX_HTTP_VOICEAI_TOOLS        64
/* bytes of a tool's answer that the model is given */
#define NGX_HTTP_VOICEAI_TOOL_MAX     16384


/* A service of the user's own. */
typedef struct {
    ngx_str_t                     name;
    ngx_str_t                     description;
    ngx_str_t                     schema;
    ngx_http_voiceai_provider_t   provider;  /* params: headers */
} ngx_http_voiceai_tool_t;


/* Where a caller may be transferred to. */
typedef struct {
    ngx_str_t                     name;
    ngx_str_t                     to;
} ngx_http_voiceai_target_t;


VA_BEGIN_DECLS

/* ngx_http_voiceai_tools_conf.c */

/* Adds a header, "Name: value" or with "env:" or "file:", to a provider. */
ngx_int_t ngx_http_voiceai_tool_header(ngx_conf_t *cf,
    ngx_http_voiceai_provider_t *p, ngx_str_t *value);

/* Remembers what a model called for. */
void ngx_http_voiceai_tools_add(ngx_http_voiceai_work_t *work,
    ngx_http_voiceai_result_t *res);

/*
 * The reply is whole: does what it called for.  NGX_DECLINED: nothing, or
 * nothing that the model has to hear of; NGX_OK: the model is asked again when
 * all of it is done.
 */
ngx_int_t ngx_http_voiceai_tools_run(ngx_http_voiceai_work_t *work);

/* Adds what was called for, and what came of it, to the conversation. */
size_t ngx_http_voiceai_tools_messages(ngx_http_voiceai_work_t *work,
    va_ai_message_t *messages, size_t n, size_t max);

void ngx_http_voiceai_tools_free(ngx_http_voiceai_tools_t *tools);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_TOOLS_H_INCLUDED_ */
