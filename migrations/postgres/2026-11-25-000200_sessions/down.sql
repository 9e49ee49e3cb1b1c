-- Back to tokens that could have several successors.
DROP INDEX sessions_ended;
ALTER TABLE sessions DROP COLUMN reused_at;
DROP INDEX refresh_tokens_expiry;
DROP INDEX refresh_tokens_predecessor;
ALTER TABLE refresh_tokens DROP COLUMN predecessor_id;
