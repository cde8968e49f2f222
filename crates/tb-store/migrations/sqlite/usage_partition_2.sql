-- What a file of version 1 lacks: the prompt of a request and what the answer says of its server.
ALTER TABLE usage ADD COLUMN prompt INTEGER;
ALTER TABLE usage ADD COLUMN fingerprint INTEGER;
ALTER TABLE usage ADD COLUMN has_drifted INTEGER NOT NULL DEFAULT 0;
