-- Years of data. Every column that refers to another table begins an index: whoever deletes a row there has to find those
-- that refer to it.
CREATE INDEX agreements_revision ON agreements (revision_id);
CREATE INDEX scenes_revision ON scenes (revision_id) WHERE revision_id IS NOT NULL;
CREATE INDEX nudges_address_request ON nudges (address_request_id) WHERE address_request_id IS NOT NULL;
CREATE INDEX nudges_device ON nudges (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX attempts_device ON attempts (device_id) WHERE device_id IS NOT NULL;
-- For what was sent to a person, too, which had an index of its own.
CREATE INDEX nudges_of_person ON nudges (recipient_id, finished_at);
DROP INDEX nudges_sent;

-- What is forgotten is found in the order of its age.
CREATE INDEX pleas_age ON pleas (created_at);
CREATE INDEX scenes_age ON scenes (created_at);
CREATE INDEX scenes_ended ON scenes (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX devices_ended ON devices (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_live ON sessions (created_at) WHERE ended_at IS NULL;
CREATE INDEX partner_links_unaccepted ON partner_links (code_expires_at) WHERE active_at IS NULL;
