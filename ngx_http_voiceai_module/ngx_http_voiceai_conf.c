
/*
 * Directives that are more than one value in a slot, and the checks that
 * "nginx -t" makes.
 */


#include "ngx_http_voiceai_module.h"


#define NGX_HTTP_VOICEAI_SECRET_MAX  4096


typedef struct {
    const char  *name;
    size_t       offset;
    ngx_msec_t   min;
    ngx_msec_t   max;
} ngx_http_voiceai_range_t;

#define ngx_http_voiceai_range(field, min, max)                               \
    { "voiceai_" #field, offsetof(ngx_http_voiceai_loc_conf_t, field),        \
      min, max }


extern ngx_module_t  ngx_thread_pool_module;


/*
 * Replaces "env:NAME" and "file:PATH" by what they name.  The value itself
 * must never stand in a message.
 */

ngx_int_t
ngx_http_voiceai_secret(ngx_conf_t *cf, ngx_str_t *value)
{
    char  *env;

    if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        value->data += 5;
        value->len -= 5;

        return ngx_http_voiceai_read_file(cf, value,
                                          NGX_HTTP_VOICEAI_SECRET_MAX);
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


/* Replaces the name of a file by what it holds, without space at its end. */

ngx_int_t
ngx_http_voiceai_read_file(ngx_conf_t *cf, ngx_str_t *value, size_t max)
{
    u_char    *buf;
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    if (ngx_conf_full_name(cf->cycle, value, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    buf = ngx_pnalloc(cf->pool, max);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(value->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", value);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, max);
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

    if (n == (ssize_t) max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "file \"%V\" is too large",
                           value);
        return NGX_ERROR;
    }

    while (n > 0 && (buf[n - 1] == LF || buf[n - 1] == CR
                     || buf[n - 1] == ' '))
    {
        n--;
    }

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "file \"%V\" is empty",
                           value);
        return NGX_ERROR;
    }

    buf[n] = '\0';
    value->data = buf;
    value->len = n;

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
        ngx_http_voiceai_range(endpointing_min, 100, 10000),
        ngx_http_voiceai_range(barge_in_hold, 0, 5000),
        ngx_http_voiceai_range(silence_timeout, 0, 3600000),
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
 * A thread pool of our own, declared here as if "thread_pool name threads;"
 * stood in the configuration, unless it does.
 */

ngx_thread_pool_t *
ngx_http_voiceai_own_pool(ngx_conf_t *cf, ngx_str_t *name,
    const char *threads)
{
    ngx_str_t          *value;
    ngx_array_t        *args, fake;
    ngx_command_t      *cmd;
    ngx_thread_pool_t  *pool;

    pool = ngx_thread_pool_get(cf->cycle, name);

    if (pool) {
        return pool;
    }

    if (ngx_array_init(&fake, cf->pool, 3, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    value = ngx_array_push_n(&fake, 3);
    ngx_str_set(&value[0], "thread_pool");
    value[1] = *name;
    value[2].data = (u_char *) threads;
    value[2].len = ngx_strlen(threads);

    args = cf->args;
    cf->args = &fake;

    cmd = ngx_thread_pool_module.commands;
    if (cmd->set(cf, cmd, NULL) != NGX_CONF_OK) {
        return NULL;
    }

    cf->args = args;

    return ngx_thread_pool_add(cf, name);
}


ngx_int_t
ngx_http_voiceai_pool(ngx_conf_t *cf, ngx_http_voiceai_main_conf_t *vmcf)
{
    ngx_str_t  own = ngx_string("voiceai");

    if (vmcf->pool_name.len == 0) {
        vmcf->pool_name = own;
        vmcf->pool = ngx_http_voiceai_own_pool(cf, &own, "threads=1");

    } else {
        vmcf->pool = ngx_thread_pool_add(cf, &vmcf->pool_name);
    }

    return vmcf->pool ? NGX_OK : NGX_ERROR;
}
