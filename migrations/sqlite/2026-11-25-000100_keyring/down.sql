-- Back to what tells the master key. What was sealed under the house secret cannot be read after this.
DROP TABLE key_renewals;
DROP TABLE house_secrets;
CREATE TABLE key_checks (
  -- Which key: master.
  name TEXT PRIMARY KEY NOT NULL,
  -- A known text, sealed with it.
  sealed BLOB NOT NULL
) STRICT;
