-- A sensitive act asks for a fresh proof that it is still its owner who holds a session.

-- When the session last gave such a proof; its log-in is one. Null: before there were proofs.
ALTER TABLE sessions ADD COLUMN proved_at timestamptz;
