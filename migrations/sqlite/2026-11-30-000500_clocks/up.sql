-- Time is doubted: what a worker compares its clocks with, and the clock by which a grace is counted.

-- The last moment at which all clocks of a worker agreed.
CREATE TABLE clock_marks (
  -- Always nil: there is one row.
  id BLOB PRIMARY KEY NOT NULL,
  -- The wall clock.
  wall_at INTEGER NOT NULL,
  -- Which start of which machine the boot-time clock counts from.
  boot_id TEXT NOT NULL,
  -- The boot-time clock, in milliseconds.
  boot_ms INTEGER NOT NULL,
  -- How far the wall clock was put forward on that start, and believed, in milliseconds.
  advance_ms INTEGER NOT NULL
) STRICT;

-- Which start of which machine it was asked for on; null: not known.
ALTER TABLE erasures ADD COLUMN boot_id TEXT;
-- The boot-time clock then, in milliseconds.
ALTER TABLE erasures ADD COLUMN boot_ms INTEGER;
