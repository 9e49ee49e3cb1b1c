-- What the links in nudges and mails are good for: pages that sign nobody in.
CREATE TABLE page_tokens (
  -- SHA-256 of the token. The token itself is derived from a row's id and a key, and is not kept.
  token_hash bytea PRIMARY KEY NOT NULL,
  -- answer, choices.
  purpose text NOT NULL,
  -- Whose token it is.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The check-in that can be answered with it; null: it is for what comes by mail.
  check_in_id uuid REFERENCES check_ins (id) ON DELETE CASCADE,
  -- When it first went out.
  created_at timestamptz NOT NULL,
  -- When it stops working.
  expires_at timestamptz NOT NULL
);
CREATE INDEX page_tokens_account ON page_tokens (account_id);
CREATE INDEX page_tokens_check_in ON page_tokens (check_in_id);
CREATE INDEX page_tokens_expiry ON page_tokens (expires_at);
