
/*
 * Directives that are more than one value in a slot, and the checks that
 * "nginx -t" makes.
 */


#include "ngx_http_voiceai_module.h"


#define NGX_HTTP_VOICEAI_SECRET_MAX  4096

/* the socket of voiceai-local as its systemd unit has it */
#define NGX_HTTP_VOICEAI_LOCAL_SOCKET  "/run/voiceai/local.sock"
#define NGX_HTTP_VOICEAI_LOCAL_URL     "http://localhost/v1"


typedef struct {
    ngx_str_t   name;
    size_t      offset;
    ngx_uint_t  kind;
} ngx_http_voiceai_engine_arg_t;


typedef struct {
    const char  *name;
    size_t       offset;
    ngx_msec_t   min;
    ngx_msec_t   max;
} ngx_http_voiceai_range_t;

#define ngx_http_voiceai_range(field, min, max)                               \
    { "voiceai_" #field, offsetof(ngx_http_voiceai_loc_conf_t, field),        \
      min, max }


enum {
    NGX_HTTP_VOICEAI_ARG_STR = 0,
    NGX_HTTP_VOICEAI_ARG_SECRET,
    NGX_HTTP_VOICEAI_ARG_URL,
    NGX_HTTP_VOICEAI_ARG_NUM,
    NGX_HTTP_VOICEAI_ARG_MSEC
};


extern ngx_module_t  ngx_thread_pool_module;


static ngx_int_t ngx_http_voiceai_secret(ngx_conf_t *cf, ngx_str_t *value);
static ngx_int_t ngx_http_voiceai_secret_file(ngx_conf_t *cf,
    ngx_str_t *value);
static ngx_int_t ngx_http_voiceai_engine_url(ngx_conf_t *cf,
    ngx_http_voiceai_provider_t *p, ngx_str_t *value);


#define ngx_http_voiceai_arg(name, field, kind)                               \
    { ngx_string(name "="), offsetof(ngx_http_voiceai_provider_t, field),     \
      NGX_HTTP_VOICEAI_ARG_##kind }

static ngx_http_voiceai_engine_arg_t  ngx_http_voiceai_engine_args[] = {
    ngx_http_voiceai_arg("url", url, URL),
    ngx_http_voiceai_arg("key", key, SECRET),
    ngx_http_voiceai_arg("model", model, STR),
    ngx_http_voiceai_arg("voice", voice, STR),
    ngx_http_voiceai_arg("language", language, STR),
    ngx_http_voiceai_arg("format", format, STR),
    ngx_http_voiceai_arg("rate", rate, NUM),
    ngx_http_voiceai_arg("connect_timeout", connect_timeout, MSEC),
    ngx_http_voiceai_arg("first_timeout", first_timeout, MSEC),
    ngx_http_voiceai_arg("idle_timeout", idle_timeout, MSEC),
    ngx_http_voiceai_arg("timeout", timeout, MSEC),
    { ngx_null_string, 0, 0 }
};


/*
 * Replaces "env:NAME" and "file:PATH" by what they name.  The value itself
 * must never stand in a message.
 */

static ngx_int_t
ngx_http_voiceai_secret(ngx_conf_t *cf, ngx_str_t *value)
{
    char  *env;

    if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        value->data += 5;
        value->len -= 5;

        return ngx_http_voiceai_secret_file(cf, value);
    }

    if (value->len > 4 && ngx_strncmp(value->data, "env:", 4) == 0) {
        env = getenv((char *) value->data + 4);

        if (env == NULL || *env == '\0') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "environment variable \"%s\" is not set",
                               value->data + 4);
            return NGX_ERROR;
        }

        value->len = ngx_strlen(env);
        value->data = ngx_pnalloc(cf->pool, value->len + 1);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value->data, env, value->len + 1);
    }

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the value is empty");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_secret_file(ngx_conf_t *cf, ngx_str_t *value)
{
    u_char     buf[NGX_HTTP_VOICEAI_SECRET_MAX];
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    if (ngx_conf_full_name(cf->cycle, value, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(value->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", value);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));
    err = ngx_errno;

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", value);
    }

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           ngx_read_fd_n " \"%V\" failed", value);
        return NGX_ERROR;
    }

    while (n > 0 && (buf[n - 1] == LF || buf[n - 1] == CR
                     || buf[n - 1] == ' '))
    {
        n--;
    }

    if (n == 0 || n == (ssize_t) sizeof(buf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "file \"%V\" is %s", value,
                           n == 0 ? "empty" : "too large for a secret");
        return NGX_ERROR;
    }

    value->data = ngx_pnalloc(cf->pool, n + 1);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, buf, n);
    value->data[n] = '\0';
    value->len = n;

    ngx_explicit_memzero(buf, sizeof(buf));

    return NGX_OK;
}


char *
ngx_http_voiceai_secret_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t  *field, *value;

    field = (ngx_str_t *) (p + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    *field = value[1];

    if (ngx_http_voiceai_secret(cf, field) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* 0 to 1, kept in hundredths */

char *
ngx_http_voiceai_confidence(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (vlcf->min_confidence != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atofp(value[1].data, value[1].len, 2);

    if (n == NGX_ERROR || n > 100) {
        return "must be 0 to 1, with two digits behind the point at most";
    }

    vlcf->min_confidence = n;

    return NGX_CONF_OK;
}


/* A secret, or "off" where nginx's own access rules decide. */

char *
ngx_http_voiceai_api_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    vlcf->api_open = (ngx_strcmp(value[1].data, "off") == 0);

    return ngx_http_voiceai_secret_slot(cf, cmd, conf);
}


char *
ngx_http_voiceai_public_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t  *value, *url;

    url = &vlcf->public_url;

    if (url->data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    *url = value[1];

    while (url->len && url->data[url->len - 1] == '/') {
        url->len--;
    }

    if (!(url->len > 8 && ngx_strncmp(url->data, "https://", 8) == 0)
        && !(url->len > 7 && ngx_strncmp(url->data, "http://", 7) == 0))
    {
        return "must begin with \"https://\" or \"http://\"";
    }

    if (ngx_strlchr(url->data, url->data + url->len, '?')
        || ngx_strlchr(url->data, url->data + url->len, '#')
        || ngx_strlchr(url->data, url->data + url->len, '@'))
    {
        return "must have no query, fragment or credentials";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_voiceai_parameter(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_voiceai_parameter_t      *param;
    ngx_http_compile_complex_value_t   ccv;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "token") == 0) {
        return "has a name that is taken by the stream's token";
    }

    if (vlcf->parameters == NGX_CONF_UNSET_PTR) {
        vlcf->parameters = ngx_array_create(cf->pool, 4,
                                      sizeof(ngx_http_voiceai_parameter_t));
        if (vlcf->parameters == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    param = vlcf->parameters->elts;

    for (i = 0; i < vlcf->parameters->nelts; i++) {
        if (param[i].name.len == value[1].len
            && ngx_strcmp(param[i].name.data, value[1].data) == 0)
        {
            return "is duplicate";
        }
    }

    if (i == VA_MEDIA_PARAMS - 1) {
        return "is given too often";
    }

    param = ngx_array_push(vlcf->parameters);
    if (param == NULL) {
        return NGX_CONF_ERROR;
    }

    param->name = value[1];

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &param->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "http://unix:/path:/base" or an ordinary URL */

static ngx_int_t
ngx_http_voiceai_engine_url(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *value)
{
    u_char  *path, *colon, *last;

    while (value->len && value->data[value->len - 1] == '/') {
        value->len--;
    }

    last = value->data + value->len;

    if (value->len > 12
        && ngx_strncmp(value->data, "http://unix:", 12) == 0)
    {
        path = value->data + 12;
        colon = ngx_strlchr(path, last, ':');

        p->socket.data = path;
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

    if (!(value->len > 8 && ngx_strncmp(value->data, "https://", 8) == 0)
        && !(value->len > 7 && ngx_strncmp(value->data, "http://", 7) == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid url \"%V\", it must begin with "
                           "\"http://\" or \"https://\"", value);
        return NGX_ERROR;
    }

    p->url = *value;
    ngx_str_null(&p->socket);

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_engine_arg_set(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_http_voiceai_engine_arg_t *arg, ngx_str_t *value)
{
    ngx_int_t   n;
    ngx_str_t  *field;

    field = (ngx_str_t *) ((u_char *) p + arg->offset);

    switch (arg->kind) {

    case NGX_HTTP_VOICEAI_ARG_URL:
        return ngx_http_voiceai_engine_url(cf, p, value);

    case NGX_HTTP_VOICEAI_ARG_NUM:
        n = ngx_atoi(value->data, value->len);
        if (n < 4000 || n > 192000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid rate \"%V\", "
                               "it must be 4000 to 192000", value);
            return NGX_ERROR;
        }

        *(ngx_uint_t *) field = n;
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


static void
ngx_http_voiceai_engine_init(ngx_http_voiceai_engine_t *engine)
{
    engine->set = 1;
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


/* Without any engine configured the embedded ones make a call work. */

void
ngx_http_voiceai_default_engines(ngx_http_voiceai_loc_conf_t *conf)
{
    ngx_uint_t                  i;
    ngx_http_voiceai_engine_t  *engine;

    for (i = 0; i < NGX_HTTP_VOICEAI_STAGES; i++) {
        engine = &conf->engines[i];

        if (engine->set) {
            continue;
        }

        ngx_http_voiceai_engine_init(engine);

        if (i == NGX_HTTP_VOICEAI_LLM) {
            engine->builtin = 1;

        } else {
            ngx_http_voiceai_engine_local(engine, i);
        }
    }
}


/* What stands behind the stage. */

static char *
ngx_http_voiceai_engine_kind(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_uint_t stage, ngx_str_t *kind)
{
    if (ngx_strcmp(kind->data, "off") == 0) {

        if (stage != NGX_HTTP_VOICEAI_TTS) {
            return "cannot be \"off\"";
        }

        engine->off = 1;

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

static ngx_int_t
ngx_http_voiceai_engine_param(ngx_conf_t *cf,
    ngx_http_voiceai_engine_t *engine, ngx_str_t *param)
{
    u_char                         *equals;
    ngx_str_t                       value;
    ngx_http_voiceai_engine_arg_t  *a;

    for (a = ngx_http_voiceai_engine_args; a->name.len; a++) {
        if (param->len > a->name.len
            && ngx_strncmp(param->data, a->name.data, a->name.len) == 0)
        {
            break;
        }
    }

    if (a->name.len == 0 || engine->off || engine->builtin) {
        equals = ngx_strlchr(param->data, param->data + param->len, '=');

        value.data = param->data;
        value.len = equals ? (size_t) (equals - param->data) : param->len;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value);
        return NGX_ERROR;
    }

    value.data = param->data + a->name.len;
    value.len = param->len - a->name.len;

    return ngx_http_voiceai_engine_arg_set(cf, &engine->provider, a, &value);
}


/*
 * voiceai_stt | voiceai_llm | voiceai_tts  kind [name=value ...];
 */

char *
ngx_http_voiceai_engine(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    char                       *rv;
    ngx_str_t                  *value;
    ngx_uint_t                  i, stage;
    ngx_http_voiceai_engine_t  *engine;

    stage = (ngx_uint_t) (uintptr_t) cmd->post;
    engine = &vlcf->engines[stage];

    if (engine->set) {
        return "is duplicate";
    }

    ngx_http_voiceai_engine_init(engine);

    value = cf->args->elts;

    rv = ngx_http_voiceai_engine_kind(cf, engine, stage, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_voiceai_engine_param(cf, engine, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (!engine->off && !engine->builtin && engine->provider.url.len == 0) {
        return "needs a \"url\" parameter";
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_voiceai_is(ngx_str_t *s, const char *word)
{
    return s->len == ngx_strlen(word)
           && ngx_strncmp(s->data, word, s->len) == 0;
}


/* What a server or location with a handler must have. */

char *
ngx_http_voiceai_check(ngx_conf_t *cf, ngx_http_voiceai_loc_conf_t *conf)
{
    ngx_int_t                  n;
    ngx_msec_t                 value;
    const char                *lacks;
    ngx_http_voiceai_range_t  *r;

    static ngx_http_voiceai_range_t  ranges[] = {
        ngx_http_voiceai_range(silence_threshold, 200, 60000),
        ngx_http_voiceai_range(preroll, 0, VA_PREROLL_MAX_MS),
        ngx_http_voiceai_range(max_utterance, 1000, VA_UTTERANCE_MAX_MS),
        ngx_http_voiceai_range(send_ahead, 100, 10000),
        ngx_http_voiceai_range(answer_timeout, 500, 12000),
        ngx_http_voiceai_range(idle_timeout, 100, 86400000),
        ngx_http_voiceai_range(max_duration, 1000, 86400000),
        { NULL, 0, 0, 0 }
    };

    lacks = NULL;

    if (conf->zone == NULL) {
        lacks = "voiceai_zone";

    } else if (conf->public_url.len == 0) {
        lacks = "voiceai_public_url";

    } else if (conf->signature && conf->auth_token.len == 0) {
        lacks = "voiceai_twilio_auth_token\" or \"voiceai_signature off";
    }

    if (lacks) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"voiceai\" needs \"%s\"", lacks);
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_voiceai_is(&conf->gather_input, "speech")
        && !ngx_http_voiceai_is(&conf->gather_input, "dtmf")
        && !ngx_http_voiceai_is(&conf->gather_input, "dtmf speech"))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"voiceai_gather_input\" must be \"speech\", "
                           "\"dtmf\" or \"dtmf speech\"");
        return NGX_CONF_ERROR;
    }

    n = ngx_atoi(conf->speech_timeout.data, conf->speech_timeout.len);

    if (!ngx_http_voiceai_is(&conf->speech_timeout, "auto")
        && (n < 1 || n > 999 || conf->speech_timeout.data[0] == '0'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"voiceai_speech_timeout\" must be \"auto\" or "
                           "1 to 999 seconds");
        return NGX_CONF_ERROR;
    }

    if (ngx_strncmp(conf->api_url.data, "https://", 8) != 0
        && ngx_strncmp(conf->api_url.data, "http://", 7) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"voiceai_twilio_api_url\" must begin with "
                           "\"https://\" or \"http://\"");
        return NGX_CONF_ERROR;
    }

    for (r = ranges; r->name; r++) {
        value = *(ngx_msec_t *) ((u_char *) conf + r->offset);

        if (value < r->min || value > r->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" must be %Mms to %Mms",
                               r->name, r->min, r->max);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/*
 * The thread pool: the one that was named, or one of our own, declared here
 * as if "thread_pool voiceai threads=1;" stood in the configuration.
 */

ngx_int_t
ngx_http_voiceai_pool(ngx_conf_t *cf, ngx_http_voiceai_main_conf_t *vmcf)
{
    ngx_str_t      *value, own = ngx_string("voiceai");
    ngx_array_t    *args, fake;
    ngx_command_t  *cmd;

    if (vmcf->pool_name.len == 0) {
        vmcf->pool_name = own;
        vmcf->pool = ngx_thread_pool_get(cf->cycle, &own);

        if (vmcf->pool) {
            return NGX_OK;
        }

        if (ngx_array_init(&fake, cf->pool, 3, sizeof(ngx_str_t)) != NGX_OK) {
            return NGX_ERROR;
        }

        value = ngx_array_push_n(&fake, 3);
        ngx_str_set(&value[0], "thread_pool");
        value[1] = own;
        ngx_str_set(&value[2], "threads=1");

        args = cf->args;
        cf->args = &fake;

        cmd = ngx_thread_pool_module.commands;
        if (cmd->set(cf, cmd, NULL) != NGX_CONF_OK) {
            return NGX_ERROR;
        }

        cf->args = args;
    }

    vmcf->pool = ngx_thread_pool_add(cf, &vmcf->pool_name);

    return vmcf->pool ? NGX_OK : NGX_ERROR;
}
