-- Every table of the first version. Both backends' folders hold the same names; instants are timestamptz in UTC.

-- One person.
CREATE TABLE accounts (
  -- Made by the program, UUIDv7.
  id uuid PRIMARY KEY NOT NULL,
  -- Keyed hash of the normalised address: the only way to find an account by address.
  email_index bytea NOT NULL,
  -- The address, sealed with the account's data key.
  email bytea NOT NULL,
  -- What partners see, sealed with the account's data key.
  display_name bytea NOT NULL,
  -- Argon2id in PHC form.
  password_hash text NOT NULL,
  -- The account's data key, wrapped by the master key. Without it nothing sealed can be read.
  data_key bytea NOT NULL,
  -- IANA time zone.
  zone text NOT NULL,
  -- Start of quiet hours in minutes after local midnight; with quiet_until null: none.
  quiet_from integer,
  -- End of quiet hours in minutes after local midnight.
  quiet_until integer,
  -- What of an answer is shared unless its author says otherwise: nothing, mood, all.
  default_share text NOT NULL,
  -- Whether pushes are wanted.
  push boolean NOT NULL,
  -- Whether mails about check-ins are wanted.
  mail boolean NOT NULL,
  -- No nudges before this instant; far in the future: until the person says so.
  paused_until timestamptz,
  -- When the mail server refused the address for good; null: it works.
  address_failed_at timestamptz,
  -- When the address was confirmed.
  created_at timestamptz NOT NULL,
  UNIQUE (email_index)
);

-- A statement that a person made at sign-up.
CREATE TABLE consents (
  id uuid PRIMARY KEY NOT NULL,
  -- Who made it.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Which statement: adult, health_data.
  kind text NOT NULL,
  -- The version of its words.
  version text NOT NULL,
  -- When.
  given_at timestamptz NOT NULL,
  -- When it was taken back.
  withdrawn_at timestamptz
);
CREATE INDEX consents_account ON consents (account_id);

-- What somebody asked for by e-mail address. Written alike whether or not the address has an account (R28).
CREATE TABLE address_requests (
  -- The token in the mail is derived from it and a key; the token itself is not kept.
  id uuid PRIMARY KEY NOT NULL,
  -- confirm or reset.
  purpose text NOT NULL,
  -- Keyed hash of the normalised address.
  email_index bytea NOT NULL,
  -- The address, sealed with a key derived from the house secret.
  email bytea NOT NULL,
  -- What was written at sign-up, sealed likewise.
  details bytea,
  -- SHA-256 of the token in the mail.
  token_hash bytea NOT NULL,
  -- When it was asked for.
  created_at timestamptz NOT NULL,
  -- When the token stops working.
  expires_at timestamptz NOT NULL,
  -- When the token was used.
  used_at timestamptz,
  UNIQUE (token_hash)
);
CREATE INDEX address_requests_expiry ON address_requests (expires_at);

-- One signed-in device: a refresh-token family.
CREATE TABLE sessions (
  id uuid PRIMARY KEY NOT NULL,
  -- Who is signed in.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The device's name, sealed with the account's data key.
  label bytea NOT NULL,
  -- When it was signed in.
  created_at timestamptz NOT NULL,
  -- When it last asked for tokens.
  last_used_at timestamptz NOT NULL,
  -- When it was signed out or ended.
  ended_at timestamptz
);
CREATE INDEX sessions_account ON sessions (account_id);

-- The tokens of a family.
CREATE TABLE refresh_tokens (
  id uuid PRIMARY KEY NOT NULL,
  -- The family.
  session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  -- SHA-256 of the token.
  token_hash bytea NOT NULL,
  -- When it was given out.
  issued_at timestamptz NOT NULL,
  -- When it stops working.
  expires_at timestamptz NOT NULL,
  -- When it was exchanged; after a short grace another use ends the family.
  replaced_at timestamptz,
  UNIQUE (token_hash)
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- One Web Push subscription.
CREATE TABLE devices (
  id uuid PRIMARY KEY NOT NULL,
  -- Whose.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Keyed hash of the endpoint: one subscription reaches one person.
  endpoint_index bytea NOT NULL,
  -- Endpoint, p256dh and auth, sealed with the account's data key.
  subscription bytea NOT NULL,
  -- The device's name, sealed with the account's data key.
  label bytea NOT NULL,
  -- When it was registered.
  created_at timestamptz NOT NULL,
  -- When it was removed, or the push service said that it is gone.
  ended_at timestamptz
);
CREATE INDEX devices_account ON devices (account_id);
CREATE UNIQUE INDEX devices_live_endpoint ON devices (endpoint_index) WHERE ended_at IS NULL;

-- The tie of two accounts.
CREATE TABLE partner_links (
  id uuid PRIMARY KEY NOT NULL,
  -- invited, active, ended.
  status text NOT NULL,
  -- The link's data key, wrapped by the master key.
  data_key bytea NOT NULL,
  -- Who gave out the code.
  inviter_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
  -- Keyed hash of the invitation code, while it is open.
  code_hash bytea,
  -- When the code stops working.
  code_expires_at timestamptz,
  -- Both accounts' ids in order: one active link a pair.
  pair bytea,
  -- When the invitation was made.
  created_at timestamptz NOT NULL,
  -- When it was accepted.
  active_at timestamptz,
  -- When it ended.
  ended_at timestamptz
);
CREATE UNIQUE INDEX partner_links_code ON partner_links (code_hash) WHERE code_hash IS NOT NULL;
CREATE UNIQUE INDEX partner_links_pair ON partner_links (pair) WHERE status = 'active';
CREATE INDEX partner_links_inviter ON partner_links (inviter_id);

-- One person's side of a link.
CREATE TABLE link_members (
  -- The link.
  link_id uuid NOT NULL REFERENCES partner_links (id) ON DELETE CASCADE,
  -- The person.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The default role on scenes of this link.
  role text NOT NULL,
  -- Whether the person allows the partner to be told that reaching out would be welcome.
  alert_allowed boolean NOT NULL,
  -- The person's Needs, sealed with the link's data key.
  needs bytea,
  -- When they were last written.
  needs_written_at timestamptz,
  PRIMARY KEY (link_id, account_id)
);
CREATE INDEX link_members_account ON link_members (account_id);

-- One immutable text of a negotiation.
CREATE TABLE revisions (
  id uuid PRIMARY KEY NOT NULL,
  -- The link.
  link_id uuid NOT NULL REFERENCES partner_links (id) ON DELETE CASCADE,
  -- Its number in the link, from 1.
  number integer NOT NULL,
  -- Who proposed it.
  author_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
  -- The whole text, sealed with the link's data key.
  content bytea NOT NULL,
  -- SHA-256 of the text: what an agreement names.
  content_hash bytea NOT NULL,
  -- When it was proposed.
  created_at timestamptz NOT NULL,
  UNIQUE (link_id, number)
);

-- One person's yes to one Revision.
CREATE TABLE agreements (
  id uuid PRIMARY KEY NOT NULL,
  -- To which text.
  revision_id uuid NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
  -- Whose.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The hash that the person named.
  content_hash bytea NOT NULL,
  -- When.
  agreed_at timestamptz NOT NULL,
  -- When it was taken back.
  withdrawn_at timestamptz
);
CREATE UNIQUE INDEX agreements_standing ON agreements (revision_id, account_id) WHERE withdrawn_at IS NULL;
CREATE INDEX agreements_account ON agreements (account_id);

-- One occasion.
CREATE TABLE scenes (
  id uuid PRIMARY KEY NOT NULL,
  -- The link.
  link_id uuid NOT NULL REFERENCES partner_links (id) ON DELETE CASCADE,
  -- planned, under_way, ended, cancelled.
  status text NOT NULL,
  -- in_person, online.
  setting text NOT NULL,
  -- 1 to 5.
  intensity integer,
  -- When it is planned to begin.
  planned_for timestamptz,
  -- When it began.
  started_at timestamptz,
  -- When it ended.
  ended_at timestamptz,
  -- The agreed Revision that it stood under; null: none.
  revision_id uuid REFERENCES revisions (id) ON DELETE SET NULL,
  -- Who recorded it.
  created_by uuid REFERENCES accounts (id) ON DELETE SET NULL,
  -- When it was recorded.
  created_at timestamptz NOT NULL
);
CREATE INDEX scenes_link ON scenes (link_id, created_at);

-- One person's part in a scene.
CREATE TABLE scene_members (
  -- The scene.
  scene_id uuid NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
  -- The person.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The role in this scene.
  role text NOT NULL,
  -- As on the link, for this scene alone; null: as the link says.
  alert_allowed boolean,
  PRIMARY KEY (scene_id, account_id)
);
CREATE INDEX scene_members_account ON scene_members (account_id);

-- What was given right after a scene.
CREATE TABLE aftercare (
  id uuid PRIMARY KEY NOT NULL,
  -- The scene.
  scene_id uuid NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
  -- Who wrote it down.
  recorded_by uuid REFERENCES accounts (id) ON DELETE SET NULL,
  -- What, for whom, how long, and a note, sealed with the link's data key.
  content bytea NOT NULL,
  -- When it was written down.
  created_at timestamptz NOT NULL
);
CREATE INDEX aftercare_scene ON aftercare (scene_id);

-- One question to one person about one scene at one due time.
CREATE TABLE check_ins (
  id uuid PRIMARY KEY NOT NULL,
  -- The scene.
  scene_id uuid NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
  -- The scene's link.
  link_id uuid NOT NULL REFERENCES partner_links (id) ON DELETE CASCADE,
  -- Who is asked.
  subject_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- After how many minutes since the scene's end.
  offset_minutes integer NOT NULL,
  -- When it falls due.
  due_at timestamptz NOT NULL,
  -- When its ladder ends.
  closes_at timestamptz NOT NULL,
  -- unanswered, answered, skipped.
  state text NOT NULL,
  -- Until when the subject put it off.
  snoozed_until timestamptz,
  -- How often it was put off: part of its nudges' keys.
  round integer NOT NULL,
  -- Mood, signs, need and note, sealed with the subject's data key.
  answer bytea,
  -- What of the answer the partner sees: nothing, mood, all.
  share text,
  -- When the subject answered.
  answered_at timestamptz,
  -- When the scene was ended.
  created_at timestamptz NOT NULL,
  UNIQUE (scene_id, subject_id, offset_minutes)
);
CREATE INDEX check_ins_subject ON check_ins (subject_id, due_at, id);
CREATE INDEX check_ins_link ON check_ins (link_id);

-- A record of having reached out.
CREATE TABLE outreaches (
  id uuid PRIMARY KEY NOT NULL,
  -- About which scene.
  scene_id uuid NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
  -- Who reached out.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- message, call, video, in_person.
  way text NOT NULL,
  -- When.
  happened_at timestamptz NOT NULL,
  -- When it was written down.
  created_at timestamptz NOT NULL
);
CREATE INDEX outreaches_scene ON outreaches (scene_id);

-- One message to one person on one channel on one rung: the job that gets delivered.
CREATE TABLE nudges (
  id uuid PRIMARY KEY NOT NULL,
  -- Check-in, round, rung, recipient and channel: the same need never makes two (R14).
  key text NOT NULL,
  -- ask, email, ask_again, tell_partner, reach_out, confirm_address, reset_password.
  rung text NOT NULL,
  -- push, mail.
  channel text NOT NULL,
  -- Who receives it; null: whoever has the request's address.
  recipient_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
  -- About which check-in.
  check_in_id uuid REFERENCES check_ins (id) ON DELETE CASCADE,
  -- For which request.
  address_request_id uuid REFERENCES address_requests (id) ON DELETE CASCADE,
  -- The check-in's round that it was planned in.
  round integer NOT NULL,
  -- When it may go out, or is tried again.
  send_at timestamptz NOT NULL,
  -- After this it is of no use.
  expires_at timestamptz NOT NULL,
  -- waiting, sent, dropped, dead.
  state text NOT NULL,
  -- Why it was dropped.
  drop_reason text,
  -- How often it was claimed for sending: the fence of a lease.
  attempts integer NOT NULL,
  -- The worker that holds it.
  leased_by uuid,
  -- When that lease ends and it may be claimed again.
  lease_until timestamptz,
  -- When it was planned.
  created_at timestamptz NOT NULL,
  -- When it was sent, dropped or given up.
  finished_at timestamptz,
  UNIQUE (key)
);
CREATE INDEX nudges_due ON nudges (send_at, id) WHERE state = 'waiting';
CREATE INDEX nudges_check_in ON nudges (check_in_id);
CREATE INDEX nudges_sent ON nudges (recipient_id, finished_at) WHERE state = 'sent';

-- One try to hand a nudge to a provider, without its content.
CREATE TABLE attempts (
  id uuid PRIMARY KEY NOT NULL,
  -- Which nudge.
  nudge_id uuid NOT NULL REFERENCES nudges (id) ON DELETE CASCADE,
  -- To which device; null: by mail.
  device_id uuid REFERENCES devices (id) ON DELETE SET NULL,
  -- accepted, gone, deferred, refused.
  outcome text NOT NULL,
  -- The provider's answer: HTTP status or SMTP code; null: none came.
  status_code integer,
  -- When it ended.
  finished_at timestamptz NOT NULL
);
CREATE INDEX attempts_nudge ON attempts (nudge_id);

-- Something sealed with a key, by which a start with another key is noticed.
CREATE TABLE key_checks (
  -- Which key: master.
  name text PRIMARY KEY NOT NULL,
  -- A known text, sealed with it.
  sealed bytea NOT NULL
);

-- Mutations that were sent under a key (R04).
CREATE TABLE idempotency_keys (
  -- Keyed hash of the account and the client's key.
  key_hash bytea PRIMARY KEY NOT NULL,
  -- Keyed hash of the request: another one under the same key is refused.
  body_hash bytea NOT NULL,
  -- The answer that was given, sealed; null: not given yet.
  response bytea,
  -- When it was first sent; kept for a day.
  created_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
