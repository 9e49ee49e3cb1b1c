-- What is derived no longer hangs on the master key itself, which can therefore change.
DROP TABLE key_checks;

-- The secret of this database: blind indexes, the tokens in mails and the key for what belongs to nobody yet are
-- derived from it. It is made once. A start with a master key that does not open it is refused.
CREATE TABLE house_secrets (
  -- Always nil: there is one.
  id BLOB PRIMARY KEY NOT NULL,
  -- The secret, wrapped by the master key in force.
  secret BLOB NOT NULL
) STRICT;

-- How far `evenkeel keys re-encrypt` has come; there is a row only while it is under way.
CREATE TABLE key_renewals (
  -- Whose data keys are renewed: accounts, partner_links.
  owner TEXT PRIMARY KEY NOT NULL,
  -- All of them up to this one have new keys.
  reached BLOB NOT NULL
) STRICT;
