-- A pause postpones what is open, and any sign of life ends what would tell the partner of a silence.

-- Until when a pause of the subject postponed the check-in. Null: none did.
ALTER TABLE check_ins ADD COLUMN postponed_until INTEGER;
-- Whether the subject gave a sign of life in the scene since the check-in fell due: an answer, a skip, a snooze of another
-- one. When is not kept.
ALTER TABLE check_ins ADD COLUMN heard_from INTEGER NOT NULL DEFAULT 0;

-- What is damaged by hand is refused, as everywhere.
ALTER TABLE check_ins ADD CONSTRAINT check_ins_heard_from_bool CHECK (heard_from IN (0, 1));

-- Several reminders to one person go out as one message.

-- The key of the message that the nudge goes out in together with others: Topic and Message-ID are made of it. Null: by itself.
ALTER TABLE nudges ADD COLUMN message_key TEXT;
CREATE INDEX nudges_message ON nudges (message_key) WHERE message_key IS NOT NULL;

-- An answering link stands for all questions of its message: one row for each. A primary key cannot be changed in place.
CREATE TABLE page_tokens_new (
  -- SHA-256 of the token. The token itself is derived from a row's id and a key, and is not kept.
  token_hash BLOB NOT NULL,
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
  round INTEGER NOT NULL DEFAULT 0,
  -- Which of the questions of its message it is, from 0.
  number INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (token_hash, number)
) STRICT;
INSERT INTO page_tokens_new (token_hash, purpose, account_id, check_in_id, created_at, expires_at, session_id, link_epoch, attempt_hash, round) SELECT token_hash, purpose, account_id, check_in_id, created_at, expires_at, session_id, link_epoch, attempt_hash, round FROM page_tokens;
DROP TABLE page_tokens;
ALTER TABLE page_tokens_new RENAME TO page_tokens;
CREATE INDEX page_tokens_account ON page_tokens (account_id);
CREATE INDEX page_tokens_check_in ON page_tokens (check_in_id);
CREATE INDEX page_tokens_expiry ON page_tokens (expires_at);
CREATE INDEX page_tokens_session ON page_tokens (session_id);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_expiry CHECK (expires_at > created_at);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_attempt_hash_whole CHECK (attempt_hash IS NULL OR length(attempt_hash) = 32);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_number_range CHECK (number >= 0);

-- "I would like to hear from you": one person asks the other by hand.
CREATE TABLE pleas (
  id BLOB PRIMARY KEY NOT NULL,
  -- The tie of the two.
  link_id BLOB NOT NULL REFERENCES partner_links (id) ON DELETE CASCADE,
  -- The scene that it was made from; null: none.
  scene_id BLOB REFERENCES scenes (id) ON DELETE SET NULL,
  -- Who would like to hear from the other.
  author_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- When it was made. It goes out two minutes later.
  created_at INTEGER NOT NULL,
  -- When its author took it back, before that. Null: they did not.
  taken_back_at INTEGER
) STRICT;
CREATE INDEX pleas_link ON pleas (link_id, created_at);
CREATE INDEX pleas_scene ON pleas (scene_id);
CREATE INDEX pleas_author ON pleas (author_id);

-- The plea that a nudge is about.
ALTER TABLE nudges ADD COLUMN plea_id BLOB REFERENCES pleas (id) ON DELETE CASCADE;
CREATE INDEX nudges_plea ON nudges (plea_id);

-- Whether a person may be woken by a plea of the other on this link.
ALTER TABLE link_members ADD COLUMN pleas_at_night INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link_members ADD CONSTRAINT link_members_pleas_at_night_bool CHECK (pleas_at_night IN (0, 1));
