
#include "ngx_http_voiceai_zone_sh.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


#define NGX_HTTP_VOICEAI_ZONE_MAGIC    0x56414931
#define NGX_HTTP_VOICEAI_ZONE_LAYOUT   6

/* records looked at for one whose time is over, when a slot is wanted */
#define NGX_HTTP_VOICEAI_ZONE_LOOK     8


static ngx_int_t ngx_http_voiceai_zone_init(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_voiceai_zone_slots(ngx_shm_zone_t *zone);
static void ngx_http_voiceai_zone_insert_value(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_http_voiceai_slot_t *ngx_http_voiceai_zone_lookup(
    ngx_http_voiceai_zone_sh_t *sh, ngx_http_voiceai_record_t *rec,
    uint32_t hash);
static ngx_http_voiceai_slot_t *ngx_http_voiceai_zone_take(
    ngx_http_voiceai_zone_sh_t *sh);
static void ngx_http_voiceai_zone_touch(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_slot_t *slot);


char *
ngx_http_voiceai_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ssize_t                       size;
    ngx_str_t                    *value;
    ngx_shm_zone_t               *zone;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    value = cf->args->elts;
    size = 0;

    if (cf->args->nelts == 2 && vlcf->zone != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    if (cf->args->nelts == 3) {

        if (cf->cmd_type != NGX_HTTP_MAIN_CONF) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the size of a voiceai zone can be given on "
                               "the \"http\" level only");
            return NGX_CONF_ERROR;
        }

        size = ngx_parse_size(&value[2]);

        if (size == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid zone size \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        if (size < (ssize_t) (8 * ngx_pagesize)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "zone \"%V\" is too small", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    zone = ngx_shared_memory_add(cf, &value[1], size,
                                 &ngx_http_voiceai_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (size != 0) {

        if (zone->data) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate zone \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        ctx = ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_zone_ctx_t));
        if (ctx == NULL) {
            return NGX_CONF_ERROR;
        }

        zone->init = ngx_http_voiceai_zone_init;
        zone->data = ctx;

        /* the first zone is everybody's default, others go by name */

        if (vlcf->zone != NGX_CONF_UNSET_PTR) {
            return NGX_CONF_OK;
        }
    }

    vlcf->zone = zone;

    return NGX_CONF_OK;
}


/*
 * Runs in the master, and on a reload while the workers of the old
 * configuration go on using the memory.
 */

static ngx_int_t
ngx_http_voiceai_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_voiceai_zone_ctx_t  *octx = data;

    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    ctx->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (octx) {
        ctx->sh = octx->sh;

    } else if (zone->shm.exists) {
        ctx->sh = ctx->shpool->data;

    } else {
        return ngx_http_voiceai_zone_slots(zone);
    }

    if (ctx->sh->magic != NGX_HTTP_VOICEAI_ZONE_MAGIC
        || ctx->sh->layout != NGX_HTTP_VOICEAI_ZONE_LAYOUT
        || ctx->sh->slot_size != sizeof(ngx_http_voiceai_slot_t))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "voiceai zone \"%V\" was made by another version of "
                      "the module, restart nginx or rename the zone",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_zone_slots(ngx_shm_zone_t *zone)
{
    size_t                        room;
    ngx_uint_t                    i, n;
    ngx_slab_pool_t              *shpool;
    ngx_http_voiceai_slot_t      *slots;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    shpool = ctx->shpool;

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_voiceai_zone_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(sh->secret, sizeof(sh->secret)) != 1) {
        return NGX_ERROR;
    }

    room = shpool->pfree * ngx_pagesize;
    n = room / sizeof(ngx_http_voiceai_slot_t);

    if (n == 0) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "voiceai zone \"%V\" has no room for a call, "
                      "each takes %uz bytes",
                      &zone->shm.name, sizeof(ngx_http_voiceai_slot_t));
        return NGX_ERROR;
    }

    slots = ngx_slab_calloc(shpool, n * sizeof(ngx_http_voiceai_slot_t));
    if (slots == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&sh->tree, &sh->sentinel,
                    ngx_http_voiceai_zone_insert_value);
    ngx_queue_init(&sh->free);
    ngx_queue_init(&sh->used);
    ngx_queue_init(&sh->ended);

    for (i = 0; i < n; i++) {
        ngx_queue_insert_tail(&sh->free, &slots[i].queue);
    }

    sh->magic = NGX_HTTP_VOICEAI_ZONE_MAGIC;
    sh->layout = NGX_HTTP_VOICEAI_ZONE_LAYOUT;
    sh->slot_size = sizeof(ngx_http_voiceai_slot_t);
    sh->slots = n;

    ctx->sh = sh;
    shpool->data = sh;

    ngx_log_error(NGX_LOG_NOTICE, zone->shm.log, 0,
                  "voiceai zone \"%V\" holds %ui calls", &zone->shm.name, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_zone_cmp(ngx_http_voiceai_record_t *a,
    ngx_http_voiceai_record_t *b)
{
    if (a->sid_len != b->sid_len) {
        return (a->sid_len < b->sid_len) ? -1 : 1;
    }

    return ngx_memcmp(a->sid, b->sid, a->sid_len);
}


static void
ngx_http_voiceai_zone_insert_value(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t        **p;
    ngx_http_voiceai_slot_t   *a, *b;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            a = (ngx_http_voiceai_slot_t *) node;
            b = (ngx_http_voiceai_slot_t *) temp;

            p = (ngx_http_voiceai_zone_cmp(&a->record, &b->record) < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static ngx_http_voiceai_slot_t *
ngx_http_voiceai_zone_lookup(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec, uint32_t hash)
{
    ngx_int_t                 rc;
    ngx_rbtree_node_t        *node;
    ngx_http_voiceai_slot_t  *slot;

    node = sh->tree.root;

    while (node != &sh->sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        slot = (ngx_http_voiceai_slot_t *) node;
        rc = ngx_http_voiceai_zone_cmp(rec, &slot->record);

        if (rc == 0) {
            return slot;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


/*
 * A stream whose worker has died stays marked as open: whether that is so
 * here.
 */

static ngx_uint_t
ngx_http_voiceai_zone_orphan(ngx_http_voiceai_record_t *rec)
{
    return kill(rec->owner, 0) == -1 && ngx_errno == NGX_ESRCH;
}


#define ngx_http_voiceai_zone_is_live(state)                                  \
    ((state) != NGX_HTTP_VOICEAI_FREE && (state) != NGX_HTTP_VOICEAI_ENDED)


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
    sh->live += ngx_http_voiceai_zone_is_live(state)
                - ngx_http_voiceai_zone_is_live(rec->state);

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


/* Whether nothing is to be expected of a call any more. */

static ngx_uint_t
ngx_http_voiceai_zone_expired(ngx_http_voiceai_record_t *rec)
{
    time_t  age;

    age = ngx_time() - rec->updated;

    switch (rec->state) {

    case NGX_HTTP_VOICEAI_ANNOUNCED:
        return age >= NGX_HTTP_VOICEAI_ANNOUNCED_TIME;

    case NGX_HTTP_VOICEAI_LOST:
        return age >= NGX_HTTP_VOICEAI_LOST_TIME;

    case NGX_HTTP_VOICEAI_ENDED:
        return age >= NGX_HTTP_VOICEAI_ENDED_TIME;

    default:
        return age >= NGX_HTTP_VOICEAI_LOST_TIME
               && ngx_http_voiceai_zone_orphan(rec);
    }
}


static void
ngx_http_voiceai_zone_release(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_slot_t *slot)
{
    ngx_rbtree_delete(&sh->tree, &slot->node);
    ngx_http_voiceai_zone_state(sh, &slot->record, NGX_HTTP_VOICEAI_FREE);
    ngx_queue_remove(&slot->queue);
    ngx_queue_insert_head(&sh->free, &slot->queue);
    sh->taken--;
}


/*
 * A free slot.  Those of calls that have ended come back in their order, at
 * once when the zone is full; of the others a few are looked at each time, and
 * what is alive goes to the end so that the next look begins behind it.
 */

static ngx_http_voiceai_slot_t *
ngx_http_voiceai_zone_take(ngx_http_voiceai_zone_sh_t *sh)
{
    ngx_uint_t                i;
    ngx_queue_t              *q;
    ngx_http_voiceai_slot_t  *slot;

    if (!ngx_queue_empty(&sh->ended)) {
        q = ngx_queue_head(&sh->ended);
        slot = ngx_queue_data(q, ngx_http_voiceai_slot_t, queue);

        if (ngx_queue_empty(&sh->free)
            || ngx_http_voiceai_zone_expired(&slot->record))
        {
            ngx_http_voiceai_zone_release(sh, slot);
        }
    }

    for (i = 0;
         i < NGX_HTTP_VOICEAI_ZONE_LOOK && !ngx_queue_empty(&sh->used);
         i++)
    {
        q = ngx_queue_head(&sh->used);
        slot = ngx_queue_data(q, ngx_http_voiceai_slot_t, queue);

        if (ngx_http_voiceai_zone_expired(&slot->record)) {
            ngx_http_voiceai_zone_release(sh, slot);
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&sh->used, q);
    }

    if (ngx_queue_empty(&sh->free)) {
        return NULL;
    }

    q = ngx_queue_head(&sh->free);
    ngx_queue_remove(q);
    sh->taken++;

    return ngx_queue_data(q, ngx_http_voiceai_slot_t, queue);
}


static void
ngx_http_voiceai_zone_touch(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_slot_t *slot)
{
    slot->record.updated = ngx_time();

    ngx_queue_remove(&slot->queue);
    ngx_queue_insert_tail(slot->record.state == NGX_HTTP_VOICEAI_ENDED
                          ? &sh->ended : &sh->used, &slot->queue);
}


/* The mailbox of the owner goes into the record. */

static void
ngx_http_voiceai_zone_wake(ngx_http_voiceai_zone_sh_t *sh,
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
ngx_http_voiceai_zone_copy(ngx_http_voiceai_record_t *to,
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
    }
}


ngx_int_t
ngx_http_voiceai_zone_announce(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t max)
{
    u_char                        random[NGX_HTTP_VOICEAI_TOKEN_LEN / 2];
    uint32_t                      hash;
    ngx_int_t                     rc;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    sh = ctx->sh;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(rec->token, random, sizeof(random));
    rec->token_len = NGX_HTTP_VOICEAI_TOKEN_LEN;

    hash = ngx_crc32_short(rec->sid, rec->sid_len);
    rc = NGX_OK;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    slot = ngx_http_voiceai_zone_lookup(sh, rec, hash);

    if (slot == NULL) {
        slot = (max == 0 || sh->live < max) ? ngx_http_voiceai_zone_take(sh)
                                            : NULL;

        if (slot == NULL) {
            sh->refused++;
            rc = NGX_BUSY;
            goto done;
        }

        rec->created = ngx_time();
        rec->state = NGX_HTTP_VOICEAI_FREE;
        slot->record = *rec;
        ngx_http_voiceai_zone_state(sh, &slot->record,
                                    NGX_HTTP_VOICEAI_ANNOUNCED);
        slot->node.key = hash;
        slot->record.updated = rec->created;

        ngx_rbtree_insert(&sh->tree, &slot->node);
        ngx_queue_insert_tail(&sh->used, &slot->queue);

        if (rec->direction_len == sizeof("inbound") - 1
            && ngx_memcmp(rec->direction, "inbound", sizeof("inbound") - 1)
               == 0)
        {
            ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_INBOUND, 1);
        }

    } else if (slot->record.connects >= NGX_HTTP_VOICEAI_CONNECTS) {
        rc = NGX_DECLINED;
        goto done;

    } else {

        /* a request that is repeated takes nothing from an open stream */

        if (slot->record.state != NGX_HTTP_VOICEAI_STREAMING
            || ngx_http_voiceai_zone_orphan(&slot->record))
        {
            ngx_http_voiceai_zone_state(sh, &slot->record,
                                        NGX_HTTP_VOICEAI_ANNOUNCED);
        }

        ngx_http_voiceai_zone_touch(sh, slot);
    }

    *rec = slot->record;

done:

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_voiceai_zone_attach(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_str_t *token, ngx_str_t *stream_sid)
{
    uint32_t                      hash;
    ngx_int_t                     rc;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    hash = ngx_crc32_short(rec->sid, rec->sid_len);
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    slot = ngx_http_voiceai_zone_lookup(ctx->sh, rec, hash);

    if (slot == NULL
        || (token != NULL
            && (token->len != slot->record.token_len
                || CRYPTO_memcmp(token->data, slot->record.token,
                                 token->len)
                   != 0)))
    {
        goto done;
    }

    if (slot->record.state == NGX_HTTP_VOICEAI_STREAMING
        && !ngx_http_voiceai_zone_orphan(&slot->record))
    {
        goto done;
    }

    ngx_http_voiceai_zone_state(ctx->sh, &slot->record,
                                NGX_HTTP_VOICEAI_STREAMING);
    slot->record.connects++;
    slot->record.hangup = 0;
    slot->record.transfer_len = 0;
    ngx_http_voiceai_zone_wake(ctx->sh, &slot->record);
    ngx_http_voiceai_set(&slot->record, stream_sid, stream_sid->data,
                         stream_sid->len);
    ngx_http_voiceai_zone_touch(ctx->sh, slot);

    *rec = slot->record;
    rc = NGX_OK;

    /* told to the new stream once */

    slot->record.resumed = 0;
    slot->record.recovered = 0;

done:

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return rc;
}


void
ngx_http_voiceai_zone_detach(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec)
{
    uint32_t                      hash;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_record_t    *shared;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    hash = ngx_crc32_short(rec->sid, rec->sid_len);

    ngx_shmtx_lock(&ctx->shpool->mutex);

    slot = ngx_http_voiceai_zone_lookup(ctx->sh, rec, hash);

    if (slot != NULL) {
        shared = &slot->record;

        if (shared->state == NGX_HTTP_VOICEAI_STREAMING
            && shared->owner == ngx_pid
            && shared->stream_sid_len == rec->stream_sid_len
            && ngx_memcmp(shared->stream_sid, rec->stream_sid,
                          rec->stream_sid_len)
               == 0)
        {
            ngx_http_voiceai_zone_state(ctx->sh, shared, rec->state);
            shared->resumed = (rec->state == NGX_HTTP_VOICEAI_LOST
                               && rec->say_len == 0 && rec->transfer_len == 0);
            ngx_http_voiceai_zone_copy(shared, rec,
                                       NGX_HTTP_VOICEAI_STORE_TURNS
                                       |NGX_HTTP_VOICEAI_STORE_NEXT);
            ngx_http_voiceai_zone_touch(ctx->sh, slot);
        }
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}


void
ngx_http_voiceai_zone_lose(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec)
{
    uint32_t                      hash;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    hash = ngx_crc32_short(rec->sid, rec->sid_len);

    ngx_shmtx_lock(&ctx->shpool->mutex);

    slot = ngx_http_voiceai_zone_lookup(ctx->sh, rec, hash);

    if (slot != NULL
        && slot->record.state == NGX_HTTP_VOICEAI_STREAMING
        && slot->record.connects == rec->connects)
    {
        ngx_http_voiceai_zone_state(ctx->sh, &slot->record,
                                    NGX_HTTP_VOICEAI_LOST);
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}


ngx_int_t
ngx_http_voiceai_zone_find(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t take)
{
    uint32_t                      hash;
    ngx_int_t                     rc;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    hash = ngx_crc32_short(rec->sid, rec->sid_len);
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    slot = ngx_http_voiceai_zone_lookup(ctx->sh, rec, hash);

    if (slot != NULL) {
        *rec = slot->record;
        rc = NGX_OK;

        if (take) {
            slot->record.say_len = 0;
        }
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return rc;
}


void
ngx_http_voiceai_record_turn(ngx_http_voiceai_record_t *rec, u_char role,
    va_str_t text, float confidence)
{
    u_char  *p;
    size_t   n;

    text.len = ngx_min(text.len, sizeof(rec->history) / 2);

    /* what would end the text early is left out */

    n = 0;

    while (n < text.len && text.data[n] != '\0') {
        n++;
    }

    text.len = n;

    while (text.len + 3 > sizeof(rec->history) - rec->history_len) {
        n = ngx_strlen(rec->history + 2) + 3;
        rec->history_len -= n;
        ngx_memmove(rec->history, rec->history + n, rec->history_len);
    }

    p = rec->history + rec->history_len;
    *p++ = role;
    *p++ = (confidence < 0) ? 1
           : 0x80 | (u_char) (ngx_min(confidence, 1) * 100 + 0.5);
    p = ngx_cpymem(p, text.data, text.len);
    *p = '\0';

    rec->history_len += text.len + 3;
}


ngx_int_t
ngx_http_voiceai_zone_store(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, ngx_uint_t what)
{
    uint32_t                      hash;
    ngx_int_t                     rc;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    hash = ngx_crc32_short(rec->sid, rec->sid_len);
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    slot = ngx_http_voiceai_zone_lookup(ctx->sh, rec, hash);

    if (slot != NULL) {
        ngx_http_voiceai_zone_copy(&slot->record, rec, what);

        if ((what & NGX_HTTP_VOICEAI_STORE_STATE)
            && slot->record.state != NGX_HTTP_VOICEAI_STREAMING
            && rec->state != NGX_HTTP_VOICEAI_STREAMING)
        {
            ngx_http_voiceai_zone_state(ctx->sh, &slot->record, rec->state);
        }

        ngx_http_voiceai_zone_touch(ctx->sh, slot);
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return rc;
}


/* The smallest record that is greater, in the order of the tree. */

ngx_int_t
ngx_http_voiceai_zone_next(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec)
{
    uint32_t                      hash;
    ngx_uint_t                    greater;
    ngx_rbtree_node_t            *node, *best;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    hash = rec->sid_len ? ngx_crc32_short(rec->sid, rec->sid_len) : 0;
    best = NULL;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    node = ctx->sh->tree.root;

    while (node != &ctx->sh->sentinel) {
        slot = (ngx_http_voiceai_slot_t *) node;

        if (node->key != hash) {
            greater = (node->key > hash);

        } else {
            greater = (ngx_http_voiceai_zone_cmp(&slot->record, rec) > 0);
        }

        if (greater) {
            best = node;
            node = node->left;

        } else {
            node = node->right;
        }
    }

    if (best) {
        slot = (ngx_http_voiceai_slot_t *) best;
        *rec = slot->record;
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return best ? NGX_OK : NGX_DONE;
}


void
ngx_http_voiceai_zone_stat(ngx_shm_zone_t *zone,
    ngx_http_voiceai_zone_stat_t *stat)
{
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    sh = ctx->sh;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    stat->slots = sh->slots;
    stat->used = sh->taken;
    stat->refused = sh->refused;
    stat->live = sh->live;
    stat->streaming = sh->streaming;

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}
