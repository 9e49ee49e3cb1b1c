ALTER TABLE page_tokens DROP CONSTRAINT page_tokens_attempt_hash_whole;
ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_attempt_hash_whole;
ALTER TABLE page_tokens DROP COLUMN round;
ALTER TABLE log_in_challenges DROP COLUMN known_device;
DROP INDEX idempotency_keys_secret;
ALTER TABLE idempotency_keys DROP COLUMN secret_until;
ALTER TABLE page_tokens DROP COLUMN attempt_hash;
ALTER TABLE refresh_tokens DROP COLUMN given_again_at;
ALTER TABLE refresh_tokens DROP COLUMN attempt_hash;
