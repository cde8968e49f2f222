-- What the failure ladder did. Rows of the version before stand on its first rung, with the
-- first cause and without a key: that is what 0 means.
ALTER TABLE usage ADD COLUMN ladder INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;
-- A name: the same targets are passed over for the same reasons again and again.
ALTER TABLE usage ADD COLUMN passed_over INTEGER;
ALTER TABLE usage ADD COLUMN saved_nano_usd INTEGER NOT NULL DEFAULT 0;

-- Kept answers of the cache, sealed. The long column comes last, so that the others are read
-- without it.
CREATE TABLE answers (
    id            INTEGER PRIMARY KEY,
    key           BLOB NOT NULL UNIQUE,
    service       TEXT NOT NULL,
    model         TEXT NOT NULL,
    -- A JSON array of text
    tags          TEXT NOT NULL,
    stored_ms     INTEGER NOT NULL,
    keep_until_ms INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    sealed        BLOB NOT NULL
) STRICT;

CREATE INDEX answers_by_age ON answers (stored_ms, key, bytes);
CREATE INDEX answers_by_end ON answers (keep_until_ms);
