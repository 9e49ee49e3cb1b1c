-- A protocol has local times and times counted from the parting, besides minutes after the scene's end.

-- When the two part, or parted, after a scene in person. Null: nobody said.
ALTER TABLE scenes ADD COLUMN parted_at timestamptz;
-- When that was said last. Null: nobody said.
ALTER TABLE scenes ADD COLUMN parting_said_at timestamptz;

-- The time of the protocol, as an agreement's text spells it, such as end+1d@09:00 or parting+60min. Null: offset_minutes has it.
ALTER TABLE check_ins ADD COLUMN check_in_time text;
ALTER TABLE check_ins ALTER COLUMN offset_minutes DROP NOT NULL;
ALTER TABLE check_ins ADD CONSTRAINT check_ins_one_time CHECK ((offset_minutes IS NULL) <> (check_in_time IS NULL));
CREATE UNIQUE INDEX check_ins_once ON check_ins (scene_id, subject_id, check_in_time);

-- When the scene ended.
ALTER TABLE check_ins ADD COLUMN ended_at timestamptz;
UPDATE check_ins SET ended_at = due_at - offset_minutes * interval '1 minute';
ALTER TABLE check_ins ALTER COLUMN ended_at SET NOT NULL;

-- An answer that was given before signs of life were noted counts as one, as it would now. When a check-in was skipped or put off is not known.
UPDATE check_ins SET heard_from = TRUE WHERE state = 'unanswered' AND EXISTS (SELECT 1 FROM check_ins AS other
  WHERE other.scene_id = check_ins.scene_id AND other.subject_id = check_ins.subject_id AND other.id <> check_ins.id
  AND other.answered_at >= check_ins.due_at);
