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

-- "I would like to hear from you": one person asks the other by hand.
CREATE TABLE pleas (
  id uuid PRIMARY KEY,
  -- The tie of the two.
  link_id uuid NOT NULL REFERENCES partner_links (id) ON DELETE CASCADE,
  -- The scene that it was made from; null: none.
  scene_id uuid REFERENCES scenes (id) ON DELETE SET NULL,
  -- Who would like to hear from the other.
  author_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- When it was made. It goes out two minutes later.
  created_at timestamptz NOT NULL,
  -- When its author took it back, before that. Null: they did not.
  taken_back_at timestamptz
);
CREATE INDEX pleas_link ON pleas (link_id, created_at);
CREATE INDEX pleas_scene ON pleas (scene_id);
CREATE INDEX pleas_author ON pleas (author_id);

-- The plea that a nudge is about.
ALTER TABLE nudges ADD COLUMN plea_id uuid REFERENCES pleas (id) ON DELETE CASCADE;
CREATE INDEX nudges_plea ON nudges (plea_id);

-- Whether a person may be woken by a plea of the other on this link.
ALTER TABLE link_members ADD COLUMN pleas_at_night boolean NOT NULL DEFAULT FALSE;
