-- Which version of the tz database planned what waits: under newer rules it is planned anew.
CREATE TABLE zone_rules (
  -- Always nil: there is one row.
  id uuid PRIMARY KEY,
  -- The version, such as 2025b.
  version text NOT NULL
);
