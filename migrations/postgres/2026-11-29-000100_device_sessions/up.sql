-- A device and the links that were sent to it end with the session in which it was registered.

-- The session in which the device was registered last. Null: before devices had one; it gets nothing until its app
-- registers it again.
ALTER TABLE devices ADD COLUMN session_id uuid REFERENCES sessions (id) ON DELETE CASCADE;
CREATE INDEX devices_session ON devices (session_id);

-- Where only one session was open when the device was registered, it is that one's. Otherwise nobody can tell.
UPDATE devices SET session_id = (
  SELECT s.id FROM sessions s
  WHERE s.account_id = devices.account_id AND s.created_at <= devices.created_at
    AND (s.ended_at IS NULL OR s.ended_at > devices.created_at)
)
WHERE 1 = (
  SELECT count(*) FROM sessions s
  WHERE s.account_id = devices.account_id AND s.created_at <= devices.created_at
    AND (s.ended_at IS NULL OR s.ended_at > devices.created_at)
);

-- The session whose device the link was sent to; null: it was sent by mail. It works while the session is live.
ALTER TABLE page_tokens ADD COLUMN session_id uuid REFERENCES sessions (id) ON DELETE CASCADE;
CREATE INDEX page_tokens_session ON page_tokens (session_id);

-- Rises with a new password or address; a link of an earlier number does not work any more.
ALTER TABLE accounts ADD COLUMN link_epoch integer NOT NULL DEFAULT 0;

-- The account's link_epoch when the link was made. Nobody knows to which session's devices earlier answering links were
-- sent, so they work no more; the next nudge has a new one.
ALTER TABLE page_tokens ADD COLUMN link_epoch integer NOT NULL DEFAULT 0;
UPDATE page_tokens SET link_epoch = -1 WHERE purpose = 'answer';

-- The account that a signed-in person asked for, with which the request goes; null: nobody was signed in.
ALTER TABLE address_requests ADD COLUMN account_id uuid REFERENCES accounts (id) ON DELETE CASCADE;
CREATE INDEX address_requests_account ON address_requests (account_id);
