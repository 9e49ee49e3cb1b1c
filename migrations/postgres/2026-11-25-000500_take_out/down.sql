-- Back to what was there before. Whose words a Revision is made of is lost with their parts.
DROP INDEX outreaches_account;
DROP INDEX aftercare_recorded_by;
DROP INDEX scenes_created_by;
DROP INDEX revisions_author;
DROP INDEX idempotency_keys_account;
ALTER TABLE idempotency_keys DROP COLUMN account_id;
DROP TABLE export_chunks;
DROP TABLE exports;
DROP TABLE erased;
DROP TABLE erasures;
DROP TABLE revision_parts;
ALTER TABLE revisions DROP COLUMN final_state;
ALTER TABLE accounts DROP COLUMN held_at;
