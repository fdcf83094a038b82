
/*
 * Fixed phrases (greeting, apology) as finished audio, so that a call's first
 * word waits for no engine and an apology can be spoken when the voice is gone.
 * What a worker plays it keeps for itself, behind which stands the memory that
 * all workers share.
 */


#include "ngx_http_voiceai_module.h"


#define NGX_HTTP_VOICEAI_PHRASES       64
#define NGX_HTTP_VOICEAI_PHRASE_BYTES  (8 * 1024 * 1024)
/* phrases that are being synthesised for later */
#define NGX_HTTP_VOICEAI_WARMING       8
/* one that failed is tried again so many seconds later */
#define NGX_HTTP_VOICEAI_WARM_RETRY    10


typedef struct {
    ngx_http_voiceai_job_t       *job;      /* NULL: free */
    va_buf_t                      key;
    va_buf_t                      audio;
} ngx_http_voiceai_warming_t;


static void ngx_http_voiceai_phrase_keep(va_buf_t *key, va_buf_t *audio);
static ngx_int_t ngx_http_voiceai_phrase_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);


static ngx_queue_t  ngx_http_voiceai_phrases;
static ngx_uint_t   ngx_http_voiceai_phrases_n;
static size_t       ngx_http_voiceai_phrases_size;

static ngx_http_voiceai_warming_t
                    ngx_http_voiceai_warming[NGX_HTTP_VOICEAI_WARMING];
static time_t       ngx_http_voiceai_warm_failed;


/* Everything that changes the sound. */

void
ngx_http_voiceai_phrase_key(va_buf_t *key,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input)
{
    ngx_uint_t     i;
    ngx_keyval_t  *param;
    va_str_t       parts[] = {
        ngx_http_voiceai_view(&provider->kind),
        ngx_http_voiceai_view(&provider->url),
        ngx_http_voiceai_view(&provider->socket),
        ngx_http_voiceai_view(&provider->model),
        ngx_http_voiceai_view(&provider->voice),
        ngx_http_voiceai_view(&provider->language),
        ngx_http_voiceai_view(&provider->format),
        input->voice,
        input->language,
        input->text
    };

    va_buf_init(key, 16384);

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        va_buf_str(key, parts[i]);
        va_buf_append(key, "\0", 1);
    }

    param = provider->params ? provider->params->elts : NULL;

    for (i = 0; param && i < provider->params->nelts; i++) {
        va_buf_append(key, param[i].key.data, param[i].key.len);
        va_buf_append(key, "\0", 1);
        va_buf_append(key, param[i].value.data, param[i].value.len);
        va_buf_append(key, "\0", 1);
    }
}


static ngx_http_voiceai_phrase_t *
ngx_http_voiceai_phrase_own(va_buf_t *key)
{
    ngx_queue_t                *q;
    ngx_http_voiceai_phrase_t  *phrase;

    if (ngx_http_voiceai_phrases_n == 0 || key->rc != VA_OK) {
        return NULL;
    }

    for (q = ngx_queue_head(&ngx_http_voiceai_phrases);
         q != ngx_queue_sentinel(&ngx_http_voiceai_phrases);
         q = ngx_queue_next(q))
    {
        phrase = ngx_queue_data(q, ngx_http_voiceai_phrase_t, queue);

        if (phrase->key.len == key->len
            && ngx_memcmp(phrase->key.data, key->data, key->len) == 0)
        {
            ngx_queue_remove(q);
            ngx_queue_insert_head(&ngx_http_voiceai_phrases, q);
            phrase->refs++;
            return phrase;
        }
    }

    return NULL;
}


ngx_http_voiceai_phrase_t *
ngx_http_voiceai_phrase_find(va_buf_t *key)
{
    va_buf_t                    audio;
    ngx_http_voiceai_phrase_t  *phrase;

    phrase = ngx_http_voiceai_phrase_own(key);

    if (phrase == NULL) {
        va_buf_init(&audio, NGX_HTTP_VOICEAI_PHRASE_MAX);

        if (ngx_http_voiceai_phrase_get(key, &audio) == NGX_OK) {
            ngx_http_voiceai_phrase_keep(key, &audio);
            phrase = ngx_http_voiceai_phrase_own(key);
        }

        va_buf_free(&audio);
    }

    return phrase;
}


void
ngx_http_voiceai_phrase_release(ngx_http_voiceai_phrase_t *phrase)
{
    if (--phrase->refs == 0) {
        va_buf_free(&phrase->audio);
        ngx_free(phrase);
    }
}


static void
ngx_http_voiceai_phrase_drop(ngx_http_voiceai_phrase_t *phrase)
{
    ngx_queue_remove(&phrase->queue);
    ngx_http_voiceai_phrases_n--;
    ngx_http_voiceai_phrases_size -= phrase->audio.len;

    ngx_http_voiceai_phrase_release(phrase);
}


/* Takes the content of audio; the least recently used make room. */

static void
ngx_http_voiceai_phrase_keep(va_buf_t *key, va_buf_t *audio)
{
    ngx_queue_t                *q;
    ngx_http_voiceai_phrase_t  *phrase;

    phrase = ngx_http_voiceai_phrase_own(key);

    if (phrase) {
        ngx_http_voiceai_phrase_release(phrase);
        return;
    }

    if (key->rc != VA_OK || audio->rc != VA_OK || audio->len == 0) {
        return;
    }

    phrase = ngx_alloc(sizeof(ngx_http_voiceai_phrase_t) + key->len,
                       ngx_cycle->log);
    if (phrase == NULL) {
        return;
    }

    phrase->refs = 1;
    phrase->key.len = key->len;
    phrase->key.data = (u_char *) (phrase + 1);
    ngx_memcpy(phrase->key.data, key->data, key->len);
    phrase->audio = *audio;
    va_buf_init(audio, audio->max);

    if (ngx_http_voiceai_phrases_n == 0) {
        ngx_queue_init(&ngx_http_voiceai_phrases);
    }

    ngx_queue_insert_head(&ngx_http_voiceai_phrases, &phrase->queue);
    ngx_http_voiceai_phrases_n++;
    ngx_http_voiceai_phrases_size += phrase->audio.len;

    while (ngx_http_voiceai_phrases_n > 1
           && (ngx_http_voiceai_phrases_n > NGX_HTTP_VOICEAI_PHRASES
               || ngx_http_voiceai_phrases_size
                  > NGX_HTTP_VOICEAI_PHRASE_BYTES))
    {
        q = ngx_queue_last(&ngx_http_voiceai_phrases);
        ngx_http_voiceai_phrase_drop(ngx_queue_data(q,
                                         ngx_http_voiceai_phrase_t, queue));
    }
}


/* A phrase that was synthesised, for all. */

void
ngx_http_voiceai_phrase_store(va_buf_t *key, va_buf_t *audio)
{
    if (audio->rc != VA_OK || audio->len == 0) {
        ngx_http_voiceai_phrase_abandon(key);
        return;
    }

    ngx_http_voiceai_phrase_put(key, audio);
    ngx_http_voiceai_phrase_keep(key, audio);
}


/* Synthesises a phrase that is not known yet, for later. */

void
ngx_http_voiceai_phrase_warm(ngx_thread_pool_t *pool,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input)
{
    va_buf_t                     key;
    ngx_uint_t                   i;
    ngx_http_voiceai_phrase_t   *phrase;
    ngx_http_voiceai_warming_t  *w, *unused;

    if (ngx_time() - ngx_http_voiceai_warm_failed
        < NGX_HTTP_VOICEAI_WARM_RETRY)
    {
        return;
    }

    ngx_http_voiceai_phrase_key(&key, provider, input);
    phrase = ngx_http_voiceai_phrase_find(&key);

    if (phrase) {
        ngx_http_voiceai_phrase_release(phrase);
        va_buf_free(&key);
        return;
    }

    unused = NULL;

    for (i = 0; i < NGX_HTTP_VOICEAI_WARMING; i++) {
        w = &ngx_http_voiceai_warming[i];

        if (w->job == NULL) {
            unused = w;

        } else if (w->key.len == key.len
                   && ngx_memcmp(w->key.data, key.data, key.len) == 0)
        {
            unused = NULL;
            break;
        }
    }

    if (unused == NULL || ngx_http_voiceai_phrase_claim(&key) == NGX_BUSY) {
        va_buf_free(&key);
        return;
    }

    unused->key = key;
    va_buf_init(&unused->audio, NGX_HTTP_VOICEAI_PHRASE_MAX);

    unused->job = ngx_http_voiceai_job_start(pool, provider, input,
                                             ngx_http_voiceai_phrase_result,
                                             unused, ngx_cycle->log);
    if (unused->job == NULL) {
        ngx_http_voiceai_phrase_abandon(&unused->key);
        va_buf_free(&unused->key);
    }
}


static ngx_int_t
ngx_http_voiceai_phrase_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    ngx_http_voiceai_warming_t *w = data;

    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_AUDIO:
        va_buf_append(&w->audio, res->data, res->len);
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        ngx_http_voiceai_phrase_store(&w->key, &w->audio);
        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        ngx_http_voiceai_warm_failed = ngx_time();
        ngx_http_voiceai_phrase_abandon(&w->key);
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "voiceai: a phrase could not be prepared, voice failed "
                      "with status %ui: %*s", res->status, res->len,
                      res->data);
        break;

    default:
        return NGX_OK;
    }

    va_buf_free(&w->key);
    va_buf_free(&w->audio);
    w->job = NULL;

    return NGX_OK;
}


void
ngx_http_voiceai_phrases_exit(void)
{
    ngx_uint_t                   i;
    ngx_queue_t                 *q;
    ngx_http_voiceai_warming_t  *w;

    for (i = 0; i < NGX_HTTP_VOICEAI_WARMING; i++) {
        w = &ngx_http_voiceai_warming[i];

        if (w->job) {
            ngx_http_voiceai_job_cancel(w->job);
            ngx_http_voiceai_phrase_abandon(&w->key);
            va_buf_free(&w->key);
            va_buf_free(&w->audio);
            w->job = NULL;
        }
    }

    while (ngx_http_voiceai_phrases_n) {
        q = ngx_queue_head(&ngx_http_voiceai_phrases);
        ngx_http_voiceai_phrase_drop(ngx_queue_data(q,
                                         ngx_http_voiceai_phrase_t, queue));
    }
}
