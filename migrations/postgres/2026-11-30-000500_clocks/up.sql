-- Time is doubted: what a worker compares its clocks with, and the clock by which a grace is counted.

-- The last moment at which all clocks of a worker agreed.
CREATE TABLE clock_marks (
  -- Always nil: there is one row.
  id uuid PRIMARY KEY,
  -- The wall clock.
  wall_at timestamptz NOT NULL,
  -- Which start of which machine the boot-time clock counts from.
  boot_id text NOT NULL,
  -- The boot-time clock, in milliseconds.
  boot_ms bigint NOT NULL,
  -- How far the wall clock was put forward on that start, and believed, in milliseconds.
  advance_ms bigint NOT NULL
);

-- Which start of which machine it was asked for on; null: not known.
ALTER TABLE erasures ADD COLUMN boot_id text;
-- The boot-time clock then, in milliseconds.
ALTER TABLE erasures ADD COLUMN boot_ms bigint;
