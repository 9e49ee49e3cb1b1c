-- What a person proves themselves with besides a password: one-time codes, recovery codes, passkeys.

-- The authenticator app of one person (RFC 6238). Begun at first; it counts once a code of it was typed back.
CREATE TABLE totp_factors (
  -- Whose.
  account_id uuid PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The shared secret, sealed with the account's data key.
  secret bytea NOT NULL,
  -- When it was begun.
  created_at timestamptz NOT NULL,
  -- When a code of it was first typed back; null: it does not count yet.
  confirmed_at timestamptz,
  -- The 30-second step whose code was used last: neither it nor an earlier one is taken again.
  last_step bigint,
  -- Wrong codes since wrong_since.
  wrong_codes integer NOT NULL,
  -- When the first of them came; null: none did.
  wrong_since timestamptz
);

-- A code that stands in for the app when it is lost; each works once.
CREATE TABLE recovery_codes (
  -- SHA-256 of account and code.
  code_hash bytea PRIMARY KEY NOT NULL,
  -- Whose.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- When it was given out.
  created_at timestamptz NOT NULL,
  -- When it was used.
  used_at timestamptz
);
CREATE INDEX recovery_codes_account ON recovery_codes (account_id);

-- A log-in whose password was right and that waits for its second step. Deleted when it is done or out of guesses.
CREATE TABLE log_in_challenges (
  -- SHA-256 of the token that the device was given.
  token_hash bytea PRIMARY KEY NOT NULL,
  -- Who logs in.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The device's name, sealed with a key derived from the house secret.
  label bytea NOT NULL,
  -- SHA-256 of the password's hash: a log-in does not outlive the password.
  password_mark bytea NOT NULL,
  -- Wrong codes so far.
  wrong_codes integer NOT NULL,
  -- When it stops working.
  expires_at timestamptz NOT NULL
);
CREATE INDEX log_in_challenges_account ON log_in_challenges (account_id);
CREATE INDEX log_in_challenges_expiry ON log_in_challenges (expires_at);

-- One passkey (WebAuthn).
CREATE TABLE passkeys (
  id uuid PRIMARY KEY NOT NULL,
  -- Whose.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Keyed hash of the id that the authenticator gave it: the only way to find it by that.
  credential_index bytea NOT NULL,
  -- Public key, counter and flags, sealed with the account's data key.
  credential bytea NOT NULL,
  -- Its name, sealed with the account's data key.
  label bytea NOT NULL,
  -- When it was made.
  created_at timestamptz NOT NULL,
  -- When it was used last; null: never.
  last_used_at timestamptz,
  UNIQUE (credential_index)
);
CREATE INDEX passkeys_account ON passkeys (account_id);

-- A passkey ceremony that was begun. Deleted when it is finished, well or not.
CREATE TABLE passkey_ceremonies (
  -- SHA-256 of the token that the device was given.
  token_hash bytea PRIMARY KEY NOT NULL,
  -- Whose; null: whoever logs in.
  account_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
  -- What it is for and the challenge, sealed with a key derived from the house secret.
  state bytea NOT NULL,
  -- When it stops working.
  expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_ceremonies_account ON passkey_ceremonies (account_id);
CREATE INDEX passkey_ceremonies_expiry ON passkey_ceremonies (expires_at);
