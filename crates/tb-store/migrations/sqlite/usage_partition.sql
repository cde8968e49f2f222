-- One file of usage rows: half an hour, one data class. It has its own names, so that a name goes
-- with the last file that has it.
CREATE TABLE names (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

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
    ladder          INTEGER NOT NULL,
    waited_ms       INTEGER NOT NULL,
    passed_over     INTEGER,
    saved_nano_usd  INTEGER NOT NULL,
    -- Most rows have neither, and those that do hardly repeat each other: no names.
    guard           TEXT,
    characters      TEXT,
    secret_version  INTEGER,
    workload        INTEGER,
    -- 4 or 16 bytes
    peer            BLOB,
    -- 0 public, 1 internal, 2 personal, 3 health
    data_class      INTEGER NOT NULL,
    own_classes     INTEGER,
    region          INTEGER,
    agreement       INTEGER,
    request_hmac    BLOB,
    answer_hmac     BLOB,
    prompt          INTEGER,
    fingerprint     INTEGER,
    has_drifted     INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;
