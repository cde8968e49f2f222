-- Names are stored once: rows carry their ids.
CREATE TABLE names (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- The checkpoint of the journal, and a number that every change of keys and tokens raises.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('checkpoint', 0), ('key_changes', 0);

-- One row per attempt. A request id is 16 big-endian bytes that begin with its Unix
-- milliseconds, so rows come nearly in the order of the primary key and a span of time is a
-- range of it: no other index is needed.
CREATE TABLE usage (
    request_id      BLOB NOT NULL,
    attempt         INTEGER NOT NULL,
    is_final        INTEGER NOT NULL,
    stream          INTEGER NOT NULL,
    started_ms      INTEGER NOT NULL,
    service         INTEGER NOT NULL,
    key_id          INTEGER,
    purpose         INTEGER NOT NULL,
    user            INTEGER,
    surface         INTEGER NOT NULL,
    provider        INTEGER,
    model_requested INTEGER NOT NULL,
    model_resolved  INTEGER,
    model_served    INTEGER,
    status          INTEGER NOT NULL,
    error_code      INTEGER,
    end_reason      INTEGER NOT NULL,
    usage_source    INTEGER NOT NULL,
    input_fresh     INTEGER NOT NULL,
    cache_read      INTEGER NOT NULL,
    cache_write     INTEGER NOT NULL,
    cache_write_1h  INTEGER NOT NULL,
    output_visible  INTEGER NOT NULL,
    reasoning       INTEGER NOT NULL,
    -- 0 measured, 1 estimated, 2 unpriced, 3 free
    cost_kind       INTEGER NOT NULL,
    cost_nano_usd   INTEGER NOT NULL,
    price_version   INTEGER NOT NULL,
    ttft_ms         INTEGER,
    duration_ms     INTEGER NOT NULL,
    overhead_us     INTEGER NOT NULL,
    config_hash     INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL,
    service    TEXT NOT NULL,
    name       TEXT,
    -- JSON arrays of text
    models     TEXT,
    purpose    TEXT,
    networks   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE admin_tokens (
    id     TEXT PRIMARY KEY,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE responses (
    response_id TEXT PRIMARY KEY,
    service     TEXT NOT NULL,
    provider    TEXT NOT NULL,
    model       TEXT NOT NULL,
    key_index   INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
