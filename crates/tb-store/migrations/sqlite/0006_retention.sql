-- Usage rows stand in files of their own from here on, see usage_partition.sql; those in this
-- file are moved there at the next open.

-- Legal holds, as records in JSON.
CREATE TABLE holds (
    id        TEXT PRIMARY KEY,
    placed_ms INTEGER NOT NULL,
    record    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Bindings are deleted by their age.
CREATE INDEX responses_by_age ON responses (created_ms);
