CREATE INDEX nudges_due ON nudges (send_at, id) WHERE state = 'waiting';
DROP INDEX nudges_lane;
ALTER TABLE nudges DROP COLUMN lane;
ALTER TABLE devices DROP COLUMN rests_until;
ALTER TABLE devices DROP COLUMN lane;
