-- Prompt versions, which are only ever added, and the labels that point to them; both are records
-- in JSON.
CREATE TABLE prompts (
    name   TEXT NOT NULL,
    number INTEGER NOT NULL,
    hash   TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (name, number),
    UNIQUE (name, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE prompt_labels (
    name     TEXT NOT NULL,
    label    TEXT NOT NULL,
    revision INTEGER NOT NULL,
    record   TEXT NOT NULL,
    PRIMARY KEY (name, label)
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('prompt_changes', 0);
