#include "va_record.h"

#include "../wire/va_utf8.h"

#include <string.h>

#define VA_MAGIC "VAJ1"

typedef struct {
    va_field_kind_t kind;
    size_t offset;
} va_field_t;

#define VA_FIELD(k, name)                                                      \
    {                                                                          \
        VA_FIELD_##k, offsetof(va_record_t, name)                              \
    }

static const va_field_t va_fields[VA_TAGS] = {
    [VA_TAG_ID] = VA_FIELD(INT, id),
    [VA_TAG_AT] = VA_FIELD(INT, at),
    [VA_TAG_CALL_SID] = VA_FIELD(STR, call_sid),
    [VA_TAG_ACCOUNT_SID] = VA_FIELD(STR, account_sid),
    [VA_TAG_FROM] = VA_FIELD(STR, from),
    [VA_TAG_TO] = VA_FIELD(STR, to),
    [VA_TAG_DIRECTION] = VA_FIELD(STR, direction),
    [VA_TAG_MODE] = VA_FIELD(STR, mode),
    [VA_TAG_STATUS] = VA_FIELD(STR, status),
    [VA_TAG_ANSWERED_BY] = VA_FIELD(STR, answered_by),
    [VA_TAG_STARTED] = VA_FIELD(INT, started),
    [VA_TAG_ENDED] = VA_FIELD(INT, ended),
    [VA_TAG_CONNECTIONS] = VA_FIELD(INT, connections),
    [VA_TAG_FAILURES] = VA_FIELD(INT, failures),
    [VA_TAG_FAILED] = VA_FIELD(INT, failed),
    [VA_TAG_ROLE] = VA_FIELD(STR, role),
    [VA_TAG_TEXT] = VA_FIELD(STR, text),
    [VA_TAG_CONFIDENCE] = VA_FIELD(REAL, confidence),
    [VA_TAG_INTERRUPTED] = VA_FIELD(INT, interrupted),
    [VA_TAG_SILENCE] = VA_FIELD(INT, silence_ms),
    [VA_TAG_STT] = VA_FIELD(INT, stt_ms),
    [VA_TAG_LLM] = VA_FIELD(INT, llm_ms),
    [VA_TAG_TTS] = VA_FIELD(INT, tts_ms),
    [VA_TAG_SEND] = VA_FIELD(INT, send_ms),
    [VA_TAG_LATENCY] = VA_FIELD(INT, latency_ms),
    [VA_TAG_NAME] = VA_FIELD(STR, name),
    [VA_TAG_DETAIL] = VA_FIELD(STR, detail),
    [VA_TAG_RECORDING_SID] = VA_FIELD(STR, recording_sid),
    [VA_TAG_URL] = VA_FIELD(STR, url),
    [VA_TAG_SECONDS] = VA_FIELD(INT, seconds),
};

void va_record_init(va_record_t *rec, va_record_type_t type)
{
    memset(rec, 0, sizeof(*rec));
    rec->type = type;
    rec->confidence = -1;
    for (unsigned tag = VA_TAG_END + 1; tag < VA_TAGS; tag++) {
        if (va_fields[tag].kind == VA_FIELD_INT) {
            *(int64_t *)((char *)rec + va_fields[tag].offset) = VA_RECORD_NONE;
        }
    }
}

va_value_t va_record_value(const va_record_t *rec, va_tag_t tag)
{
    const char *p = (const char *)rec + va_fields[tag].offset;
    va_value_t v = {.kind = va_fields[tag].kind};

    switch (v.kind) {
    case VA_FIELD_INT:
        v.num = *(const int64_t *)p;
        v.known = v.num != VA_RECORD_NONE;
        break;
    case VA_FIELD_REAL:
        memcpy(&v.real, p, sizeof(v.real));
        v.known = v.real >= 0;
        break;
    case VA_FIELD_STR:
        v.str = *(const va_str_t *)p;
        v.known = v.str.len != 0;
        break;
    }
    return v;
}

/* The CRC of zlib and Ethernet. */
static uint32_t va_crc32(uint32_t crc, const uint8_t *data, size_t n)
{
    static const uint32_t nibbles[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc = nibbles[(crc ^ data[i]) & 15] ^ (crc >> 4);
        crc = nibbles[(crc ^ (data[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

static void va_put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static uint64_t va_get(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

/* Length of the valid character at s, 0 if there is none. */
static size_t va_character(va_str_t s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++) {
        if (va_utf8_valid((va_str_t){s.data, n})) {
            return s.data[0] != '\0' ? n : 0;
        }
    }
    return 0;
}

static void va_put_text(va_buf_t *out, va_str_t s)
{
    size_t n, room = VA_RECORD_TEXT;

    while (s.len != 0 && room >= 4) {
        n = va_character(s);
        if (n == 0) {
            va_buf_append(out, "\xef\xbf\xbd", 3);
            room -= 3;
            n = 1;
        } else {
            va_buf_append(out, s.data, n);
            room -= n;
        }
        s.data += n;
        s.len -= n;
    }
}

static void va_put_field(va_buf_t *out, va_tag_t tag, const va_value_t *v)
{
    uint8_t head[3 + 8] = {(uint8_t)tag, 8};
    size_t at = out->len;
    uint64_t bits;

    switch (v->kind) {
    case VA_FIELD_INT:
        va_put(head + 3, (uint64_t)v->num, 8);
        va_buf_append(out, head, sizeof(head));
        return;
    case VA_FIELD_REAL:
        memcpy(&bits, &v->real, sizeof(bits));
        va_put(head + 3, bits, 8);
        va_buf_append(out, head, sizeof(head));
        return;
    case VA_FIELD_STR:
        va_buf_append(out, head, 3);
        va_put_text(out, v->str);
        if (out->rc == VA_OK) {
            va_put((uint8_t *)out->data + at + 1, out->len - at - 3, 2);
        }
        return;
    }
}

va_rc_t va_record_write(va_buf_t *out, const va_record_t *rec)
{
    uint8_t head[VA_RECORD_HEADER + 1] = VA_MAGIC;
    size_t at = out->len, n;
    uint8_t *p;

    head[VA_RECORD_HEADER] = (uint8_t)rec->type;
    va_buf_append(out, head, sizeof(head));
    for (unsigned tag = VA_TAG_END + 1; tag < VA_TAGS; tag++) {
        va_value_t v = va_record_value(rec, (va_tag_t)tag);

        if (v.known) {
            va_put_field(out, (va_tag_t)tag, &v);
        }
    }
    if (out->rc == VA_OK) {
        p = (uint8_t *)out->data + at;
        n = out->len - at - VA_RECORD_HEADER;
        if (n > VA_RECORD_MAX - VA_RECORD_HEADER) {
            out->len = at;
            return VA_LIMIT;
        }
        va_put(p + 4, n, 4);
        va_put(p + 8, va_crc32(va_crc32(0, p + 4, 4), p + VA_RECORD_HEADER, n),
               4);
    }
    return out->rc;
}

va_rc_t va_record_frame(va_str_t data, size_t *size, va_str_t *payload)
{
    const uint8_t *p = (const uint8_t *)data.data;
    size_t n;

    /* where the next one may begin, if this is none */
    *size = 1;
    while (*size < data.len &&
           memcmp(p + *size, VA_MAGIC,
                  data.len - *size < 4 ? data.len - *size : 4) != 0) {
        (*size)++;
    }
    if (memcmp(data.len != 0 ? (const char *)p : "", VA_MAGIC,
               data.len < 4 ? data.len : 4) != 0) {
        return VA_INVALID;
    }
    if (data.len < VA_RECORD_HEADER) {
        return VA_AGAIN;
    }
    n = va_get(p + 4, 4);
    if (n == 0 || n > VA_RECORD_MAX - VA_RECORD_HEADER) {
        return VA_INVALID;
    }
    if (data.len - VA_RECORD_HEADER < n) {
        return VA_AGAIN;
    }
    if (va_crc32(va_crc32(0, p + 4, 4), p + VA_RECORD_HEADER, n) !=
        va_get(p + 8, 4)) {
        return VA_INVALID;
    }
    *size = VA_RECORD_HEADER + n;
    *payload = (va_str_t){data.data + VA_RECORD_HEADER, n};
    return VA_OK;
}

/* One field into rec; what is not known to this version is passed over. */
static bool va_take_field(va_record_t *rec, unsigned tag, const uint8_t *p,
                          size_t n)
{
    char *to;
    uint64_t bits;

    if (tag == VA_TAG_END || tag >= VA_TAGS) {
        return true;
    }
    to = (char *)rec + va_fields[tag].offset;
    if (va_fields[tag].kind == VA_FIELD_STR) {
        *(va_str_t *)to = (va_str_t){(const char *)p, n};
        return va_utf8_valid((va_str_t){(const char *)p, n}) &&
               memchr(p, '\0', n) == NULL;
    }
    if (n != 8) {
        return false;
    }
    bits = va_get(p, 8);
    memcpy(to, &bits, 8);
    return true;
}

va_rc_t va_record_read(va_record_t *rec, va_str_t payload)
{
    const uint8_t *p = (const uint8_t *)payload.data;
    size_t left = payload.len, n;

    if (left == 0 || p[0] < VA_RECORD_CALL || p[0] > VA_RECORD_RECORDING) {
        return VA_INVALID;
    }
    va_record_init(rec, (va_record_type_t)p[0]);
    p++;
    left--;
    while (left != 0) {
        if (left < 3) {
            return VA_INVALID;
        }
        n = va_get(p + 1, 2);
        if (left - 3 < n || !va_take_field(rec, p[0], p + 3, n)) {
            return VA_INVALID;
        }
        p += 3 + n;
        left -= 3 + n;
    }
    if (rec->call_sid.len == 0 || rec->id == VA_RECORD_NONE ||
        rec->at == VA_RECORD_NONE ||
        (rec->type == VA_RECORD_RECORDING && rec->recording_sid.len == 0)) {
        return VA_INVALID;
    }
    return VA_OK;
}
