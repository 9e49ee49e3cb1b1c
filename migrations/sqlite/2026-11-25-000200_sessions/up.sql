-- What rotation without forks needs, and what tells a person that a session of theirs was copied.

-- The token that was exchanged for this one; null: the first of its family. A token has one successor and no more.
ALTER TABLE refresh_tokens ADD COLUMN predecessor_id BLOB;
CREATE UNIQUE INDEX refresh_tokens_predecessor ON refresh_tokens (predecessor_id);
-- What is out of date, for retention.
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- When a token of the family came again after it had been exchanged, which ended the session; null: it did not.
ALTER TABLE sessions ADD COLUMN reused_at INTEGER;
-- What is over, for retention.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
