-- A pause postpones what is open, and any sign of life ends what would tell the partner of a silence.

-- Until when a pause of the subject postponed the check-in. Null: none did.
ALTER TABLE check_ins ADD COLUMN postponed_until INTEGER;
-- Whether the subject gave a sign of life in the scene since the check-in fell due: an answer, a skip, a snooze of another
-- one. When is not kept.
ALTER TABLE check_ins ADD COLUMN heard_from INTEGER NOT NULL DEFAULT 0;

-- What is damaged by hand is refused, as everywhere.
ALTER TABLE check_ins ADD CONSTRAINT check_ins_heard_from_bool CHECK (heard_from IN (0, 1));
