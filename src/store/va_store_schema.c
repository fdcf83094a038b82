#include "va_store_backend.h"

/*
 * The schema, in the SQL that SQLite and PostgreSQL share.  Steps that were
 * released are never changed; what is wrong with one is put right by another.
 */
const char *const va_store_steps[VA_STORE_VERSION] = {
    "CREATE TABLE calls ("
    " call_sid TEXT PRIMARY KEY,"
    " revision BIGINT NOT NULL,"
    " account_sid TEXT,"
    " from_number TEXT,"
    " to_number TEXT,"
    " direction TEXT,"
    " mode TEXT,"
    " status TEXT,"
    " answered_by TEXT,"
    " started_at BIGINT NOT NULL,"
    " ended_at BIGINT,"
    " connections INTEGER,"
    " failures INTEGER,"
    " failed INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX calls_started ON calls (started_at, call_sid);"
    "CREATE INDEX calls_from ON calls (from_number, started_at);"
    "CREATE INDEX calls_to ON calls (to_number, started_at);"
    "CREATE INDEX calls_failed ON calls (started_at) WHERE failed = 1;"
    "CREATE TABLE turns ("
    " call_sid TEXT NOT NULL,"
    " id BIGINT NOT NULL,"
    " at BIGINT NOT NULL,"
    " role TEXT NOT NULL,"
    " text TEXT,"
    " confidence DOUBLE PRECISION,"
    " interrupted INTEGER NOT NULL DEFAULT 0,"
    " silence_ms INTEGER,"
    " recogniser_ms INTEGER,"
    " model_ms INTEGER,"
    " voice_ms INTEGER,"
    " sending_ms INTEGER,"
    " latency_ms INTEGER,"
    " PRIMARY KEY (call_sid, id));"
    "CREATE TABLE events ("
    " call_sid TEXT NOT NULL,"
    " id BIGINT NOT NULL,"
    " at BIGINT NOT NULL,"
    " name TEXT NOT NULL,"
    " detail TEXT,"
    " PRIMARY KEY (call_sid, id));",

    "CREATE TABLE recordings ("
    " recording_sid TEXT PRIMARY KEY,"
    " call_sid TEXT NOT NULL,"
    " at BIGINT NOT NULL,"
    " url TEXT,"
    " seconds INTEGER);"
    "CREATE INDEX recordings_call ON recordings (call_sid);"
    "CREATE INDEX turns_slow ON turns (latency_ms, at)"
    " WHERE latency_ms IS NOT NULL;"
    "ALTER TABLE calls ADD COLUMN max_latency_ms INTEGER;"
    "UPDATE calls SET max_latency_ms ="
    " (SELECT max(latency_ms) FROM turns"
    "  WHERE turns.call_sid = calls.call_sid);",
};

#define VA_KEEP(column)                                                        \
    column " = COALESCE(excluded." column ", calls." column ")"

/* By type of record; the second one of a turn comes last. */
const va_statement_t va_store_statements[VA_STORE_STATEMENTS] = {
    [VA_RECORD_CALL] =
        {"INSERT INTO calls (call_sid, revision, "
         "account_sid, from_number,"
         " to_number, direction, mode, status, answered_by, "
         "started_at,"
         " ended_at, connections, failures, failed)"
         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
         "$11, $12, $13,"
         " $14)"
         " ON CONFLICT (call_sid) DO UPDATE SET"
         " revision = excluded.revision,"
         " started_at = CASE WHEN excluded.started_at < "
         "calls.started_at"
         "  THEN excluded.started_at ELSE calls.started_at "
         "END,"
         " failed = CASE WHEN excluded.failed > calls.failed"
         "  THEN excluded.failed ELSE calls.failed "
         "END," VA_KEEP("account_sid") "," VA_KEEP(
             "from_"
             "number") "," VA_KEEP("to_number") "," VA_KEEP("direction") "," VA_KEEP("mode") "," VA_KEEP("status") "," VA_KEEP("answ"
                                                                                                                               "ered"
                                                                                                                               "_by") "," VA_KEEP("ended_at") "," VA_KEEP("connections") "," VA_KEEP("failures") " WHERE excluded.revision > calls.revision",
         {VA_TAG_CALL_SID, VA_TAG_ID, VA_TAG_ACCOUNT_SID, VA_TAG_FROM,
          VA_TAG_TO, VA_TAG_DIRECTION, VA_TAG_MODE, VA_TAG_STATUS,
          VA_TAG_ANSWERED_BY, VA_TAG_STARTED, VA_TAG_ENDED, VA_TAG_CONNECTIONS,
          VA_TAG_FAILURES, VA_TAG_FAILED}},
    [VA_RECORD_TURN] =
        {"INSERT INTO turns (call_sid, id, at, role, text, confidence,"
         " interrupted, silence_ms, recogniser_ms, model_ms, voice_ms,"
         " sending_ms, latency_ms)"
         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
         " ON CONFLICT (call_sid, id) DO NOTHING",
         {VA_TAG_CALL_SID, VA_TAG_ID, VA_TAG_AT, VA_TAG_ROLE, VA_TAG_TEXT,
          VA_TAG_CONFIDENCE, VA_TAG_INTERRUPTED, VA_TAG_SILENCE, VA_TAG_STT,
          VA_TAG_LLM, VA_TAG_TTS, VA_TAG_SEND, VA_TAG_LATENCY}},
    [VA_RECORD_EVENT] = {"INSERT INTO events (call_sid, id, at, name, detail)"
                         " VALUES ($1, $2, $3, $4, $5)"
                         " ON CONFLICT (call_sid, id) DO NOTHING",
                         {VA_TAG_CALL_SID, VA_TAG_ID, VA_TAG_AT, VA_TAG_NAME,
                          VA_TAG_DETAIL}},
    [VA_RECORD_RECORDING] = {"INSERT INTO recordings (recording_sid, "
                             "call_sid, at, url, seconds)"
                             " VALUES ($1, $2, $3, $4, $5)"
                             " ON CONFLICT (recording_sid) DO NOTHING",
                             {VA_TAG_RECORDING_SID, VA_TAG_CALL_SID, VA_TAG_AT,
                              VA_TAG_URL, VA_TAG_SECONDS}},
    [VA_RECORD_RECORDING +
        1] = {"INSERT INTO calls (call_sid, revision, started_at, "
              "max_latency_ms)"
              " VALUES ($1, 0, $2, $3)"
              " ON CONFLICT (call_sid) DO UPDATE SET max_latency_ms ="
              " excluded.max_latency_ms WHERE excluded.max_latency_ms >"
              " COALESCE(calls.max_latency_ms, -1)",
              {VA_TAG_CALL_SID, VA_TAG_AT, VA_TAG_LATENCY}},
};
