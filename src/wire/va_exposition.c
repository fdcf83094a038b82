#include "va_exposition.h"

#include <math.h>
#include <string.h>

#include "va_text.h"

void va_exposition_begin(va_exposition_t *e, va_buf_t *out, bool openmetrics)
{
    memset(e, 0, sizeof(*e));
    e->out = out;
    e->openmetrics = openmetrics;
}

void va_exposition_family(va_exposition_t *e, const char *name,
                          va_metric_type_t type, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const char *suffix;

    e->name = name;
    e->type = type;

    /* OpenMetrics names the family, the older format the samples. */
    suffix = type == VA_METRIC_COUNTER && !e->openmetrics ? "_total" : "";

    va_buf_printf(e->out, "# HELP %s%s %s\n", name, suffix, help);
    va_buf_printf(e->out, "# TYPE %s%s %s\n", name, suffix, types[type]);
}

static void put_label(va_buf_t *out, const char *value)
{
    va_str_t rest = va_str(value);

    while (rest.len) {
        bool valid;
        size_t n = va_text_next(rest, &valid);
        char c = rest.data[0];

        if (!valid) {
            va_buf_str(out, VA_TEXT_REPLACEMENT);
        } else if (c == '\n') {
            va_buf_puts(out, "\\n");
        } else if (c == '"' || c == '\\') {
            va_buf_printf(out, "\\%c", c);
        } else {
            va_buf_append(out, rest.data, n);
        }
        rest.data += n;
        rest.len -= n;
    }
}

static void put_number(va_buf_t *out, double value)
{
    if (isnan(value)) {
        va_buf_puts(out, "NaN");
    } else if (isinf(value)) {
        va_buf_puts(out, value > 0 ? "+Inf" : "-Inf");
    } else if (value == floor(value) && fabs(value) < 1e15) {
        va_buf_printf(out, "%.0f", value);
    } else {
        va_buf_printf(out, "%.9g", value);
    }
}

/* le is the bound of a bucket, or NULL. */
static void put_sample(va_exposition_t *e, const char *suffix,
                       va_labels_t labels, const char *le, double value)
{
    va_buf_t *out = e->out;
    const char *before = "{";

    va_buf_printf(out, "%s%s", e->name, suffix);
    for (; labels && labels[0]; labels += 2) {
        va_buf_printf(out, "%s%s=\"", before, labels[0]);
        put_label(out, labels[1]);
        va_buf_puts(out, "\"");
        before = ",";
    }
    if (le) {
        va_buf_printf(out, "%sle=\"%s\"", before, le);
        before = ",";
    }
    va_buf_puts(out, before[0] == ',' ? "} " : " ");
    put_number(out, value);
    va_buf_puts(out, "\n");
}

void va_exposition_value(va_exposition_t *e, va_labels_t labels, double value)
{
    put_sample(e, e->type == VA_METRIC_COUNTER ? "_total" : "", labels, NULL,
               value);
}

void va_exposition_histogram(va_exposition_t *e, va_labels_t labels,
                             const double *bounds, const uint64_t *counts,
                             size_t n, double sum)
{
    uint64_t total = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        va_buf_t le;

        /* OpenMetrics wants a bound that reads as a real number. */
        va_buf_init(&le, 32);
        va_buf_printf(&le, bounds[i] == floor(bounds[i]) ? "%.1f" : "%.9g",
                      bounds[i]);
        total += counts[i];
        put_sample(e, "_bucket", labels, le.data ? le.data : "", (double)total);
        va_buf_free(&le);
    }
    total += counts[n];
    put_sample(e, "_bucket", labels, "+Inf", (double)total);
    put_sample(e, "_sum", labels, NULL, sum);
    put_sample(e, "_count", labels, NULL, (double)total);
}

void va_exposition_end(va_exposition_t *e)
{
    if (e->openmetrics) {
        va_buf_puts(e->out, "# EOF\n");
    }
}

const char *va_exposition_type(bool openmetrics)
{
    return openmetrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

bool va_exposition_accepts(va_str_t accept)
{
    static const char name[] = "application/openmetrics-text";
    const size_t n = sizeof(name) - 1;

    while (accept.len >= n) {
        if (memcmp(accept.data, name, n) == 0) {
            return true;
        }
        accept.data++;
        accept.len--;
    }
    return false;
}
