-- The last write that was made only to see whether writes are taken: one that is undone need not reach the disk.
CREATE TABLE write_checks (
  -- Always nil: there is one row.
  id uuid PRIMARY KEY,
  -- When.
  checked_at timestamptz NOT NULL
);
