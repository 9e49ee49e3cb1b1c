ALTER TABLE check_ins DROP CONSTRAINT check_ins_heard_from_bool;
ALTER TABLE check_ins DROP COLUMN heard_from;
ALTER TABLE check_ins DROP COLUMN postponed_until;
