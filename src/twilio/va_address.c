#include "va_address.h"

#include <string.h>
#include <strings.h>

#define NUMBER_MIN 2
#define NUMBER_MAX 15

static bool is_number(va_str_t s)
{
    size_t i;

    if (s.len < NUMBER_MIN + 1 || s.len > NUMBER_MAX + 1 || s.data[0] != '+' ||
        s.data[1] == '0') {
        return false;
    }
    for (i = 1; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Takes a scheme such as "sip:" off the front of s. */
static bool take_scheme(va_str_t *s, const char *scheme)
{
    size_t n = strlen(scheme);

    if (s->len < n || strncasecmp(s->data, scheme, n) != 0) {
        return false;
    }
    s->data += n;
    s->len -= n;
    return true;
}

static bool is_graphic(va_str_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Whether s begins as "user@host" does. */
static bool has_host(va_str_t s)
{
    const char *at = s.len != 0 ? memchr(s.data, '@', s.len) : NULL;
    const char *end = s.data + s.len;

    return at != NULL && at != s.data && at + 1 < end &&
           strchr(";?:@", at[1]) == NULL;
}

va_address_t va_address_kind(va_str_t s)
{
    if (s.len == 0 || s.len > VA_ADDRESS_MAX || !is_graphic(s)) {
        return VA_ADDRESS_NONE;
    }
    if (is_number(s)) {
        return VA_ADDRESS_NUMBER;
    }
    if (take_scheme(&s, "sip:") || take_scheme(&s, "sips:")) {
        return has_host(s) ? VA_ADDRESS_SIP : VA_ADDRESS_NONE;
    }
    return take_scheme(&s, "client:") && s.len != 0 ? VA_ADDRESS_CLIENT
                                                    : VA_ADDRESS_NONE;
}
