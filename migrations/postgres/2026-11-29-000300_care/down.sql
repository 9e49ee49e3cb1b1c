ALTER TABLE check_ins DROP COLUMN heard_from;
ALTER TABLE check_ins DROP COLUMN postponed_until;
