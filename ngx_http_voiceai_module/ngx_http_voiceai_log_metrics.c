
/*
 * What the call log tells of itself to Prometheus.
 */


#include "ngx_http_voiceai_log.h"

#include "../src/wire/va_exposition.h"


void
ngx_http_voiceai_log_metrics(va_exposition_t *e)
{
    ngx_uint_t                    i;
    ngx_http_voiceai_log_stat_t   stat;

    static const struct {
        const char        *name;
        va_metric_type_t   type;
        const char        *help;
        size_t             field;
    } families[] = {
        { "voiceai_log_written", VA_METRIC_COUNTER,
          "Records of the call log that are in the database.",
          offsetof(ngx_http_voiceai_log_stat_t, written) },
        { "voiceai_log_spilled", VA_METRIC_COUNTER,
          "Records that went into the journal first.",
          offsetof(ngx_http_voiceai_log_stat_t, spilled) },
        { "voiceai_log_lost", VA_METRIC_COUNTER,
          "Records that found no place anywhere.",
          offsetof(ngx_http_voiceai_log_stat_t, lost) },
        { "voiceai_log_refused", VA_METRIC_COUNTER,
          "Records that the database does not take.",
          offsetof(ngx_http_voiceai_log_stat_t, refused) },
        { "voiceai_log_deleted_calls", VA_METRIC_COUNTER,
          "Calls that were kept long enough.",
          offsetof(ngx_http_voiceai_log_stat_t, deleted) },
        { "voiceai_log_queue_bytes", VA_METRIC_GAUGE,
          "What waits in memory.",
          offsetof(ngx_http_voiceai_log_stat_t, waiting) },
        { "voiceai_log_journal_bytes", VA_METRIC_GAUGE,
          "What waits on disk for the database.",
          offsetof(ngx_http_voiceai_log_stat_t, journal) }
    };

    if (ngx_http_voiceai_log_stat(&stat) != NGX_OK) {
        return;
    }

    for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        va_exposition_family(e, families[i].name, families[i].type,
                             families[i].help);
        va_exposition_value(e, NULL,
                      *(uint64_t *) ((u_char *) &stat + families[i].field));
    }

    va_exposition_family(e, "voiceai_log_up", VA_METRIC_GAUGE,
                         "Whether the call log's database takes records.");
    va_exposition_value(e, NULL, !stat.away);
}
