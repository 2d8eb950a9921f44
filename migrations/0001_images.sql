-- The record of one image: what the API answers with, and where storage keeps the bytes.
CREATE TABLE IF NOT EXISTS images (
    id          TEXT    NOT NULL PRIMARY KEY, -- UUID, lower-case hyphenated
    storage_key TEXT    NOT NULL,             -- S3 object key, not percent-encoded
    mime_type   TEXT    NOT NULL,             -- an image/* media type
    hash        TEXT    NOT NULL,             -- entity-tag without its quotes, e.g. the SHA-256 in hex
    size_bytes  INTEGER NOT NULL              -- length of the object in bytes
);
