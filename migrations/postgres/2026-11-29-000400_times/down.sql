-- An earlier program knows minutes after the scene's end only.
DELETE FROM check_ins WHERE offset_minutes IS NULL;
ALTER TABLE check_ins DROP COLUMN ended_at;
DROP INDEX check_ins_once;
ALTER TABLE check_ins DROP CONSTRAINT check_ins_one_time;
ALTER TABLE check_ins ALTER COLUMN offset_minutes SET NOT NULL;
ALTER TABLE check_ins DROP COLUMN check_in_time;
ALTER TABLE scenes DROP COLUMN parting_said_at;
ALTER TABLE scenes DROP COLUMN parted_at;
