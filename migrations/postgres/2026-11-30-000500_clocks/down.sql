ALTER TABLE erasures DROP COLUMN boot_ms;
ALTER TABLE erasures DROP COLUMN boot_id;
DROP TABLE clock_marks;
