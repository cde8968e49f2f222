-- Whose the database is: `[environment] name` of the configuration that it was used with first.
-- At most one row.
CREATE TABLE environment (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL
) STRICT;
