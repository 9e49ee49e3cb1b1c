-- A push service that hangs or is slow must delay no other (R23): a worker claims by lane, and leaves out lanes that are full.
-- A lane is a short keyed hash of a push service's origin, since an origin of one's own may name its owner; 'mail' is the mail
-- server's. '': not known yet.

-- The lane of the device's push service. It is noted again whenever the app registers.
ALTER TABLE devices ADD COLUMN lane text NOT NULL DEFAULT '';
-- Until when this one subscription is left alone, after its push service answered 429 or 5xx (R20); null or past: it is not.
ALTER TABLE devices ADD COLUMN rests_until timestamptz;

-- The lanes that the nudge waits for, any of them: those of its recipient's devices, sorted, with a space between.
ALTER TABLE nudges ADD COLUMN lane text NOT NULL DEFAULT '';
UPDATE nudges SET lane = 'mail' WHERE channel = 'mail' AND state = 'waiting';

CREATE INDEX nudges_lane ON nudges (lane, send_at, id) WHERE state = 'waiting';
DROP INDEX nudges_due;
