-- What the links in nudges and mails are good for: pages that sign nobody in.
CREATE TABLE page_tokens (
  -- SHA-256 of the token. The token itself is derived from a row's id and a key, and is not kept.
  token_hash BLOB PRIMARY KEY NOT NULL,
  -- answer, choices.
  purpose TEXT NOT NULL,
  -- Whose token it is.
  account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The check-in that can be answered with it; null: it is for what comes by mail.
  check_in_id BLOB REFERENCES check_ins (id) ON DELETE CASCADE,
  -- When it first went out.
  created_at INTEGER NOT NULL,
  -- When it stops working.
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX page_tokens_account ON page_tokens (account_id);
CREATE INDEX page_tokens_check_in ON page_tokens (check_in_id);
CREATE INDEX page_tokens_expiry ON page_tokens (expires_at);
