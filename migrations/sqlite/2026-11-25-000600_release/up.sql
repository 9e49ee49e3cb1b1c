-- What is shared is seen after a short delay, and of an ended link nothing of the other's later life.

-- What of the answer the partner sees until shared_from: nothing, mood, all; null: nothing.
ALTER TABLE check_ins ADD COLUMN share_before TEXT;

-- From when on the partner sees what share says; null: since it was answered.
ALTER TABLE check_ins ADD COLUMN shared_from INTEGER;

-- The person's display name when the link ended, sealed with the link's data key: what the other one reads from then on.
ALTER TABLE link_members ADD COLUMN name_at_end BLOB;
