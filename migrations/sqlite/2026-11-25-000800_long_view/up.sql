-- The long view: debriefs, the journal, and the wish to see how many promises were kept.

-- One person's reflection on a scene.
CREATE TABLE debriefs (
  -- The scene.
  scene_id BLOB NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
  -- Who wrote it.
  account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The text, sealed with its author's data key.
  content BLOB NOT NULL,
  -- When it was written, or last replaced.
  written_at INTEGER NOT NULL,
  PRIMARY KEY (scene_id, account_id)
) STRICT;
CREATE INDEX debriefs_account ON debriefs (account_id);

-- One entry of a person's journal.
CREATE TABLE journal_entries (
  id BLOB PRIMARY KEY NOT NULL,
  -- Whose.
  account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- The scene that it is about; null: none.
  scene_id BLOB REFERENCES scenes (id) ON DELETE SET NULL,
  -- The text, sealed with the account's data key.
  content BLOB NOT NULL,
  -- The instant under which it stands in the journal.
  written_at INTEGER NOT NULL,
  -- When it was last changed; null: never.
  edited_at INTEGER,
  -- When it was saved.
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_entries_account ON journal_entries (account_id, written_at, id);
CREATE INDEX journal_entries_scene ON journal_entries (scene_id);

-- Whether the person wants the two to see how many promises they kept; shown only if both do.
ALTER TABLE link_members ADD COLUMN promise_count_wanted INTEGER NOT NULL DEFAULT 0;
