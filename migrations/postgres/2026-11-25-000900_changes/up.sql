-- What changed for whom, so that a client can follow and read again what changed, and nothing else.

-- How far everybody's feed has come. Its row is locked last in a transaction, so that the order of the numbers in one
-- feed is the order in which they become visible.
CREATE TABLE feeds (
  -- Whose.
  account_id uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  -- The number of the latest change that was told at once; 0: none was.
  told bigint NOT NULL
);

-- One object that changed, for one person who may see it. It says which one, and nothing of its content.
CREATE TABLE changes (
  id uuid PRIMARY KEY,
  -- For whom.
  account_id uuid NOT NULL REFERENCES feeds (account_id) ON DELETE CASCADE,
  -- What happened: account_changed, link_changed, revision_proposed, and so on. The object's noun follows from it.
  kind text NOT NULL,
  -- The object's id.
  object_id uuid NOT NULL,
  -- The other one's check-in of which something was shared; it is told only while that is seen. Null: it is told anyway.
  check_in_id uuid REFERENCES check_ins (id) ON DELETE CASCADE,
  -- Its place among what was told at once, from 1; null: it is told at told_at, which was some time ahead.
  number bigint,
  -- When it was told, or is to be.
  told_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX changes_number ON changes (account_id, number);
CREATE INDEX changes_later ON changes (account_id, told_at, id) WHERE number IS NULL;
CREATE INDEX changes_check_in ON changes (check_in_id) WHERE check_in_id IS NOT NULL;
CREATE INDEX changes_told_at ON changes (told_at);
