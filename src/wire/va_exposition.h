/*
 * Writes metrics in the text formats that Prometheus reads: its own, version
 * 0.0.4, and OpenMetrics 1.0.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
#ifndef VA_EXPOSITION_H
#define VA_EXPOSITION_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

typedef enum {
    VA_METRIC_COUNTER,
    VA_METRIC_GAUGE,
    VA_METRIC_HISTOGRAM
} va_metric_type_t;

typedef struct {
    va_buf_t *out;
    bool openmetrics;
    const char *name; /* of the family that is written */
    va_metric_type_t type;
} va_exposition_t;

/* Name and value alternate: {"stage", "voice", NULL}; NULL for none. */
typedef const char *const *va_labels_t;

VA_BEGIN_DECLS

/* Begins a document; out->rc tells at the end whether all of it found room. */
void va_exposition_begin(va_exposition_t *e, va_buf_t *out, bool openmetrics);

/*
 * Begins a family; its samples must follow at once.  The name of a counter is
 * given without "_total".  help is one line.
 */
void va_exposition_family(va_exposition_t *e, const char *name,
                          va_metric_type_t type, const char *help);

/* A sample of a counter or gauge.  Label values may hold any bytes. */
void va_exposition_value(va_exposition_t *e, va_labels_t labels, double value);

/*
 * A histogram: counts[i] observations were at most bounds[i] and above the
 * bound before; counts[n] were above all of them.
 */
void va_exposition_histogram(va_exposition_t *e, va_labels_t labels,
                             const double *bounds, const uint64_t *counts,
                             size_t n, double sum);

/* Ends the document. */
void va_exposition_end(va_exposition_t *e);

/* Returns the Content-Type of the document. */
const char *va_exposition_type(bool openmetrics);

/* Returns whether an Accept header asks for OpenMetrics. */
bool va_exposition_accepts(va_str_t accept);

VA_END_DECLS

#endif
