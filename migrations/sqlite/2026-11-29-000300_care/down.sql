-- An earlier program does not know this word.
UPDATE nudges SET drop_reason = 'superseded' WHERE drop_reason = 'corrected';
DELETE FROM nudges WHERE plea_id IS NOT NULL;
ALTER TABLE link_members DROP CONSTRAINT link_members_pleas_at_night_bool;
ALTER TABLE link_members DROP COLUMN pleas_at_night;
DROP INDEX nudges_plea;
ALTER TABLE nudges DROP COLUMN plea_id;
DROP TABLE pleas;
CREATE TABLE page_tokens_old (
  -- SHA-256 of the token. The token itself is derived from a row's id and a key, and is not kept.
  token_hash BLOB NOT NULL PRIMARY KEY,
  -- answer, choices.
  purpose TEXT NOT NULL,
  -- Whose token it is.
  account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The check-in that can be answered with it; null: it is for what comes by mail.
  check_in_id BLOB REFERENCES check_ins (id) ON DELETE CASCADE,
  -- When it first went out.
  created_at INTEGER NOT NULL,
  -- When it stops working.
  expires_at INTEGER NOT NULL,
  -- The session whose device it was sent to; null: it was sent by mail.
  session_id BLOB REFERENCES sessions (id) ON DELETE CASCADE,
  -- The account's link_epoch when the link was made.
  link_epoch INTEGER NOT NULL DEFAULT 0,
  -- SHA-256 of the attempt that settled the check-in or put it off by this link. Null: none did, or it was not named.
  attempt_hash BLOB,
  -- The round of its check-in to which an answering link belongs.
  round INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO page_tokens_old (token_hash, purpose, account_id, check_in_id, created_at, expires_at, session_id, link_epoch, attempt_hash, round) SELECT token_hash, purpose, account_id, check_in_id, created_at, expires_at, session_id, link_epoch, attempt_hash, round FROM page_tokens WHERE number = 0;
DROP TABLE page_tokens;
ALTER TABLE page_tokens_old RENAME TO page_tokens;
CREATE INDEX page_tokens_account ON page_tokens (account_id);
CREATE INDEX page_tokens_check_in ON page_tokens (check_in_id);
CREATE INDEX page_tokens_expiry ON page_tokens (expires_at);
CREATE INDEX page_tokens_session ON page_tokens (session_id);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_expiry CHECK (expires_at > created_at);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_attempt_hash_whole CHECK (attempt_hash IS NULL OR length(attempt_hash) = 32);
DROP INDEX nudges_message;
ALTER TABLE nudges DROP COLUMN message_key;
ALTER TABLE check_ins DROP CONSTRAINT check_ins_heard_from_bool;
ALTER TABLE check_ins DROP COLUMN heard_from;
ALTER TABLE check_ins DROP COLUMN postponed_until;
