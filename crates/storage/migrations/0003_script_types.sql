-- Vaults of other script types. In native segwit a transaction's id doesn't change when it is signed, so
-- until now one column served to recognise a returned file and to find the transaction on the chain.
-- Nested segwit adds to the signature scripts what is known before; P2SH puts signatures there.

-- The id that the final transaction will have; NULL where it isn't known before signing.
ALTER TABLE proposals ADD COLUMN final_txid BLOB CHECK (length(final_txid) = 32);
UPDATE proposals SET final_txid = txid;
CREATE INDEX proposals_by_final_txid ON proposals (final_txid);

-- The id of the transaction that was let go.
ALTER TABLE releases ADD COLUMN txid BLOB CHECK (length(txid) = 32);
UPDATE releases SET txid = (SELECT txid FROM proposals WHERE proposals.id = releases.proposal);
CREATE INDEX releases_by_txid ON releases (txid);
