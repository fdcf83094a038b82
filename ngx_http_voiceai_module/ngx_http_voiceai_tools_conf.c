
/*
 * The directives voiceai_tool, voiceai_tools and voiceai_transfer_target.
 */


#include "ngx_http_voiceai_tools.h"

#include "../src/dialog/va_tools.h"
#include "../src/twilio/va_address.h"
#include "../src/wire/va_json.h"


#define NGX_HTTP_VOICEAI_SCHEMA_MAX  65536


static ngx_int_t ngx_http_voiceai_tool_param(ngx_conf_t *cf,
    ngx_http_voiceai_tool_t *tool, ngx_http_voiceai_engine_t *engine,
    ngx_str_t *param);
static ngx_int_t ngx_http_voiceai_tool_schema(ngx_conf_t *cf,
    ngx_http_voiceai_tool_t *tool, ngx_str_t *value);
static ngx_int_t ngx_http_voiceai_tool_method(ngx_conf_t *cf,
    ngx_http_voiceai_provider_t *p, ngx_str_t *value);
static ngx_int_t ngx_http_voiceai_tool_auth(ngx_conf_t *cf,
    ngx_http_voiceai_provider_t *p, ngx_str_t *value);
static ngx_int_t ngx_http_voiceai_declare_transfer(ngx_conf_t *cf,
    ngx_array_t *targets, va_ai_tool_t *tool);


static const va_ai_tool_t  *ngx_http_voiceai_own_tools[] = {
    &va_tool_hang_up, &va_tool_transfer, &va_tool_send_dtmf, &va_tool_repeat
};

static ngx_uint_t  ngx_http_voiceai_own_bits[] = {
    NGX_HTTP_VOICEAI_TOOL_HANG_UP, NGX_HTTP_VOICEAI_TOOL_TRANSFER,
    NGX_HTTP_VOICEAI_TOOL_KEYS, NGX_HTTP_VOICEAI_TOOL_REPEAT
};

#define NGX_HTTP_VOICEAI_OWN_TOOLS  4


/* A-Z, a-z, 0-9, _ and -, at most 64 */

static ngx_uint_t
ngx_http_voiceai_tool_name(ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_' || c == '-'))
        {
            return 0;
        }
    }

    return name->len > 0 && name->len <= 64;
}


/*
 * voiceai_tool  name url [name=value ...];
 */

char *
ngx_http_voiceai_tool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_voiceai_tool_t    *tool;
    ngx_http_voiceai_engine_t   engine;

    value = cf->args->elts;

    if (!ngx_http_voiceai_tool_name(&value[1])) {
        return "must have a name of 1 to 64 letters, digits, \"_\" and \"-\"";
    }

    for (i = 0; i < NGX_HTTP_VOICEAI_OWN_TOOLS; i++) {
        if (va_str_eq(ngx_http_voiceai_view(&value[1]),
                      ngx_http_voiceai_own_tools[i]->name))
        {
            return "has a name that is taken by a tool of the module";
        }
    }

    if (vlcf->tools == NGX_CONF_UNSET_PTR) {
        vlcf->tools = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_http_voiceai_tool_t));
        if (vlcf->tools == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    tool = vlcf->tools->elts;

    for (i = 0; i < vlcf->tools->nelts; i++) {
        if (tool[i].name.len == value[1].len
            && ngx_strcmp(tool[i].name.data, value[1].data) == 0)
        {
            return "is duplicate";
        }
    }

    if (i == NGX_HTTP_VOICEAI_TOOLS) {
        return "is given too often";
    }

    tool = ngx_array_push(vlcf->tools);
    if (tool == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_voiceai_tool_t));
    ngx_memzero(&engine, sizeof(ngx_http_voiceai_engine_t));

    tool->name = value[1];

    ngx_str_set(&engine.provider.kind, "tool");
    engine.provider.connect_timeout = 3000;
    engine.provider.timeout = 10000;

    if (ngx_http_voiceai_engine_url(cf, &engine.provider, &value[2])
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (engine.provider.url.data[0] == 'w') {
        return "needs a URL of \"http://\" or \"https://\"";
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_voiceai_tool_param(cf, tool, &engine, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    engine.provider.first_timeout = engine.provider.timeout;
    engine.provider.idle_timeout = engine.provider.timeout;
    tool->provider = engine.provider;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_voiceai_tool_param(ngx_conf_t *cf, ngx_http_voiceai_tool_t *tool,
    ngx_http_voiceai_engine_t *engine, ngx_str_t *param)
{
    ngx_str_t    value;
    ngx_uint_t   i;

    static const char  *others[] = {
        "key=", "proxy=", "ca=", "cert=", "cert_key=", "tls=",
        "connect_timeout=", "timeout="
    };

    value.data = (u_char *) ngx_strchr(param->data, '=');

    if (value.data) {
        value.data++;
        value.len = param->data + param->len - value.data;

        if (ngx_strncmp(param->data, "description=", 12) == 0) {
            tool->description = value;
            return NGX_OK;
        }

        if (ngx_strncmp(param->data, "schema=", 7) == 0) {
            return ngx_http_voiceai_tool_schema(cf, tool, &value);
        }

        if (ngx_strncmp(param->data, "header=", 7) == 0) {
            return ngx_http_voiceai_tool_header(cf, &engine->provider,
                                                &value);
        }

        if (ngx_strncmp(param->data, "method=", 7) == 0) {
            return ngx_http_voiceai_tool_method(cf, &engine->provider,
                                                &value);
        }

        if (ngx_strncmp(param->data, "auth=", 5) == 0) {
            return ngx_http_voiceai_tool_auth(cf, &engine->provider, &value);
        }

        for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            if (ngx_strncmp(param->data, others[i], ngx_strlen(others[i]))
                == 0)
            {
                return ngx_http_voiceai_engine_param(cf, engine, param, 0);
            }
        }
    }

    /* refused by its name */

    return ngx_http_voiceai_engine_param(cf, engine, param, 1);
}


/* JSON as it is, or "file:PATH" */

static ngx_int_t
ngx_http_voiceai_tool_schema(ngx_conf_t *cf, ngx_http_voiceai_tool_t *tool,
    ngx_str_t *value)
{
    char        why[128];
    va_json_t  *json;

    if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        value->data += 5;
        value->len -= 5;

        if (ngx_http_voiceai_read_file(cf, value, NGX_HTTP_VOICEAI_SCHEMA_MAX)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    json = va_json_parse(ngx_http_voiceai_view(value), why, sizeof(why));

    if (json == NULL || ngx_strlchr(value->data, value->data + value->len, '{')
                        != value->data)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the schema of tool \"%V\" is no JSON object%s%s",
                           &tool->name, json ? "" : ": ", json ? "" : why);
        va_json_free(json);
        return NGX_ERROR;
    }

    va_json_free(json);
    tool->schema = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_tool_add(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *key, ngx_str_t *value)
{
    ngx_keyval_t  *kv;

    if (p->params == NULL) {
        p->params = ngx_array_create(cf->pool, 4, sizeof(ngx_keyval_t));
        if (p->params == NULL) {
            return NGX_ERROR;
        }
    }

    if (p->params->nelts == NGX_HTTP_VOICEAI_TOOL_PARAMS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "too many headers");
        return NGX_ERROR;
    }

    kv = ngx_array_push(p->params);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    kv->key = *key;
    kv->value = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_tool_method(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *value)
{
    ngx_str_t    key = ngx_string("method");
    ngx_uint_t   i;

    static const char  *methods[] = { "POST", "GET", "PUT", "PATCH", "DELETE" };

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (ngx_strcmp(value->data, methods[i]) == 0) {
            return ngx_http_voiceai_tool_add(cf, p, &key, value);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid method \"%V\"", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_voiceai_tool_auth(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *value)
{
    ngx_str_t  key = ngx_string("auth");

    if (ngx_strcmp(value->data, "sign") != 0
        && ngx_strcmp(value->data, "bearer") != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid auth \"%V\", it "
                           "must be \"sign\" or \"bearer\"", value);
        return NGX_ERROR;
    }

    return ngx_http_voiceai_tool_add(cf, p, &key, value);
}


/* "Name: value"; the value may be secret */

ngx_int_t
ngx_http_voiceai_tool_header(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *value)
{
    u_char      *colon, *last;
    ngx_str_t    name, key;
    ngx_uint_t   i;

    last = value->data + value->len;
    colon = ngx_strlchr(value->data, last, ':');

    name.data = value->data;
    name.len = colon ? (size_t) (colon - value->data) : 0;

    if (!ngx_http_voiceai_tool_name(&name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid header, it must be \"NAME:VALUE\"");
        return NGX_ERROR;
    }

    do {
        colon++;
    } while (colon < last && *colon == ' ');

    value->data = colon;
    value->len = last - colon;

    if (ngx_http_voiceai_secret(cf, value) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < ' ' || value->data[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "header \"%V\" has "
                               "control characters", &name);
            return NGX_ERROR;
        }
    }

    key.data = ngx_pnalloc(cf->pool, sizeof("header.") + name.len);
    if (key.data == NULL) {
        return NGX_ERROR;
    }

    key.len = ngx_sprintf(key.data, "header.%V", &name) - key.data;

    return ngx_http_voiceai_tool_add(cf, p, &key, value);
}


/*
 * voiceai_transfer_target  name number;
 */

char *
ngx_http_voiceai_transfer_target(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_http_voiceai_target_t  *target;

    value = cf->args->elts;

    if (!ngx_http_voiceai_tool_name(&value[1])) {
        return "must have a name of 1 to 64 letters, digits, \"_\" and \"-\"";
    }

    if (va_address_kind(ngx_http_voiceai_view(&value[2])) == VA_ADDRESS_NONE
        || value[2].len > NGX_HTTP_VOICEAI_ADDR_LEN)
    {
        return "needs a number in E.164 form, or a \"sip:\" or \"client:\" "
               "address";
    }

    if (vlcf->targets == NGX_CONF_UNSET_PTR) {
        vlcf->targets = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_http_voiceai_target_t));
        if (vlcf->targets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    target = vlcf->targets->elts;

    for (i = 0; i < vlcf->targets->nelts; i++) {
        if (target[i].name.len == value[1].len
            && ngx_strcmp(target[i].name.data, value[1].data) == 0)
        {
            return "is duplicate";
        }
    }

    if (i == NGX_HTTP_VOICEAI_TOOLS) {
        return "is given too often";
    }

    target = ngx_array_push(vlcf->targets);
    if (target == NULL) {
        return NGX_CONF_ERROR;
    }

    target->name = value[1];
    target->to = value[2];

    return NGX_CONF_OK;
}


/* What the model is told that there is, once a level is complete. */

char *
ngx_http_voiceai_declare_tools(ngx_conf_t *cf,
    ngx_http_voiceai_loc_conf_t *conf)
{
    ngx_uint_t                i;
    va_ai_tool_t             *declared;
    ngx_http_voiceai_tool_t  *tool;

    if ((conf->own_tools & NGX_HTTP_VOICEAI_TOOL_TRANSFER)
        && conf->targets == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"voiceai_tools transfer\" needs "
                           "\"voiceai_transfer_target\"");
        return NGX_CONF_ERROR;
    }

    conf->declared = ngx_array_create(cf->pool, 4, sizeof(va_ai_tool_t));
    if (conf->declared == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < NGX_HTTP_VOICEAI_OWN_TOOLS; i++) {

        if (!(conf->own_tools & ngx_http_voiceai_own_bits[i])) {
            continue;
        }

        declared = ngx_array_push(conf->declared);
        if (declared == NULL) {
            return NGX_CONF_ERROR;
        }

        *declared = *ngx_http_voiceai_own_tools[i];

        if (ngx_http_voiceai_own_bits[i] == NGX_HTTP_VOICEAI_TOOL_TRANSFER
            && ngx_http_voiceai_declare_transfer(cf, conf->targets, declared)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    tool = conf->tools ? conf->tools->elts : NULL;

    for (i = 0; conf->tools && i < conf->tools->nelts; i++) {
        declared = ngx_array_push(conf->declared);
        if (declared == NULL) {
            return NGX_CONF_ERROR;
        }

        declared->name = ngx_http_voiceai_view(&tool[i].name);
        declared->description = ngx_http_voiceai_view(&tool[i].description);
        declared->schema = ngx_http_voiceai_view(&tool[i].schema);
    }

    return NGX_CONF_OK;
}


/* The model is told the names, not the numbers. */

static ngx_int_t
ngx_http_voiceai_declare_transfer(ngx_conf_t *cf, ngx_array_t *targets,
    va_ai_tool_t *tool)
{
    u_char                     *data, *p;
    size_t                      len;
    ngx_uint_t                  i;
    ngx_http_voiceai_target_t  *target;

    static const char  begin[] = "{\"type\":\"object\",\"properties\":{\"to\":"
                                 "{\"type\":\"string\",\"enum\":[";
    static const char  end[] = "]}},\"required\":[\"to\"]}";

    target = targets->elts;
    len = sizeof(begin) + sizeof(end);

    for (i = 0; i < targets->nelts; i++) {
        len += target[i].name.len + sizeof("\"\",");
    }

    data = ngx_pnalloc(cf->pool, len);
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(data, begin, sizeof(begin) - 1);

    for (i = 0; i < targets->nelts; i++) {
        p = ngx_sprintf(p, "%s\"%V\"", i ? "," : "", &target[i].name);
    }

    p = ngx_cpymem(p, end, sizeof(end) - 1);

    tool->schema.data = (char *) data;
    tool->schema.len = p - data;

    return NGX_OK;
}
