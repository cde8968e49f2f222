-- Keys and tokens are records in JSON: what a key is for grows with every version, and nothing
-- but the whole record is ever asked for. Keys of the version before keep their one secret.
ALTER TABLE keys RENAME TO keys_3;
CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    revision   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    record     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO keys
SELECT id, 0, created_ms, json_object(
    'id', id,
    'secrets', json_array(json_object(
        'version', 1,
        'digest', (SELECT json_group_array(byte) FROM (
            WITH RECURSIVE at(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM at WHERE n < 32)
            SELECT (instr('0123456789ABCDEF', substr(hex(digest), 2 * n - 1, 1)) - 1) * 16
                 + (instr('0123456789ABCDEF', substr(hex(digest), 2 * n, 1)) - 1) AS byte
            FROM at)),
        'created_at', created_ms,
        'valid_until', NULL)),
    'scope', json_object(
        'service', service, 'name', name, 'models', json(models), 'routes', NULL,
        'purposes', NULL, 'purpose', purpose, 'data_classes', NULL, 'networks', json(networks),
        'limits', json('{}'), 'created_at', created_ms, 'not_before', NULL,
        'expires_at', expires_ms),
    'revoked_at', revoked_ms,
    'revision', 0)
FROM keys_3;
DROP TABLE keys_3;

-- Tokens of the version before were for everything.
ALTER TABLE admin_tokens RENAME TO admin_tokens_3;
CREATE TABLE admin_tokens (
    id     TEXT PRIMARY KEY,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO admin_tokens
SELECT id, json_object(
    'id', id,
    'digest', (SELECT json_group_array(byte) FROM (
        WITH RECURSIVE at(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM at WHERE n < 32)
        SELECT (instr('0123456789ABCDEF', substr(hex(digest), 2 * n - 1, 1)) - 1) * 16
             + (instr('0123456789ABCDEF', substr(hex(digest), 2 * n, 1)) - 1) AS byte
        FROM at)),
    'role', 'owner', 'name', NULL, 'created_at', 0, 'expires_at', NULL, 'revoked_at', NULL)
FROM admin_tokens_3;
DROP TABLE admin_tokens_3;

-- Admin acts on their way into the audit log.
CREATE TABLE acts (
    id  INTEGER PRIMARY KEY AUTOINCREMENT,
    act TEXT NOT NULL
) STRICT;

-- When each secret of a key was used last, to a minute.
CREATE TABLE key_uses (
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
