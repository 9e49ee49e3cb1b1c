-- What taking out and erasing need: each one's words under their own key, exports, erasures, and who was erased.

-- Since when nothing of the person is worked on: the health-data consent was withdrawn, or the account is about to be
-- erased; null: all goes on.
ALTER TABLE accounts ADD COLUMN held_at timestamptz;

-- Where the Revision stood when one of the two was erased, and their yes with them; null: reckoned from the agreements.
ALTER TABLE revisions ADD COLUMN final_state text;

-- One person's words in a Revision. They go with the person; the Revision keeps a digest of them.
CREATE TABLE revision_parts (
  -- The Revision.
  revision_id uuid NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
  -- Whose words.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Which of the Revision's two digests is theirs, from 0.
  side integer NOT NULL,
  -- Their Needs, the terms if they proposed them, and a salt, sealed with the account's data key.
  content bytea NOT NULL,
  PRIMARY KEY (revision_id, account_id)
);
CREATE INDEX revision_parts_account ON revision_parts (account_id);

-- An erasure that was asked for and can still be undone.
CREATE TABLE erasures (
  -- Whose account.
  account_id uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  -- When it was asked for.
  requested_at timestamptz NOT NULL,
  -- When it takes place.
  erase_at timestamptz NOT NULL
);
CREATE INDEX erasures_due ON erasures (erase_at);

-- Accounts that were erased: an older copy of this database that is put back must not bring them back.
CREATE TABLE erased (
  -- SHA-256 of the account's id. No id, name or address is kept.
  account_hash bytea PRIMARY KEY,
  -- When it was erased.
  erased_at timestamptz NOT NULL
);

-- Everything of one person, taken out: made in the background, fetched once.
CREATE TABLE exports (
  id uuid PRIMARY KEY,
  -- Whose.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- waiting, ready.
  state text NOT NULL,
  -- When it was asked for.
  requested_at timestamptz NOT NULL,
  -- When it was ready.
  ready_at timestamptz,
  -- When it is thrown away, fetched or not.
  expires_at timestamptz NOT NULL,
  -- How many bytes it has, when it is ready.
  size bigint,
  -- How often somebody began to make it: the fence of a lease.
  attempts integer NOT NULL,
  -- Until when whoever makes it has it for themselves.
  lease_until timestamptz,
  -- SHA-256 of the token with which it can be fetched; null: none is out.
  token_hash bytea,
  -- When that token stops working.
  token_expires_at timestamptz,
  UNIQUE (account_id)
);
CREATE UNIQUE INDEX exports_token ON exports (token_hash);

-- An export in pieces.
CREATE TABLE export_chunks (
  id uuid PRIMARY KEY,
  -- Of which export.
  export_id uuid NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
  -- Its place in the export, from 0.
  number integer NOT NULL,
  -- A piece of the archive, sealed with the account's data key.
  content bytea NOT NULL,
  UNIQUE (export_id, number)
);

-- Whose mutation it was; null: of nobody signed in. The answer goes with the person.
ALTER TABLE idempotency_keys ADD COLUMN account_id uuid REFERENCES accounts (id) ON DELETE CASCADE;
CREATE INDEX idempotency_keys_account ON idempotency_keys (account_id);

-- By whom, so that erasing one person need not read everybody's rows.
CREATE INDEX revisions_author ON revisions (author_id);
CREATE INDEX scenes_created_by ON scenes (created_by);
CREATE INDEX aftercare_recorded_by ON aftercare (recorded_by);
CREATE INDEX outreaches_account ON outreaches (account_id);
