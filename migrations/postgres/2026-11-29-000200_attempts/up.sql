-- Who lost an answer sends the same attempt again; answers that hold secrets are not kept for that; the owner hears of a
-- log-in on a device that was not signed in before.

-- SHA-256 of the attempt by which the token was got. Null: its exchange named none.
ALTER TABLE refresh_tokens ADD COLUMN attempt_hash bytea;
-- When the token was given out again to who lost the answer, which is done once.
ALTER TABLE refresh_tokens ADD COLUMN given_again_at timestamptz;

-- SHA-256 of the attempt that settled the check-in or put it off by this link. Null: none did, or it was not named.
ALTER TABLE page_tokens ADD COLUMN attempt_hash bytea;

-- Until when the response is given again, where it holds a secret. Null: as long as the row is kept.
ALTER TABLE idempotency_keys ADD COLUMN secret_until timestamptz;
CREATE INDEX idempotency_keys_secret ON idempotency_keys (secret_until) WHERE response IS NOT NULL;
-- Nobody knows which of the earlier responses hold a token: none is given again.
UPDATE idempotency_keys SET secret_until = created_at;

-- Whether the device showed a token of an earlier session of the account.
ALTER TABLE log_in_challenges ADD COLUMN known_device boolean NOT NULL DEFAULT FALSE;

-- The round of its check-in to which an answering link belongs: after a snooze only the next nudge's link works. Links from
-- before are those of the round that the check-in is in now.
ALTER TABLE page_tokens ADD COLUMN round integer NOT NULL DEFAULT 0;
UPDATE page_tokens SET round = COALESCE((SELECT c.round FROM check_ins c WHERE c.id = page_tokens.check_in_id), 0);

-- What is damaged by hand is refused, as everywhere.
ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_attempt_hash_whole CHECK (attempt_hash IS NULL OR length(attempt_hash) = 32);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_attempt_hash_whole CHECK (attempt_hash IS NULL OR length(attempt_hash) = 32);
