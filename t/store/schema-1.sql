-- A database as version 1 of the schema left it, with a call in it.
CREATE TABLE voiceai_schema (version INTEGER NOT NULL);
INSERT INTO voiceai_schema (version) VALUES (1);
CREATE TABLE calls (
    call_sid TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    account_sid TEXT,
    from_number TEXT,
    to_number TEXT,
    direction TEXT,
    mode TEXT,
    status TEXT,
    answered_by TEXT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    connections INTEGER,
    failures INTEGER,
    failed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX calls_started ON calls (started_at, call_sid);
CREATE INDEX calls_from ON calls (from_number, started_at);
CREATE INDEX calls_to ON calls (to_number, started_at);
CREATE INDEX calls_failed ON calls (started_at) WHERE failed = 1;
CREATE TABLE turns (
    call_sid TEXT NOT NULL,
    id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    role TEXT NOT NULL,
    text TEXT,
    confidence DOUBLE PRECISION,
    interrupted INTEGER NOT NULL DEFAULT 0,
    silence_ms INTEGER,
    recogniser_ms INTEGER,
    model_ms INTEGER,
    voice_ms INTEGER,
    sending_ms INTEGER,
    latency_ms INTEGER,
    PRIMARY KEY (call_sid, id)
);
CREATE TABLE events (
    call_sid TEXT NOT NULL,
    id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT,
    PRIMARY KEY (call_sid, id)
);
INSERT INTO calls (call_sid, revision, from_number, to_number, status,
    started_at, ended_at, failed)
    VALUES ('CAold', 7, '+15550100077', '+15550100002', 'completed',
        1700000000000, 1700000060000, 0);
INSERT INTO turns (call_sid, id, at, role, text, latency_ms)
    VALUES ('CAold', 1, 1700000001000, 'assistant', 'Slow.', 2500),
        ('CAold', 2, 1700000003000, 'user', 'Indeed.', NULL),
        ('CAold', 3, 1700000004000, 'assistant', 'Faster.', 900);
