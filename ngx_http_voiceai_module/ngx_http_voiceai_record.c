
/*
 * The records of calls: born, found, given to a worker and taken back, let go.
 */


#include "ngx_http_voiceai_fleet.h"
#include "ngx_http_voiceai_zone_sh.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


/* records looked at for one whose time is over, when a slot is wanted */
#define NGX_HTTP_VOICEAI_RECORD_LOOK     8


static ngx_http_voiceai_record_t *
ngx_http_voiceai_record_lookup(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec)
{
    va_str_t  key;

    key.data = (char *) rec->sid;
    key.len = rec->sid_len;

    return va_slots_find(ngx_http_voiceai_zone_table(sh), key);
}


/*
 * A stream whose worker has died stays marked as open: whether that is so
 * here.
 */

static ngx_uint_t
ngx_http_voiceai_record_orphan(ngx_http_voiceai_record_t *rec)
{
    return kill(rec->owner, 0) == -1 && ngx_errno == NGX_ESRCH;
}


#define ngx_http_voiceai_record_live(state)                                   \
    ((state) != NGX_HTTP_VOICEAI_FREE && (state) != NGX_HTTP_VOICEAI_ENDED    \
     && (state) != NGX_HTTP_VOICEAI_REMOTE)


static void
ngx_http_voiceai_zone_count(ngx_http_voiceai_zone_sh_t *sh, ngx_pid_t pid,
    ngx_int_t change)
{
    ngx_http_voiceai_worker_t  *worker;

    worker = ngx_http_voiceai_zone_worker(sh, pid);

    if (worker) {
        worker->calls += change;
    }
}


void
ngx_http_voiceai_zone_state(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec, ngx_http_voiceai_state_e state)
{
    sh->live += ngx_http_voiceai_record_live(state)
                - ngx_http_voiceai_record_live(rec->state);

    if (rec->state == NGX_HTTP_VOICEAI_STREAMING) {
        sh->streaming--;
        ngx_http_voiceai_zone_count(sh, rec->owner, -1);
    }

    if (state == NGX_HTTP_VOICEAI_STREAMING) {
        sh->streaming++;
        rec->owner = ngx_pid;
        ngx_http_voiceai_zone_count(sh, rec->owner, 1);
    }

    rec->state = state;
}


void
ngx_http_voiceai_zone_recount(ngx_http_voiceai_zone_sh_t *sh)
{
    uint32_t                    at;
    ngx_uint_t                  i;
    ngx_http_voiceai_record_t  *rec;

    sh->live = 0;
    sh->streaming = 0;

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        sh->workers[i].calls = 0;
    }

    at = 0;

    while ((rec = va_slots_next(ngx_http_voiceai_zone_table(sh), &at))) {

        sh->live += ngx_http_voiceai_record_live(rec->state);

        if (rec->state == NGX_HTTP_VOICEAI_STREAMING) {
            sh->streaming++;
            ngx_http_voiceai_zone_count(sh, rec->owner, 1);
        }
    }
}


/* Whether nothing is to be expected of a call any more. */

static ngx_uint_t
ngx_http_voiceai_record_expired(ngx_http_voiceai_record_t *rec)
{
    time_t  age;

    age = ngx_time() - rec->updated;

    switch (rec->state) {

    case NGX_HTTP_VOICEAI_ANNOUNCED:
        return age >= NGX_HTTP_VOICEAI_ANNOUNCED_TIME;

    case NGX_HTTP_VOICEAI_LOST:
        return age >= NGX_HTTP_VOICEAI_LOST_TIME;

    case NGX_HTTP_VOICEAI_DIALING:
        return age >= NGX_HTTP_VOICEAI_DIALING_TIME;

    case NGX_HTTP_VOICEAI_ENDED:
    case NGX_HTTP_VOICEAI_REMOTE:
        return age >= NGX_HTTP_VOICEAI_ENDED_TIME;

    default:
        return age >= NGX_HTTP_VOICEAI_LOST_TIME
               && ngx_http_voiceai_record_orphan(rec);
    }
}


static void
ngx_http_voiceai_record_release(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec)
{
    ngx_http_voiceai_zone_state(sh, rec, NGX_HTTP_VOICEAI_FREE);
    va_slots_remove(ngx_http_voiceai_zone_table(sh), rec);
}


/*
 * A free slot for rec's sid.  Those of calls that have ended come back in their
 * order, at once when the zone is full; of the others a few are looked at each
 * time, and what is alive goes to the end so that the next look begins behind
 * it.
 */

static ngx_http_voiceai_record_t *
ngx_http_voiceai_record_take(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec)
{
    va_str_t                    key;
    ngx_uint_t                  i;
    va_slots_t                 *table;
    ngx_http_voiceai_record_t  *old;

    table = ngx_http_voiceai_zone_table(sh);

    old = va_slots_first(table, NGX_HTTP_VOICEAI_LIST_ENDED);

    if (old && (!va_slots_room(table)
                || ngx_http_voiceai_record_expired(old)))
    {
        ngx_http_voiceai_record_release(sh, old);
    }

    for (i = 0; i < NGX_HTTP_VOICEAI_RECORD_LOOK; i++) {

        old = va_slots_first(table, NGX_HTTP_VOICEAI_LIST_USED);

        if (old == NULL) {
            break;
        }

        if (ngx_http_voiceai_record_expired(old)) {
            ngx_http_voiceai_record_release(sh, old);
            break;
        }

        va_slots_move(table, old, NGX_HTTP_VOICEAI_LIST_USED);
    }

    key.data = (char *) rec->sid;
    key.len = rec->sid_len;

    return va_slots_add(table, key, NGX_HTTP_VOICEAI_LIST_USED);
}


static void
ngx_http_voiceai_record_touch(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec)
{
    rec->updated = ngx_time();

    va_slots_move(ngx_http_voiceai_zone_table(sh), rec,
                  rec->state == NGX_HTTP_VOICEAI_ENDED
                  ? NGX_HTTP_VOICEAI_LIST_ENDED : NGX_HTTP_VOICEAI_LIST_USED);
}


/* The mailbox of the owner goes into the record. */

static void
ngx_http_voiceai_record_wake(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec)
{
    ngx_http_voiceai_worker_t  *worker;

    worker = ngx_http_voiceai_zone_worker(sh, rec->owner);

    if (worker) {
        ngx_memcpy(rec->wake, worker->name, sizeof(rec->wake));

    } else {
        ngx_memzero(rec->wake, sizeof(rec->wake));
    }
}


static void
ngx_http_voiceai_record_copy(ngx_http_voiceai_record_t *to,
    ngx_http_voiceai_record_t *from, ngx_uint_t what)
{
    if (what & NGX_HTTP_VOICEAI_STORE_STATUS) {
        to->status = from->status;
        to->seen = from->seen;
        to->answered_by = from->answered_by;
    }

    if (what & NGX_HTTP_VOICEAI_STORE_TURNS) {
        to->phase = from->phase;
        to->turns = from->turns;
        to->interruptions = from->interruptions;
        to->failures = from->failures;
        to->latency = from->latency;
        ngx_http_voiceai_set(to, history, from->history, from->history_len);
    }

    if (what & NGX_HTTP_VOICEAI_STORE_NEXT) {
        to->hangup = from->hangup;
        ngx_http_voiceai_set(to, say, from->say, from->say_len);
        ngx_http_voiceai_set(to, transfer, from->transfer,
                             from->transfer_len);
    }

    if (what & NGX_HTTP_VOICEAI_STORE_OPTIONS) {
        to->gather = from->gather;
        ngx_http_voiceai_set(to, message, from->message, from->message_len);
        ngx_http_voiceai_set(to, prompt, from->prompt, from->prompt_len);
        ngx_http_voiceai_set(to, voice, from->voice, from->voice_len);
        ngx_http_voiceai_set(to, params, from->params, from->params_len);
    }

    if (what & NGX_HTTP_VOICEAI_STORE_GATHER) {
        to->asked = from->asked;
        to->answered = from->answered;
    }

    if (what & NGX_HTTP_VOICEAI_STORE_RECOVERED) {
        to->recovered = from->recovered;
        to->resumed = from->resumed;
    }
}


ngx_int_t
ngx_http_voiceai_zone_announce(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t max)
{
    u_char                       random[NGX_HTTP_VOICEAI_TOKEN_LEN / 2];
    ngx_int_t                    rc;
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(rec->token, random, sizeof(random));
    rec->token_len = NGX_HTTP_VOICEAI_TOKEN_LEN;

    rc = NGX_OK;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared == NULL) {

        if (max && sh->live >= max) {
            sh->refused++;
            rc = NGX_BUSY;
            goto done;
        }

        shared = ngx_http_voiceai_record_take(sh, rec);

        if (shared == NULL) {
            sh->refused++;
            rc = NGX_ABORT;
            goto done;
        }

        rec->created = ngx_time();
        rec->updated = rec->created;
        rec->state = NGX_HTTP_VOICEAI_FREE;
        *shared = *rec;
        ngx_http_voiceai_zone_state(sh, shared, NGX_HTTP_VOICEAI_ANNOUNCED);
        va_slots_end(shared);

        if (rec->direction_len == sizeof("inbound") - 1
            && ngx_memcmp(rec->direction, "inbound", sizeof("inbound") - 1)
               == 0)
        {
            ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_INBOUND, 1);
        }

    } else if (shared->connects >= NGX_HTTP_VOICEAI_CONNECTS) {
        rc = NGX_DECLINED;
        goto done;

    } else {

        /* a request that is repeated takes nothing from an open stream */

        if (shared->state != NGX_HTTP_VOICEAI_STREAMING
            || ngx_http_voiceai_record_orphan(shared))
        {
            ngx_http_voiceai_zone_state(sh, shared,
                                        NGX_HTTP_VOICEAI_ANNOUNCED);
        }

        ngx_http_voiceai_record_touch(sh, shared);
    }

    *rec = *shared;

done:

    ngx_http_voiceai_zone_unlock(sh);

    if (rc == NGX_BUSY || rc == NGX_ABORT) {
        ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_REFUSED, 1);
    }

    if (rc == NGX_OK) {
        ngx_http_voiceai_fleet_put(zone, rec, NGX_HTTP_VOICEAI_FLEET_ALL);
    }

    return rc;
}


ngx_int_t
ngx_http_voiceai_zone_attach(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_str_t *token, ngx_str_t *stream_sid)
{
    ngx_int_t                    rc;
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    rc = NGX_DECLINED;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared == NULL
        || (token != NULL
            && (token->len != shared->token_len
                || CRYPTO_memcmp(token->data, shared->token,
                                 token->len)
                   != 0)))
    {
        goto done;
    }

    if (shared->state == NGX_HTTP_VOICEAI_STREAMING
        && !ngx_http_voiceai_record_orphan(shared))
    {
        goto done;
    }

    va_slots_begin(shared);

    ngx_http_voiceai_zone_state(sh, shared, NGX_HTTP_VOICEAI_STREAMING);
    shared->connects++;
    shared->hangup = 0;
    shared->moved = 0;
    shared->transfer_len = 0;
    ngx_http_voiceai_record_wake(sh, shared);
    ngx_http_voiceai_set(shared, stream_sid, stream_sid->data,
                         stream_sid->len);
    ngx_http_voiceai_record_touch(sh, shared);

    *rec = *shared;
    rc = NGX_OK;

    /* told to the new stream once */

    shared->resumed = 0;
    shared->recovered = 0;

    va_slots_end(shared);

done:

    ngx_http_voiceai_zone_unlock(sh);

    if (rc == NGX_OK) {
        ngx_http_voiceai_fleet_put(zone, rec,
                                   NGX_HTTP_VOICEAI_FLEET_OWNER
                                   |NGX_HTTP_VOICEAI_STORE_NEXT);
    }

    return rc;
}


void
ngx_http_voiceai_zone_detach(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec)
{
    ngx_uint_t                   done;
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    done = 0;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared != NULL
        && shared->state == NGX_HTTP_VOICEAI_STREAMING
        && shared->owner == ngx_pid
        && shared->stream_sid_len == rec->stream_sid_len
        && ngx_memcmp(shared->stream_sid, rec->stream_sid,
                      rec->stream_sid_len)
           == 0)
    {
        va_slots_begin(shared);

        ngx_http_voiceai_zone_state(sh, shared, rec->state);
        shared->resumed = (rec->state == NGX_HTTP_VOICEAI_LOST
                           && rec->say_len == 0 && rec->transfer_len == 0
                           && !rec->moved);
        shared->moved = rec->moved;
        ngx_http_voiceai_record_copy(shared, rec,
                                     NGX_HTTP_VOICEAI_STORE_TURNS
                                     |NGX_HTTP_VOICEAI_STORE_NEXT);
        ngx_http_voiceai_record_touch(sh, shared);

        va_slots_end(shared);
        done = 1;
    }

    ngx_http_voiceai_zone_unlock(sh);

    if (done) {
        ngx_http_voiceai_fleet_put(zone, rec,
                                   NGX_HTTP_VOICEAI_FLEET_OWNER
                                   |NGX_HTTP_VOICEAI_STORE_TURNS
                                   |NGX_HTTP_VOICEAI_STORE_NEXT);
        ngx_http_voiceai_fleet_flush();
    }
}


void
ngx_http_voiceai_zone_lose(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec)
{
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared != NULL
        && (shared->state == NGX_HTTP_VOICEAI_STREAMING
            || shared->state == NGX_HTTP_VOICEAI_REMOTE)
        && shared->connects == rec->connects)
    {
        ngx_http_voiceai_zone_state(sh, shared, NGX_HTTP_VOICEAI_LOST);
        shared->resumed = 1;
    }

    ngx_http_voiceai_zone_unlock(sh);
}


ngx_int_t
ngx_http_voiceai_zone_find(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t take)
{
    ngx_int_t                    rc;
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    rc = NGX_DECLINED;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared != NULL) {
        *rec = *shared;
        rc = NGX_OK;

        if (take) {
            shared->say_len = 0;
        }
    }

    ngx_http_voiceai_zone_unlock(sh);

    return rc;
}


void
ngx_http_voiceai_record_turn(ngx_http_voiceai_record_t *rec,
    const va_turn_t *turn)
{
    rec->history_len = va_turns_add(rec->history, rec->history_len,
                                    sizeof(rec->history), turn);
}


void
ngx_http_voiceai_record_said(ngx_http_voiceai_record_t *rec, va_role_t role,
    va_str_t text, float confidence)
{
    va_turn_t  turn;

    ngx_memzero(&turn, sizeof(va_turn_t));
    turn.role = role;
    turn.text = text;
    turn.confidence = confidence;

    ngx_http_voiceai_record_turn(rec, &turn);
}


ngx_int_t
ngx_http_voiceai_zone_store(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t what)
{
    ngx_int_t                    rc;
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    rc = NGX_DECLINED;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared != NULL) {
        va_slots_begin(shared);
        ngx_http_voiceai_record_copy(shared, rec, what);

        if ((what & NGX_HTTP_VOICEAI_STORE_STATE)
            && shared->state != NGX_HTTP_VOICEAI_STREAMING
            && rec->state != NGX_HTTP_VOICEAI_STREAMING)
        {
            ngx_http_voiceai_zone_state(sh, shared, rec->state);
        }

        ngx_http_voiceai_record_touch(sh, shared);
        va_slots_end(shared);
        rc = NGX_OK;
    }

    ngx_http_voiceai_zone_unlock(sh);

    if (rc == NGX_OK) {
        ngx_http_voiceai_fleet_put(zone, rec, what);
    }

    return rc;
}


/*
 * Whether the stream of a record that came from elsewhere is open on a worker
 * of this machine.
 */

static ngx_uint_t
ngx_http_voiceai_record_ours(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        if (sh->workers[i].pid
            && ngx_memcmp(sh->workers[i].name, rec->wake, sizeof(rec->wake))
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_voiceai_zone_import(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t heir)
{
    ngx_http_voiceai_state_e     state;
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    rec->updated = ngx_time();

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = ngx_http_voiceai_record_lookup(sh, rec);

    if (shared && shared->state == NGX_HTTP_VOICEAI_STREAMING
        && !ngx_http_voiceai_record_orphan(shared))
    {
        /* ours is the newer one, but for what Twilio told another machine */

        if (rec->seen > shared->seen || rec->status > shared->status) {
            ngx_http_voiceai_record_copy(shared, rec,
                                         NGX_HTTP_VOICEAI_STORE_STATUS);
        }

        shared = NULL;
        goto done;
    }

    if (rec->state == NGX_HTTP_VOICEAI_STREAMING) {
        rec->state = heir || ngx_http_voiceai_record_ours(sh, rec)
                     ? NGX_HTTP_VOICEAI_LOST : NGX_HTTP_VOICEAI_REMOTE;
        rec->resumed = (rec->state == NGX_HTTP_VOICEAI_LOST);
    }

    if (shared == NULL) {
        shared = ngx_http_voiceai_record_take(sh, rec);

        if (shared == NULL) {
            goto done;
        }

        shared->state = NGX_HTTP_VOICEAI_FREE;

    } else {
        va_slots_begin(shared);
        rec->resumed |= shared->resumed;
        rec->recovered = shared->recovered;
    }

    ngx_http_voiceai_zone_state(sh, shared, NGX_HTTP_VOICEAI_FREE);

    state = rec->state;
    rec->state = NGX_HTTP_VOICEAI_FREE;
    *shared = *rec;
    ngx_http_voiceai_zone_state(sh, shared, state);
    rec->state = state;

    ngx_http_voiceai_record_touch(sh, shared);

    va_slots_end(shared);

done:

    ngx_http_voiceai_zone_unlock(sh);

    return shared ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_voiceai_zone_next(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, uint32_t *at)
{
    ngx_http_voiceai_record_t   *shared;
    ngx_http_voiceai_zone_sh_t  *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    shared = va_slots_next(ngx_http_voiceai_zone_table(sh), at);

    if (shared) {
        *rec = *shared;
    }

    ngx_http_voiceai_zone_unlock(sh);

    return shared ? NGX_OK : NGX_DONE;
}


void
ngx_http_voiceai_zone_stat(ngx_shm_zone_t *zone,
    ngx_http_voiceai_zone_stat_t *stat)
{
    ngx_http_voiceai_zone_sh_t  *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    stat->slots = va_slots_count(ngx_http_voiceai_zone_table(sh));
    stat->used = va_slots_taken(ngx_http_voiceai_zone_table(sh));
    stat->refused = sh->refused;
    stat->live = sh->live;
    stat->streaming = sh->streaming;
    stat->draining = sh->drain.on;

    /* those of calls that have ended are taken when they are wanted */

    stat->room = va_slots_room(ngx_http_voiceai_zone_table(sh))
                 || va_slots_first(ngx_http_voiceai_zone_table(sh),
                                   NGX_HTTP_VOICEAI_LIST_ENDED);

    ngx_http_voiceai_zone_unlock(sh);
}
