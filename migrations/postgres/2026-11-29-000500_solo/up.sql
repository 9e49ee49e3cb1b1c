-- A scene may be of one person alone, without a link.

-- The link; null: it is of created_by alone.
ALTER TABLE scenes ALTER COLUMN link_id DROP NOT NULL;
ALTER TABLE check_ins ALTER COLUMN link_id DROP NOT NULL;
CREATE INDEX scenes_solo ON scenes (created_by, created_at) WHERE link_id IS NULL;

-- What somebody needs after a scene of their own, and when they want to be asked.
CREATE TABLE solo_plans (
  account_id uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  -- Needs and protocol, sealed with the account's data key.
  content bytea NOT NULL,
  -- When it was written last.
  written_at timestamptz NOT NULL
);
ALTER TABLE solo_plans ADD CONSTRAINT solo_plans_content_sealed CHECK (length(content) > 0);
