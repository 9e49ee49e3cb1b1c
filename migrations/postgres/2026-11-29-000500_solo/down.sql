DROP TABLE solo_plans;
DROP INDEX scenes_solo;
-- An earlier program knows scenes of two only.
DELETE FROM scenes WHERE link_id IS NULL;
ALTER TABLE check_ins ALTER COLUMN link_id SET NOT NULL;
ALTER TABLE scenes ALTER COLUMN link_id SET NOT NULL;
