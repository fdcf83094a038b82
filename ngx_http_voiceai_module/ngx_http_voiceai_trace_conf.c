
/*
 * The directive "voiceai_otlp".
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_tools.h"
#include "ngx_http_voiceai_trace.h"

#include <openssl/evp.h>


#define NGX_HTTP_VOICEAI_OTLP_PATH  "/v1/traces"


/* The path of the protocol behind the base. */

static char *
ngx_http_voiceai_otlp_url(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *url)
{
    u_char  *data;

    if (ngx_strncmp(url->data, "http://", 7) != 0
        && ngx_strncmp(url->data, "https://", 8) != 0)
    {
        return "must begin with \"http://\" or \"https://\"";
    }

    if (ngx_strlchr(url->data, url->data + url->len, '?')
        || ngx_strlchr(url->data, url->data + url->len, '#'))
    {
        return "must have a URL without arguments, which is the base of "
               "\"" NGX_HTTP_VOICEAI_OTLP_PATH "\"";
    }

    if (ngx_http_voiceai_engine_url(cf, p, url) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    data = ngx_pnalloc(cf->pool,
                       p->url.len + sizeof(NGX_HTTP_VOICEAI_OTLP_PATH));
    if (data == NULL) {
        return NGX_CONF_ERROR;
    }

    p->url.len = ngx_sprintf(data, "%V" NGX_HTTP_VOICEAI_OTLP_PATH, &p->url)
                 - data;
    p->url.data = data;

    return NGX_CONF_OK;
}


static char *
ngx_http_voiceai_otlp_param(ngx_conf_t *cf,
    ngx_http_voiceai_trace_conf_t *trace, ngx_str_t *param)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_strncmp(param->data, "header=", 7) == 0) {
        value.data = param->data + 7;
        value.len = param->len - 7;

        return ngx_http_voiceai_tool_header(cf, &trace->provider, &value)
               == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_strncmp(param->data, "service=", 8) == 0 && param->len > 8) {
        trace->service.data = param->data + 8;
        trace->service.len = param->len - 8;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(param->data, "ca=", 3) == 0 && param->len > 3) {
        trace->provider.ca.data = param->data + 3;
        trace->provider.ca.len = param->len - 3;

        return ngx_conf_full_name(cf->cycle, &trace->provider.ca, 1) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (ngx_strncmp(param->data, "sample=", 7) == 0) {
        n = ngx_atofp(param->data + 7, param->len - 7, 4);

        if (n == NGX_ERROR || n > 10000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid \"%V\", it "
                               "must be between 0 and 1", param);
            return NGX_CONF_ERROR;
        }

        trace->sample = n;
        return NGX_CONF_OK;
    }

    /* it may be a header, and so a secret */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter of "
                       "\"voiceai_otlp\", there are \"header=\", "
                       "\"service=\", \"sample=\" and \"ca=\"");

    return NGX_CONF_ERROR;
}


/*
 * All who have the same line find the same trace for a call: other workers,
 * those of the next configuration, other machines.
 */

static char *
ngx_http_voiceai_otlp_key(ngx_http_voiceai_trace_conf_t *trace)
{
    unsigned                      len;
    ngx_uint_t                    i, ok;
    EVP_MD_CTX                   *md;
    ngx_keyval_t                 *param;
    ngx_http_voiceai_provider_t  *p;

    p = &trace->provider;
    param = p->params ? p->params->elts : NULL;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_CONF_ERROR;
    }

    ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(md, p->url.data, p->url.len) == 1;

    for (i = 0; ok && param && i < p->params->nelts; i++) {
        ok = EVP_DigestUpdate(md, param[i].value.data, param[i].value.len)
             == 1;
    }

    ok = ok && EVP_DigestFinal_ex(md, trace->key, &len) == 1;

    EVP_MD_CTX_free(md);

    return ok ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_voiceai_otlp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_main_conf_t *vmcf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_http_voiceai_trace_conf_t  *trace;

    if (vmcf->trace_set) {
        return "is duplicate";
    }

    vmcf->trace_set = 1;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return cf->args->nelts == 2 ? NGX_CONF_OK
                                    : "takes nothing after \"off\"";
    }

    trace = ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_trace_conf_t));
    if (trace == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&trace->service, "voiceai");
    ngx_str_set(&trace->provider.kind, "otlp");
    trace->sample = 10000;
    trace->provider.connect_timeout = 3000;
    trace->provider.first_timeout = 10000;
    trace->provider.idle_timeout = 10000;
    trace->provider.timeout = 10000;

    rv = ngx_http_voiceai_otlp_url(cf, &trace->provider, &value[1]);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_http_voiceai_otlp_param(cf, trace, &value[i]);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_voiceai_otlp_key(trace);
    }

    vmcf->trace = trace;

    return rv;
}
