-- What the guard found in a request and did with it, and what unseen characters it had. Most rows
-- have neither, and those that do hardly repeat each other: no names.
ALTER TABLE usage ADD COLUMN guard TEXT;
ALTER TABLE usage ADD COLUMN characters TEXT;
