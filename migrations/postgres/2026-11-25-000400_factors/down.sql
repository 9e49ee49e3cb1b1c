-- Back to passwords alone.
DROP TABLE passkey_ceremonies;
DROP TABLE passkeys;
DROP TABLE log_in_challenges;
DROP TABLE recovery_codes;
DROP TABLE totp_factors;
