DROP INDEX address_requests_account;
ALTER TABLE address_requests DROP COLUMN account_id;
ALTER TABLE page_tokens DROP COLUMN link_epoch;
ALTER TABLE accounts DROP COLUMN link_epoch;
DROP INDEX page_tokens_session;
ALTER TABLE page_tokens DROP COLUMN session_id;
DROP INDEX devices_session;
ALTER TABLE devices DROP COLUMN session_id;
