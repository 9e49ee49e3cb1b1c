-- A pause postpones what is open, and any sign of life ends what would tell the partner of a silence.

-- Until when a pause of the subject postponed the check-in. Null: none did.
ALTER TABLE check_ins ADD COLUMN postponed_until timestamptz;
-- Whether the subject gave a sign of life in the scene since the check-in fell due: an answer, a skip, a snooze of another
-- one. When is not kept.
ALTER TABLE check_ins ADD COLUMN heard_from boolean NOT NULL DEFAULT FALSE;

-- Several reminders to one person go out as one message.

-- The key of the message that the nudge goes out in together with others: Topic and Message-ID are made of it. Null: by itself.
ALTER TABLE nudges ADD COLUMN message_key text;
CREATE INDEX nudges_message ON nudges (message_key) WHERE message_key IS NOT NULL;

-- An answering link stands for all questions of its message: one row for each, numbered from 0.
ALTER TABLE page_tokens ADD COLUMN number integer NOT NULL DEFAULT 0;
ALTER TABLE page_tokens DROP CONSTRAINT page_tokens_pkey;
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_pkey PRIMARY KEY (token_hash, number);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_number_range CHECK (number >= 0);
