-- What the program guarantees of each row, the database guarantees too: a row that was damaged is refused, not believed.
-- A name's end says what is held: sealed (there are bytes), whole (a hash of 32), range, and so on.
--
-- Left out on purpose: the words of states, kinds and roles, since a word that is not known is an error when it is read,
-- and a new one would have to be allowed here before any program writes it; and the order of instants that are read from
-- the clock at different times, since a clock that was set back must not keep anybody from signing out.
-- A row that breaks one of these stops the migration, and nothing is changed: such a row is for a person to look at.

-- The zone's offset from UTC in minutes when zone was last written: what is left should its name not be known one day.
-- Null: not noted yet; each start notes what is missing.
ALTER TABLE accounts ADD COLUMN utc_offset integer;

-- What stood for "any hour" without being anybody's choice is quiet at night from now on.
UPDATE accounts SET quiet_from = 1320, quiet_until = 480
WHERE (quiet_from IS NULL) <> (quiet_until IS NULL) OR quiet_from NOT BETWEEN 0 AND 1439
  OR quiet_until NOT BETWEEN 0 AND 1439 OR (quiet_until + 1440 - quiet_from) % 1440 NOT BETWEEN 1 AND 1200;

-- Aftercare whose author was erased has no content (it had an empty one).
ALTER TABLE aftercare ALTER COLUMN content DROP NOT NULL;
UPDATE aftercare SET content = NULL WHERE length(content) = 0;

ALTER TABLE accounts ADD CONSTRAINT accounts_quiet_hours CHECK ((quiet_from IS NULL AND quiet_until IS NULL)
  OR (quiet_from IS NOT NULL AND quiet_until IS NOT NULL
    AND quiet_from BETWEEN 0 AND 1439 AND quiet_until BETWEEN 0 AND 1439
    AND (quiet_until + 1440 - quiet_from) % 1440 BETWEEN 1 AND 1200));
ALTER TABLE accounts ADD CONSTRAINT accounts_zone_named CHECK (length(zone) > 0);
ALTER TABLE accounts ADD CONSTRAINT accounts_utc_offset_range CHECK (utc_offset IS NULL OR utc_offset BETWEEN -1559 AND 1559);
ALTER TABLE accounts ADD CONSTRAINT accounts_password_hash_there CHECK (length(password_hash) > 0);
ALTER TABLE accounts ADD CONSTRAINT accounts_email_index_whole CHECK (length(email_index) = 32);
ALTER TABLE accounts ADD CONSTRAINT accounts_email_sealed CHECK (length(email) > 0);
ALTER TABLE accounts ADD CONSTRAINT accounts_display_name_sealed CHECK (length(display_name) > 0);
ALTER TABLE accounts ADD CONSTRAINT accounts_data_key_sealed CHECK (length(data_key) > 0);

ALTER TABLE address_requests ADD CONSTRAINT address_requests_email_index_whole CHECK (length(email_index) = 32);
ALTER TABLE address_requests ADD CONSTRAINT address_requests_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE address_requests ADD CONSTRAINT address_requests_email_sealed CHECK (length(email) > 0);
ALTER TABLE address_requests ADD CONSTRAINT address_requests_details_sealed CHECK (details IS NULL OR length(details) > 0);
ALTER TABLE address_requests ADD CONSTRAINT address_requests_expiry CHECK (expires_at > created_at);

ALTER TABLE agreements ADD CONSTRAINT agreements_content_hash_whole CHECK (length(content_hash) = 32);

ALTER TABLE aftercare ADD CONSTRAINT aftercare_content_sealed CHECK (content IS NULL OR length(content) > 0);

ALTER TABLE attempts ADD CONSTRAINT attempts_status_code_range CHECK (status_code IS NULL OR status_code BETWEEN 100 AND 999);

ALTER TABLE changes ADD CONSTRAINT changes_number_range CHECK (number IS NULL OR number >= 1);

ALTER TABLE check_ins ADD CONSTRAINT check_ins_answered CHECK ((state = 'answered') = (answered_at IS NOT NULL)
  AND (state = 'answered') = (answer IS NOT NULL) AND (state = 'answered') = (share IS NOT NULL));
ALTER TABLE check_ins ADD CONSTRAINT check_ins_answer_sealed CHECK (answer IS NULL OR length(answer) > 0);
ALTER TABLE check_ins ADD CONSTRAINT check_ins_offset_minutes_range CHECK (offset_minutes >= 0);
ALTER TABLE check_ins ADD CONSTRAINT check_ins_round_range CHECK (round >= 0);
ALTER TABLE check_ins ADD CONSTRAINT check_ins_window CHECK (closes_at > due_at);

ALTER TABLE debriefs ADD CONSTRAINT debriefs_content_sealed CHECK (length(content) > 0);

ALTER TABLE devices ADD CONSTRAINT devices_endpoint_index_whole CHECK (length(endpoint_index) = 32);
ALTER TABLE devices ADD CONSTRAINT devices_subscription_sealed CHECK (length(subscription) > 0);
ALTER TABLE devices ADD CONSTRAINT devices_label_sealed CHECK (length(label) > 0);

ALTER TABLE erased ADD CONSTRAINT erased_account_hash_whole CHECK (length(account_hash) = 32);

ALTER TABLE erasures ADD CONSTRAINT erasures_delay CHECK (erase_at >= requested_at);

ALTER TABLE export_chunks ADD CONSTRAINT export_chunks_number_range CHECK (number >= 0);
ALTER TABLE export_chunks ADD CONSTRAINT export_chunks_content_sealed CHECK (length(content) > 0);

ALTER TABLE exports ADD CONSTRAINT exports_ready CHECK ((state = 'ready') = (ready_at IS NOT NULL) AND (state = 'ready') = (size IS NOT NULL));
ALTER TABLE exports ADD CONSTRAINT exports_size_range CHECK (size IS NULL OR size >= 0);
ALTER TABLE exports ADD CONSTRAINT exports_attempts_range CHECK (attempts >= 0);
ALTER TABLE exports ADD CONSTRAINT exports_token_hash_whole CHECK (token_hash IS NULL OR length(token_hash) = 32);
ALTER TABLE exports ADD CONSTRAINT exports_token_expiry CHECK (token_hash IS NULL OR token_expires_at IS NOT NULL);

ALTER TABLE feeds ADD CONSTRAINT feeds_told_range CHECK (told >= 0);

ALTER TABLE house_secrets ADD CONSTRAINT house_secrets_secret_sealed CHECK (length(secret) > 0);

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_key_hash_whole CHECK (length(key_hash) = 32);
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_body_hash_whole CHECK (length(body_hash) = 32);
ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_response_sealed CHECK (response IS NULL OR length(response) > 0);

ALTER TABLE journal_entries ADD CONSTRAINT journal_entries_content_sealed CHECK (length(content) > 0);

ALTER TABLE link_members ADD CONSTRAINT link_members_needs_sealed CHECK (needs IS NULL OR length(needs) > 0);
ALTER TABLE link_members ADD CONSTRAINT link_members_name_at_end_sealed CHECK (name_at_end IS NULL OR length(name_at_end) > 0);
ALTER TABLE link_members ADD CONSTRAINT link_members_needs_written CHECK ((needs IS NULL) = (needs_written_at IS NULL));

ALTER TABLE log_in_challenges ADD CONSTRAINT log_in_challenges_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE log_in_challenges ADD CONSTRAINT log_in_challenges_password_mark_whole CHECK (length(password_mark) = 32);
ALTER TABLE log_in_challenges ADD CONSTRAINT log_in_challenges_label_sealed CHECK (length(label) > 0);
ALTER TABLE log_in_challenges ADD CONSTRAINT log_in_challenges_wrong_codes_range CHECK (wrong_codes >= 0);

ALTER TABLE nudges ADD CONSTRAINT nudges_key_there CHECK (length(key) > 0);
ALTER TABLE nudges ADD CONSTRAINT nudges_finished CHECK ((state = 'waiting') = (finished_at IS NULL));
ALTER TABLE nudges ADD CONSTRAINT nudges_drop_reason_given CHECK ((state = 'dropped') = (drop_reason IS NOT NULL));
ALTER TABLE nudges ADD CONSTRAINT nudges_lease CHECK ((leased_by IS NULL) = (lease_until IS NULL));
ALTER TABLE nudges ADD CONSTRAINT nudges_round_range CHECK (round >= 0);
ALTER TABLE nudges ADD CONSTRAINT nudges_attempts_range CHECK (attempts >= 0);
ALTER TABLE nudges ADD CONSTRAINT nudges_attempts_forgiven_range CHECK (attempts_forgiven >= 0);

ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE page_tokens ADD CONSTRAINT page_tokens_expiry CHECK (expires_at > created_at);

ALTER TABLE partner_links ADD CONSTRAINT partner_links_data_key_sealed CHECK (length(data_key) > 0);
ALTER TABLE partner_links ADD CONSTRAINT partner_links_code_hash_whole CHECK (code_hash IS NULL OR length(code_hash) = 32);
ALTER TABLE partner_links ADD CONSTRAINT partner_links_pair_whole CHECK (pair IS NULL OR length(pair) = 32);
ALTER TABLE partner_links ADD CONSTRAINT partner_links_code_expiry CHECK (code_hash IS NULL OR code_expires_at IS NOT NULL);
ALTER TABLE partner_links ADD CONSTRAINT partner_links_active CHECK (status <> 'active' OR (active_at IS NOT NULL AND pair IS NOT NULL));
ALTER TABLE partner_links ADD CONSTRAINT partner_links_ended CHECK ((status = 'ended') = (ended_at IS NOT NULL));

ALTER TABLE passkey_ceremonies ADD CONSTRAINT passkey_ceremonies_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE passkey_ceremonies ADD CONSTRAINT passkey_ceremonies_state_sealed CHECK (length(state) > 0);

ALTER TABLE passkeys ADD CONSTRAINT passkeys_credential_index_whole CHECK (length(credential_index) = 32);
ALTER TABLE passkeys ADD CONSTRAINT passkeys_credential_sealed CHECK (length(credential) > 0);
ALTER TABLE passkeys ADD CONSTRAINT passkeys_label_sealed CHECK (length(label) > 0);

ALTER TABLE recovery_codes ADD CONSTRAINT recovery_codes_code_hash_whole CHECK (length(code_hash) = 32);

ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_token_hash_whole CHECK (length(token_hash) = 32);
ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_expiry CHECK (expires_at > issued_at);

ALTER TABLE revision_parts ADD CONSTRAINT revision_parts_side_range CHECK (side BETWEEN 0 AND 1);
ALTER TABLE revision_parts ADD CONSTRAINT revision_parts_content_sealed CHECK (length(content) > 0);

ALTER TABLE revisions ADD CONSTRAINT revisions_number_range CHECK (number >= 1);
ALTER TABLE revisions ADD CONSTRAINT revisions_content_sealed CHECK (length(content) > 0);
ALTER TABLE revisions ADD CONSTRAINT revisions_content_hash_whole CHECK (length(content_hash) = 32);

ALTER TABLE scenes ADD CONSTRAINT scenes_intensity_range CHECK (intensity IS NULL OR intensity BETWEEN 1 AND 5);
ALTER TABLE scenes ADD CONSTRAINT scenes_ended CHECK ((status = 'ended') = (ended_at IS NOT NULL));
ALTER TABLE scenes ADD CONSTRAINT scenes_order CHECK (ended_at IS NULL OR started_at IS NULL OR ended_at >= started_at);

ALTER TABLE sessions ADD CONSTRAINT sessions_label_sealed CHECK (length(label) > 0);

ALTER TABLE totp_factors ADD CONSTRAINT totp_factors_secret_sealed CHECK (length(secret) > 0);
ALTER TABLE totp_factors ADD CONSTRAINT totp_factors_last_step_range CHECK (last_step IS NULL OR last_step >= 0);
ALTER TABLE totp_factors ADD CONSTRAINT totp_factors_wrong_codes_counted CHECK (wrong_codes >= 0 AND (wrong_codes = 0) = (wrong_since IS NULL));
