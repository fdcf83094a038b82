
/*
 * The directives voiceai_stt, voiceai_llm and voiceai_tts.
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_engine.h"


/* the socket of voiceai-local as its systemd unit has it */
#define NGX_HTTP_VOICEAI_LOCAL_SOCKET  "/run/voiceai/local.sock"
#define NGX_HTTP_VOICEAI_LOCAL_URL     "http://localhost/v1"

#define NGX_HTTP_VOICEAI_PARAM_MAX     32


enum {
    NGX_HTTP_VOICEAI_ARG_STR = 0,
    NGX_HTTP_VOICEAI_ARG_SECRET,
    NGX_HTTP_VOICEAI_ARG_URL,
    NGX_HTTP_VOICEAI_ARG_PROXY,
    NGX_HTTP_VOICEAI_ARG_FILE,
    NGX_HTTP_VOICEAI_ARG_TLS,
    NGX_HTTP_VOICEAI_ARG_RATE,
    NGX_HTTP_VOICEAI_ARG_COUNT,
    NGX_HTTP_VOICEAI_ARG_MSEC
};


typedef struct {
    ngx_str_t   name;       /* with its "=" */
    size_t      offset;     /* in the engine */
    ngx_uint_t  kind;
} ngx_http_voiceai_engine_arg_t;


static char *ngx_http_voiceai_engine_kind(ngx_conf_t *cf,
    ngx_http_voiceai_engines_t *engines, ngx_http_voiceai_engine_t *engine,
    ngx_uint_t stage, ngx_str_t *kind);
static ngx_int_t ngx_http_voiceai_engine_extra(ngx_conf_t *cf,
    ngx_http_voiceai_provider_t *p, ngx_str_t *param);
static ngx_int_t ngx_http_voiceai_engine_set(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_http_voiceai_engine_arg_t *arg,
    ngx_str_t *value);
static ngx_int_t ngx_http_voiceai_engine_file(ngx_conf_t *cf,
    ngx_str_t *field, ngx_str_t *value);
static char *ngx_http_voiceai_engine_check(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_uint_t stage);


#define ngx_http_voiceai_arg(name, field, kind)                               \
    { ngx_string(name "="), offsetof(ngx_http_voiceai_engine_t, field),       \
      NGX_HTTP_VOICEAI_ARG_##kind }

static ngx_http_voiceai_engine_arg_t  ngx_http_voiceai_engine_args[] = {
    ngx_http_voiceai_arg("url", provider.url, URL),
    ngx_http_voiceai_arg("key", provider.key, SECRET),
    ngx_http_voiceai_arg("model", provider.model, STR),
    ngx_http_voiceai_arg("voice", provider.voice, STR),
    ngx_http_voiceai_arg("language", provider.language, STR),
    ngx_http_voiceai_arg("format", provider.format, STR),
    ngx_http_voiceai_arg("rate", provider.rate, RATE),
    ngx_http_voiceai_arg("proxy", provider.proxy, PROXY),
    ngx_http_voiceai_arg("ca", provider.ca, FILE),
    ngx_http_voiceai_arg("cert", provider.cert, FILE),
    ngx_http_voiceai_arg("cert_key", provider.cert_key, FILE),
    ngx_http_voiceai_arg("tls", provider.tls, TLS),
    ngx_http_voiceai_arg("connect_timeout", provider.connect_timeout, MSEC),
    ngx_http_voiceai_arg("first_timeout", provider.first_timeout, MSEC),
    ngx_http_voiceai_arg("idle_timeout", provider.idle_timeout, MSEC),
    ngx_http_voiceai_arg("timeout", provider.timeout, MSEC),
    ngx_http_voiceai_arg("max_fails", max_fails, COUNT),
    ngx_http_voiceai_arg("fail_timeout", fail_timeout, MSEC),
    { ngx_null_string, 0, 0 }
};


static void
ngx_http_voiceai_engine_init(ngx_http_voiceai_engine_t *engine)
{
    ngx_memzero(engine, sizeof(ngx_http_voiceai_engine_t));

    engine->max_fails = 3;
    engine->fail_timeout = 5000;
    engine->provider.connect_timeout = 3000;
    engine->provider.first_timeout = 10000;
    engine->provider.idle_timeout = 10000;
    engine->provider.timeout = 60000;
}


/* voiceai-local, where its systemd unit puts its socket */

static void
ngx_http_voiceai_engine_local(ngx_http_voiceai_engine_t *engine,
    ngx_uint_t stage)
{
    ngx_str_set(&engine->provider.kind, "openai");
    ngx_str_set(&engine->provider.url, NGX_HTTP_VOICEAI_LOCAL_URL);
    ngx_str_set(&engine->provider.socket, NGX_HTTP_VOICEAI_LOCAL_SOCKET);

    if (stage == NGX_HTTP_VOICEAI_TTS) {
        ngx_str_set(&engine->provider.format, "ulaw");
    }
}


static ngx_http_voiceai_engine_t *
ngx_http_voiceai_engine_add(ngx_conf_t *cf,
    ngx_http_voiceai_engines_t *engines)
{
    ngx_http_voiceai_engine_t  *engine;

    if (engines->list == NULL) {
        engines->list = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_http_voiceai_engine_t));
        if (engines->list == NULL) {
            return NULL;
        }
    }

    engine = ngx_array_push(engines->list);

    if (engine) {
        ngx_http_voiceai_engine_init(engine);
    }

    return engine;
}


static char *
ngx_http_voiceai_engine_settle(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_uint_t stage)
{
    ngx_http_voiceai_main_conf_t  *vmcf;

    if (engine->builtin) {
        return NGX_CONF_OK;
    }

    engine->streams = va_ai_streams(
                              ngx_http_voiceai_view(&engine->provider.kind),
                              (va_ai_stage_t) stage);

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_voiceai_module);

    engine->place = ngx_http_voiceai_place(cf, &vmcf->places, engine, stage);

    return engine->place ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * A level that names an engine of a stage takes none of the level above;
 * without any the embedded ones make a call work.
 */

char *
ngx_http_voiceai_merge_engines(ngx_conf_t *cf,
    ngx_http_voiceai_loc_conf_t *prev, ngx_http_voiceai_loc_conf_t *conf)
{
    ngx_uint_t                      i;
    ngx_http_voiceai_engine_t      *engine;
    ngx_http_voiceai_engines_t     *engines;
    ngx_http_voiceai_main_conf_t   *vmcf;

    vmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_voiceai_module);

    for (i = 0; i < NGX_HTTP_VOICEAI_STAGES; i++) {

        if (conf->engines[i].list) {
            continue;
        }

        if (prev->engines[i].list) {
            conf->engines[i] = prev->engines[i];
            continue;
        }

        engines = &vmcf->engines[i];

        if (engines->list == NULL) {
            engine = ngx_http_voiceai_engine_add(cf, engines);
            if (engine == NULL) {
                return NGX_CONF_ERROR;
            }

            if (i == NGX_HTTP_VOICEAI_LLM) {
                engine->builtin = 1;

            } else {
                ngx_http_voiceai_engine_local(engine, i);
            }

            if (ngx_http_voiceai_engine_settle(cf, engine, i)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }
        }

        conf->engines[i] = *engines;
    }

    return NGX_CONF_OK;
}


/*
 * voiceai_stt | voiceai_llm | voiceai_tts  kind [name=value ...];
 */

char *
ngx_http_voiceai_engine(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    char                        *rv;
    ngx_str_t                   *value;
    ngx_uint_t                   i, stage;
    ngx_http_voiceai_engine_t   *engine;
    ngx_http_voiceai_engines_t  *engines;

    stage = (ngx_uint_t) (uintptr_t) cmd->post;
    engines = &vlcf->engines[stage];

    if (engines->off) {
        return "cannot follow \"off\"";
    }

    if (engines->list
        && engines->list->nelts == NGX_HTTP_VOICEAI_ENGINES)
    {
        return "is given too often";
    }

    engine = ngx_http_voiceai_engine_add(cf, engines);
    if (engine == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    rv = ngx_http_voiceai_engine_kind(cf, engines, engine, stage, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_voiceai_engine_param(cf, engine, &value[i], engines->off)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (engines->off || engine->builtin) {
        return NGX_CONF_OK;
    }

    rv = ngx_http_voiceai_engine_check(cf, engine, stage);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_voiceai_engine_settle(cf, engine, stage);
}


/* What stands behind the stage. */

static char *
ngx_http_voiceai_engine_kind(ngx_conf_t *cf,
    ngx_http_voiceai_engines_t *engines, ngx_http_voiceai_engine_t *engine,
    ngx_uint_t stage, ngx_str_t *kind)
{
    if (ngx_strcmp(kind->data, "off") == 0) {

        if (stage != NGX_HTTP_VOICEAI_TTS) {
            return "cannot be \"off\"";
        }

        if (engines->list->nelts > 1) {
            return "cannot be \"off\" after an engine";
        }

        engines->off = 1;

    } else if (stage == NGX_HTTP_VOICEAI_LLM
               && ngx_strcmp(kind->data, "builtin") == 0)
    {
        engine->builtin = 1;

    } else if (ngx_strcmp(kind->data, "local") == 0) {
        ngx_http_voiceai_engine_local(engine, stage);

    } else if (va_ai_known(ngx_http_voiceai_view(kind),
                           (va_ai_stage_t) stage))
    {
        engine->provider.kind = *kind;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown engine \"%V\"",
                           kind);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "name=value"; a message names the parameter but not what may be a secret */

ngx_int_t
ngx_http_voiceai_engine_param(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_str_t *param, ngx_uint_t none)
{
    u_char                         *equals;
    ngx_str_t                       value;
    ngx_http_voiceai_engine_arg_t  *a;

    if (!none && !engine->builtin) {

        if (param->len > 6 && ngx_strncmp(param->data, "param.", 6) == 0) {
            return ngx_http_voiceai_engine_extra(cf, &engine->provider,
                                                 param);
        }

        for (a = ngx_http_voiceai_engine_args; a->name.len; a++) {
            if (param->len > a->name.len
                && ngx_strncmp(param->data, a->name.data, a->name.len) == 0)
            {
                value.data = param->data + a->name.len;
                value.len = param->len - a->name.len;

                return ngx_http_voiceai_engine_set(cf, engine, a, &value);
            }
        }
    }

    equals = ngx_strlchr(param->data, param->data + param->len, '=');

    value.data = param->data;
    value.len = equals ? (size_t) (equals - param->data) : param->len;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value);
    return NGX_ERROR;
}


/* "param.name=value": passed on to the provider as it is */

static ngx_int_t
ngx_http_voiceai_engine_extra(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *param)
{
    u_char        *equals, *name;
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    name = param->data + sizeof("param.") - 1;
    equals = ngx_strlchr(name, param->data + param->len, '=');

    if (equals == NULL || equals == name) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"param.\", it must be "
                           "\"param.NAME=VALUE\"");
        return NGX_ERROR;
    }

    if (p->params == NULL) {
        p->params = ngx_array_create(cf->pool, 4, sizeof(ngx_keyval_t));
        if (p->params == NULL) {
            return NGX_ERROR;
        }
    }

    kv = p->params->elts;

    for (i = 0; i < p->params->nelts; i++) {
        if (kv[i].key.len == (size_t) (equals - name)
            && ngx_memcmp(kv[i].key.data, name, kv[i].key.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"param.%V\"",
                               &kv[i].key);
            return NGX_ERROR;
        }
    }

    if (i == NGX_HTTP_VOICEAI_PARAM_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d parameters \"param.\"",
                           NGX_HTTP_VOICEAI_PARAM_MAX);
        return NGX_ERROR;
    }

    kv = ngx_array_push(p->params);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    kv->key.data = name;
    kv->key.len = equals - name;
    kv->value.data = equals + 1;
    kv->value.len = param->data + param->len - kv->value.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_engine_number(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *value, ngx_int_t min, ngx_int_t max, ngx_uint_t *field)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < min || n > max) {
        name->len--;
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid %V \"%V\", it must be %i to %i",
                           name, value, min, max);
        return NGX_ERROR;
    }

    *field = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_engine_set(ngx_conf_t *cf, ngx_http_voiceai_engine_t *engine,
    ngx_http_voiceai_engine_arg_t *arg, ngx_str_t *value)
{
    ngx_int_t   n;
    ngx_str_t  *field, name;

    name = arg->name;
    field = (ngx_str_t *) ((u_char *) engine + arg->offset);

    switch (arg->kind) {

    case NGX_HTTP_VOICEAI_ARG_URL:
        return ngx_http_voiceai_engine_url(cf, &engine->provider, value);

    case NGX_HTTP_VOICEAI_ARG_FILE:
        return ngx_http_voiceai_engine_file(cf, field, value);

    case NGX_HTTP_VOICEAI_ARG_RATE:
        return ngx_http_voiceai_engine_number(cf, &name, value, 4000, 192000,
                                              (ngx_uint_t *) field);

    case NGX_HTTP_VOICEAI_ARG_COUNT:
        return ngx_http_voiceai_engine_number(cf, &name, value, 0, 1000,
                                              (ngx_uint_t *) field);

    case NGX_HTTP_VOICEAI_ARG_TLS:

        if (ngx_strcmp(value->data, "1.2") == 0) {
            *(ngx_uint_t *) field = 12;

        } else if (ngx_strcmp(value->data, "1.3") == 0) {
            *(ngx_uint_t *) field = 13;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid tls \"%V\", it "
                               "must be \"1.2\" or \"1.3\"", value);
            return NGX_ERROR;
        }

        return NGX_OK;

    case NGX_HTTP_VOICEAI_ARG_MSEC:
        n = ngx_parse_time(value, 0);
        if (n == NGX_ERROR || n == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V%V\"", &arg->name, value);
            return NGX_ERROR;
        }

        *(ngx_msec_t *) field = n;
        return NGX_OK;

    case NGX_HTTP_VOICEAI_ARG_PROXY:

        /* it may contain a password */

        if (value->len < 8 || ngx_strncmp(value->data, "http://", 7) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid proxy, it must begin with "
                               "\"http://\"");
            return NGX_ERROR;
        }

        *field = *value;
        return NGX_OK;

    case NGX_HTTP_VOICEAI_ARG_SECRET:
        if (ngx_http_voiceai_secret(cf, value) != NGX_OK) {
            return NGX_ERROR;
        }

        /* fall through */

    default:
        *field = *value;
        return NGX_OK;
    }
}


/* A file that libcurl reads; better missed now than in a call. */

static ngx_int_t
ngx_http_voiceai_engine_file(ngx_conf_t *cf, ngx_str_t *field,
    ngx_str_t *value)
{
    ngx_file_info_t  fi;

    if (ngx_conf_full_name(cf->cycle, value, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(value->data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_file_info_n " \"%V\" failed", value);
        return NGX_ERROR;
    }

    *field = *value;

    return NGX_OK;
}


/* "http://unix:/path:/base" or an ordinary URL */

ngx_int_t
ngx_http_voiceai_engine_url(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *value)
{
    u_char     *path, *colon, *last;
    ngx_str_t  *scheme;

    static ngx_str_t  schemes[] = {
        ngx_string("https://"),
        ngx_string("http://"),
        ngx_string("wss://"),
        ngx_string("ws://"),
        ngx_null_string
    };

    while (value->len && value->data[value->len - 1] == '/') {
        value->len--;
    }

    last = value->data + value->len;

    if (value->len > 12
        && ngx_strncmp(value->data, "http://unix:", 12) == 0)
    {
        path = value->data + 12;
        colon = ngx_strlchr(path, last, ':');

        p->socket.len = (colon ? colon : last) - path;
        p->socket.data = ngx_pnalloc(cf->pool, p->socket.len + 1);
        if (p->socket.data == NULL) {
            return NGX_ERROR;
        }

        ngx_cpystrn(p->socket.data, path, p->socket.len + 1);

        p->url.len = sizeof("http://localhost") - 1
                     + (colon ? last - colon - 1 : 0);
        p->url.data = ngx_pnalloc(cf->pool, p->url.len);
        if (p->url.data == NULL) {
            return NGX_ERROR;
        }

        path = ngx_cpymem(p->url.data, "http://localhost",
                          sizeof("http://localhost") - 1);
        if (colon) {
            ngx_memcpy(path, colon + 1, last - colon - 1);
        }

        return NGX_OK;
    }

    for (scheme = schemes; scheme->len; scheme++) {
        if (value->len > scheme->len
            && ngx_strncmp(value->data, scheme->data, scheme->len) == 0)
        {
            break;
        }
    }

    if (scheme->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid url \"%V\", it must begin with "
                           "\"http://\" or \"https://\", or of a recogniser "
                           "that streams \"ws://\" or \"wss://\"", value);
        return NGX_ERROR;
    }

    p->url = *value;
    ngx_str_null(&p->socket);

    return NGX_OK;
}


/* What a provider must have been told. */

static char *
ngx_http_voiceai_engine_check(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_uint_t stage)
{
    const char                   *url;
    ngx_http_voiceai_provider_t  *p;

    p = &engine->provider;

    if (p->url.len == 0) {
        url = va_ai_default_url(ngx_http_voiceai_view(&p->kind),
                                (va_ai_stage_t) stage);
        if (url == NULL) {
            return "needs a \"url\" parameter";
        }

        if (p->key.len == 0) {
            return "needs a \"key\" parameter";
        }

        p->url.data = (u_char *) url;
        p->url.len = ngx_strlen(url);
    }

    if ((p->url.data[0] == 'w')
        != va_ai_streams(ngx_http_voiceai_view(&p->kind),
                         (va_ai_stage_t) stage))
    {
        return p->url.data[0] == 'w'
               ? "needs a \"url\" of \"http://\" or \"https://\""
               : "needs a \"url\" of \"ws://\" or \"wss://\"";
    }

    if (p->cert_key.len && p->cert.len == 0) {
        return "has a \"cert_key\" without a \"cert\" parameter";
    }

    return NGX_CONF_OK;
}
