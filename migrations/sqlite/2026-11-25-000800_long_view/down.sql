-- Takes the long view away again.
ALTER TABLE link_members DROP COLUMN promise_count_wanted;
DROP TABLE journal_entries;
DROP TABLE debriefs;
