-- A pause postpones what is open, and any sign of life ends what would tell the partner of a silence.

-- Until when a pause of the subject postponed the check-in. Null: none did.
ALTER TABLE check_ins ADD COLUMN postponed_until timestamptz;
-- Whether the subject gave a sign of life in the scene since the check-in fell due: an answer, a skip, a snooze of another
-- one. When is not kept.
ALTER TABLE check_ins ADD COLUMN heard_from boolean NOT NULL DEFAULT FALSE;
