-- The keys under which end users have their pseudonyms in the audit log. No name stands here: the
-- id is an HMAC of service and name.
CREATE TABLE subjects (
    id  BLOB PRIMARY KEY,
    key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- A number that every forgotten key raises, see SubjectKeys::forgotten.
INSERT INTO meta (name, value) VALUES ('subjects_forgotten', 0);
