-- What the delivery of nudges needs: lateness, stragglers, caps, retention.

-- When a nudge was to go out, quiet hours and all: lateness counts from here. send_at also moves with every retry.
ALTER TABLE nudges ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
UPDATE nudges SET due_at = send_at;

-- The one device that a nudge is for, when the person's other devices took it already; null: every device.
ALTER TABLE nudges ADD COLUMN device_id BLOB REFERENCES devices (id) ON DELETE CASCADE;

-- How many of its attempts no longer count towards the cap: spent on another channel, before somebody had it tried
-- anew, or never left the house. attempts itself only grows: it is the fence of a lease.
ALTER TABLE nudges ADD COLUMN attempts_forgiven INTEGER NOT NULL DEFAULT 0;

-- What waits for one person. No index holds a lease's columns: a claim then changes none of them.
CREATE INDEX nudges_recipient ON nudges (recipient_id) WHERE state = 'waiting';
-- What was given up, for whoever mends it.
CREATE INDEX nudges_dead ON nudges (finished_at, id) WHERE state = 'dead';
-- What is finished, the oldest first, for retention.
CREATE INDEX nudges_finished ON nudges (finished_at) WHERE finished_at IS NOT NULL;
