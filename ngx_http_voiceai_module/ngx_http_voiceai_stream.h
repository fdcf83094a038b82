
/*
 * A WebSocket of the transport, as the two files know it which drive it: one
 * moves bytes, the other makes and reads them.
 */


#ifndef _NGX_HTTP_VOICEAI_STREAM_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_STREAM_H_INCLUDED_


#include "ngx_http_voiceai_loop.h"

#include "../src/wire/va_ws.h"
#include "../src/wire/va_ws_client.h"


#define NGX_HTTP_VOICEAI_MASKS  256


/* Only the thread knows it. */

struct ngx_http_voiceai_stream_s {
    ngx_http_voiceai_job_t     *job;
    curl_socket_t               fd;
    uint32_t                    events;     /* in the epoll */

    va_ws_client_t             *client;     /* until it is open */
    va_ws_t                    *ws;
    va_ai_pace_t                pace;
    ngx_uint_t                  status;     /* of a refusal */
    ngx_int_t                   retry_after;

    va_buf_t                    out;        /* frames to be sent */
    va_buf_t                    payload;    /* of the one being made */
    va_buf_t                    mic;        /* what the event loop gave */
    va_buf_t                    audio;      /* too little for a message */

    ngx_msec_t                  sent;       /* audio, or what stands for it */
    ngx_msec_t                  heard;      /* from the peer */
    ngx_msec_t                  asked;      /* to finalize */

    ngx_queue_t                 again;

    ngx_uint_t                  nmasks;
    u_char                      masks[NGX_HTTP_VOICEAI_MASKS];

    unsigned                    open:1;     /* may send messages */
    unsigned                    asking:1;
    unsigned                    pinged:1;
    unsigned                    queued:1;
    unsigned                    complete:1;  /* closed in order */
};


VA_BEGIN_DECLS

/* ngx_http_voiceai_transport_stream.c */

ngx_int_t ngx_http_voiceai_stream_opened(ngx_http_voiceai_job_t *job);

/* ngx_http_voiceai_transport_ws.c: NGX_ERROR says that the job has to end */

ngx_int_t ngx_http_voiceai_stream_request(ngx_http_voiceai_job_t *job);
ngx_int_t ngx_http_voiceai_stream_feed(ngx_http_voiceai_job_t *job,
    u_char *data, size_t len);
void ngx_http_voiceai_stream_lost(ngx_http_voiceai_job_t *job);
ngx_int_t ngx_http_voiceai_stream_frame(ngx_http_voiceai_stream_t *s,
    va_ws_opcode_t opcode, const void *data, size_t len);
void ngx_http_voiceai_stream_farewell(ngx_http_voiceai_stream_t *s,
    ngx_uint_t code);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_STREAM_H_INCLUDED_ */
