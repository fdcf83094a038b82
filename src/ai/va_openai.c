#include "va_openai.h"

va_rc_t va_openai_begin(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const char *path)
{
    va_rc_t rc = va_ai_begin(req, conf, path);

    if (rc == VA_OK && conf->key.len != 0) {
        rc = va_ai_add_header(req, "Authorization: Bearer ", conf->key);
    }
    return rc;
}
