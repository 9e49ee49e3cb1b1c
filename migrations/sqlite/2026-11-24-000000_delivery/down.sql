-- Back to what nudges were before.
DROP INDEX nudges_finished;
DROP INDEX nudges_dead;
DROP INDEX nudges_recipient;
ALTER TABLE nudges DROP COLUMN attempts_forgiven;
ALTER TABLE nudges DROP COLUMN device_id;
ALTER TABLE nudges DROP COLUMN due_at;
