-- Back to sessions without proofs.
ALTER TABLE sessions DROP COLUMN proved_at;
