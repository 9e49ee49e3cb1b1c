-- An earlier program does not know this word.
UPDATE nudges SET drop_reason = 'superseded' WHERE drop_reason = 'corrected';
DELETE FROM nudges WHERE plea_id IS NOT NULL;
ALTER TABLE link_members DROP COLUMN pleas_at_night;
DROP INDEX nudges_plea;
ALTER TABLE nudges DROP COLUMN plea_id;
DROP TABLE pleas;
DELETE FROM page_tokens WHERE number > 0;
ALTER TABLE page_tokens DROP CONSTRAINT page_tokens_number_range;
ALTER TABLE page_tokens DROP CONSTRAINT page_tokens_pkey;
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE page_tokens DROP COLUMN number;
DROP INDEX nudges_message;
ALTER TABLE nudges DROP COLUMN message_key;
ALTER TABLE check_ins DROP COLUMN heard_from;
ALTER TABLE check_ins DROP COLUMN postponed_until;
