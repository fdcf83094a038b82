
/*
 * The records of all calls, in memory shared by all workers.
 *
 * The slots are made when the zone is born; a call takes one or is refused.
 * Records are copied in and out under the zone's lock, so nothing outside of
 * the zone's files points into shared memory.
 */


#ifndef _NGX_HTTP_VOICEAI_ZONE_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "../src/base/va_base.h"
#include "../src/dialog/va_turns.h"


#define NGX_HTTP_VOICEAI_SID_LEN      128
#define NGX_HTTP_VOICEAI_ADDR_LEN     128
#define NGX_HTTP_VOICEAI_TOKEN_LEN    32
#define NGX_HTTP_VOICEAI_PARAMS_LEN   2048
#define NGX_HTTP_VOICEAI_SAY_LEN      1024
#define NGX_HTTP_VOICEAI_HISTORY_LEN  4096
#define NGX_HTTP_VOICEAI_PROMPT_LEN   4096
#define NGX_HTTP_VOICEAI_VOICE_LEN    128
#define NGX_HTTP_VOICEAI_NAME_LEN     16

/* workers of all generations that a zone knows */
#define NGX_HTTP_VOICEAI_WORKERS      128

/* times that one call may be connected again */
#define NGX_HTTP_VOICEAI_CONNECTS     512

/* an announced call whose stream never comes */
#define NGX_HTTP_VOICEAI_ANNOUNCED_TIME  300
/* a call that has ended, kept for late requests */
#define NGX_HTTP_VOICEAI_ENDED_TIME      120
/* a call that lost its stream and may come back */
#define NGX_HTTP_VOICEAI_LOST_TIME       120
/* a call that was transferred: Twilio ends it after four hours */
#define NGX_HTTP_VOICEAI_DIALING_TIME    (4 * 3600 + 300)


typedef enum {
    NGX_HTTP_VOICEAI_FREE = 0,
    NGX_HTTP_VOICEAI_ANNOUNCED,   /* the webhook was answered */
    NGX_HTTP_VOICEAI_STREAMING,   /* a worker has its socket */
    NGX_HTTP_VOICEAI_LOST,        /* the socket went, the call goes on */
    NGX_HTTP_VOICEAI_DIALING,     /* transferred, and may come back */
    NGX_HTTP_VOICEAI_ENDED,       /* the conversation is over */
    NGX_HTTP_VOICEAI_REMOTE       /* another machine has its socket */
} ngx_http_voiceai_state_e;


/* A short string in place. */
#define ngx_http_voiceai_field(name, cap)                                     \
    u_short  name##_len;                                                      \
    u_char   name[cap]


typedef struct {
    ngx_http_voiceai_state_e  state;
    ngx_pid_t                 owner;      /* worker that has the socket */
    ngx_uint_t                connects;   /* streams so far */
    time_t                    created;
    time_t                    updated;
    ngx_uint_t                status;     /* va_status_t of Twilio */
    uint32_t                  seen;       /* its newest sequence number */
    ngx_uint_t                answered_by;
    ngx_uint_t                phase;      /* va_phase_t */
    ngx_uint_t                turns;      /* of the caller, all streams */
    ngx_uint_t                interruptions;
    ngx_uint_t                failures;
    ngx_msec_t                latency;    /* of the last answer */
    ngx_uint_t                asked;      /* gather: times in vain, in a row */
    ngx_uint_t                answered;   /* gather: the turn that say is
                                             the answer to */

    unsigned                  hangup:1;   /* after what is to be said */
    unsigned                  gather:1;   /* no stream: TwiML only */
    unsigned                  resumed:1;  /* came back from a loss */
    unsigned                  moved:1;    /* given to another worker */
    unsigned                  recovered:1;  /* asked to come back by REST */

    u_char                    wake[NGX_HTTP_VOICEAI_NAME_LEN];  /* of owner */

    ngx_http_voiceai_field(sid, NGX_HTTP_VOICEAI_SID_LEN);
    ngx_http_voiceai_field(account_sid, NGX_HTTP_VOICEAI_SID_LEN);
    ngx_http_voiceai_field(stream_sid, NGX_HTTP_VOICEAI_SID_LEN);
    ngx_http_voiceai_field(from, NGX_HTTP_VOICEAI_ADDR_LEN);
    ngx_http_voiceai_field(to, NGX_HTTP_VOICEAI_ADDR_LEN);
    ngx_http_voiceai_field(direction, 32);
    ngx_http_voiceai_field(token, NGX_HTTP_VOICEAI_TOKEN_LEN);

    /* name and value, each followed by a null */
    ngx_http_voiceai_field(params, NGX_HTTP_VOICEAI_PARAMS_LEN);

    /* to be spoken by Twilio when the stream was closed for it */
    ngx_http_voiceai_field(say, NGX_HTTP_VOICEAI_SAY_LEN);

    /* an outbound call's own greeting, prompt and voice */
    ngx_http_voiceai_field(message, NGX_HTTP_VOICEAI_SAY_LEN);
    ngx_http_voiceai_field(prompt, NGX_HTTP_VOICEAI_PROMPT_LEN);
    ngx_http_voiceai_field(voice, NGX_HTTP_VOICEAI_VOICE_LEN);

    /* number or SIP address to be transferred to when the stream ends */
    ngx_http_voiceai_field(transfer, NGX_HTTP_VOICEAI_ADDR_LEN);

    /* turns, oldest first: see va_turns.h */
    ngx_http_voiceai_field(history, NGX_HTTP_VOICEAI_HISTORY_LEN);
} ngx_http_voiceai_record_t;


typedef struct {
    ngx_uint_t                slots;
    ngx_uint_t                used;
    ngx_uint_t                live;       /* calls that are not over */
    ngx_uint_t                streaming;
    ngx_uint_t                refused;    /* calls, because it was full */
    ngx_uint_t                room;       /* for another call */
    ngx_uint_t                draining;
} ngx_http_voiceai_zone_stat_t;


/* What becomes of a machine's calls; the machine is the zone. */
typedef struct {
    ngx_uint_t                on;         /* no new calls are wanted */
    ngx_uint_t                hand_over;  /* streams go to other machines */
    ngx_msec_t                since;      /* those that began before */
} ngx_http_voiceai_drain_t;


/* How the last request to Twilio went. */
typedef struct {
    ngx_uint_t                known;
    ngx_uint_t                status;     /* HTTP; 0: there was no answer */
    ngx_msec_t                at;
} ngx_http_voiceai_asked_t;


/* Which fields ngx_http_voiceai_zone_store() takes. */
#define NGX_HTTP_VOICEAI_STORE_STATUS    0x0001  /* status, seen,
                                                    answered_by */
#define NGX_HTTP_VOICEAI_STORE_TURNS     0x0002  /* phase, counters, history */
#define NGX_HTTP_VOICEAI_STORE_NEXT      0x0004  /* say, transfer, hangup */
#define NGX_HTTP_VOICEAI_STORE_OPTIONS   0x0008  /* message, prompt, voice,
                                                    params, gather */
#define NGX_HTTP_VOICEAI_STORE_STATE     0x0010  /* state, unless streaming */
#define NGX_HTTP_VOICEAI_STORE_RECOVERED 0x0020  /* recovered, resumed */
#define NGX_HTTP_VOICEAI_STORE_GATHER    0x0040  /* asked, answered */


/* Copies s into a field, cut at its size. */
#define ngx_http_voiceai_set(rec, name, s, n)                                 \
    do {                                                                      \
        size_t  n__ = ngx_min((size_t) (n), sizeof((rec)->name));             \
                                                                              \
        if (n__) {                                                            \
            ngx_memcpy((rec)->name, (s), n__);                                \
        }                                                                     \
                                                                              \
        (rec)->name##_len = (u_short) n__;                                    \
    } while (0)


VA_BEGIN_DECLS

/* The directive "voiceai_zone name [size]". */
char *ngx_http_voiceai_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When a configuration has become the one in use: a binary that is started
 * from it will find the zones.
 */
ngx_int_t ngx_http_voiceai_zone_pass(ngx_cycle_t *cycle);

/*
 * Announces a call.  rec has sid, addresses, direction and parameters.  A call
 * that is known already keeps its token and history (Twilio repeats requests),
 * and its stream if one is open.
 * On return rec is the record as it stands, with the token.
 *
 * NGX_OK
 * NGX_BUSY      there are max calls that are not over (0: any number may be)
 * NGX_ABORT     the zone is full
 * NGX_DECLINED  the call has been connected too often
 * NGX_ERROR     no random bytes for a token
 */
ngx_int_t ngx_http_voiceai_zone_announce(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t max);

/*
 * Gives the call to this worker: rec->sid names it, token is what the stream
 * brought (NULL: not checked).  On NGX_OK rec is the whole record.
 *
 * NGX_OK
 * NGX_DECLINED  no such call, the wrong token, or a stream is open already
 */
ngx_int_t ngx_http_voiceai_zone_attach(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_str_t *token, ngx_str_t *stream_sid);

/*
 * Twilio has lost the stream of rec as it was found, though its worker may not
 * have noticed: another one may attach.
 */
void ngx_http_voiceai_zone_lose(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec);

/*
 * The stream has gone; rec->state, say, hangup and history say how to go on.
 * Nothing happens when the record has been taken by a later stream.
 */
void ngx_http_voiceai_zone_detach(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec);

/*
 * Copies the record of rec->sid to rec; `take` also empties what is to be
 * said.  NGX_OK or NGX_DECLINED.
 */
ngx_int_t ngx_http_voiceai_zone_find(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t take);

/*
 * Takes in what another machine wrote of a call.  With `heir` that machine is
 * dead, and rec is on return as it stands.  NGX_OK, or NGX_DECLINED when there
 * is no room or a stream is open here.
 */
ngx_int_t ngx_http_voiceai_zone_import(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t heir);

/*
 * Adds a turn to the history of rec, which is nobody else's.  The oldest turns
 * make room.
 */
void ngx_http_voiceai_record_turn(ngx_http_voiceai_record_t *rec,
    const va_turn_t *turn);

/* The same for what was said, confidence 0..1 or negative. */
void ngx_http_voiceai_record_said(ngx_http_voiceai_record_t *rec,
    va_role_t role, va_str_t text, float confidence);

/*
 * Writes the fields named by `what` of rec->sid's record; updated is set.
 * NGX_OK or NGX_DECLINED.
 */
ngx_int_t ngx_http_voiceai_zone_store(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t what);

/*
 * Copies the next record; *at is 0 at first.  The order stays while records
 * come and go, so that a list needs no long lock.  NGX_OK or NGX_DONE.
 */
ngx_int_t ngx_http_voiceai_zone_next(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, uint32_t *at);

/*
 * Workers that use the zone: each enters itself with the name of its mailbox
 * and leaves at its end.
 */
typedef struct {
    ngx_pid_t                 pid;        /* 0: free */
    ngx_pid_t                 master;
    ngx_uint_t                calls;      /* streams it has */
    ngx_uint_t                sockets;    /* media sockets, started or not */
    ngx_uint_t                listeners;  /* of events */
    ngx_uint_t                exiting;
    u_char                    name[NGX_HTTP_VOICEAI_NAME_LEN];
} ngx_http_voiceai_worker_t;

ngx_int_t ngx_http_voiceai_zone_enter(ngx_shm_zone_t *zone, u_char *name);
void ngx_http_voiceai_zone_leave(ngx_shm_zone_t *zone);

/* Adds to the number of this worker's listeners. */
void ngx_http_voiceai_zone_listen(ngx_shm_zone_t *zone, ngx_int_t change);

/*
 * Adds to the number of this worker's media sockets.  Returns by how many it
 * is above the worker that has the fewest and takes new ones.
 */
ngx_uint_t ngx_http_voiceai_zone_socket(ngx_shm_zone_t *zone,
    ngx_int_t change);

/* This worker takes no new sockets any more. */
void ngx_http_voiceai_zone_exiting(ngx_shm_zone_t *zone);

/* Copies the table; returns how many entries are in use. */
ngx_uint_t ngx_http_voiceai_zone_workers(ngx_shm_zone_t *zone,
    ngx_http_voiceai_worker_t *workers);

/* The secret that messages between workers carry, 16 bytes. */
u_char *ngx_http_voiceai_zone_secret(ngx_shm_zone_t *zone);

/*
 * Removes workers that died without leaving and marks their streams as lost.
 * Returns how many workers were removed.
 */
ngx_uint_t ngx_http_voiceai_zone_reap(ngx_shm_zone_t *zone);

void ngx_http_voiceai_zone_stat(ngx_shm_zone_t *zone,
    ngx_http_voiceai_zone_stat_t *stat);

/* ngx_http_voiceai_drain.c */

void ngx_http_voiceai_zone_drain(ngx_shm_zone_t *zone,
    ngx_http_voiceai_drain_t *drain);

/* Whether new calls are wanted, and there is a worker for them. */
ngx_uint_t ngx_http_voiceai_zone_takes(ngx_shm_zone_t *zone);

/* ngx_http_voiceai_health_page.c: Twilio has answered; 0: it has not. */
void ngx_http_voiceai_zone_asked(ngx_shm_zone_t *zone, ngx_uint_t status);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_ZONE_H_INCLUDED_ */
