-- What an app creates under an id of its own is created once, however late the app asks again: after weeks without a network,
-- say. A row stays when what was created is gone: asking again must not bring it back.
CREATE TABLE client_ids (
  -- Whose app made the id.
  account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- Keyed hash of the account and the id: an app may have put words in it.
  client_hash bytea NOT NULL,
  -- The noun of what was created, as its id has it on the wire.
  noun text NOT NULL,
  -- What was created, or what was found instead. It may be gone.
  object_id uuid NOT NULL,
  PRIMARY KEY (account_id, client_hash)
);
ALTER TABLE client_ids ADD CONSTRAINT client_ids_client_hash_whole CHECK (length(client_hash) = 32);
ALTER TABLE client_ids ADD CONSTRAINT client_ids_noun CHECK (noun IN ('Scene', 'Aftercare', 'Outreach', 'JournalEntry', 'Plea'));
