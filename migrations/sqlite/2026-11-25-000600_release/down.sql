-- Back to sharing at once.
ALTER TABLE link_members DROP COLUMN name_at_end;
ALTER TABLE check_ins DROP COLUMN shared_from;
ALTER TABLE check_ins DROP COLUMN share_before;
