-- Coins that somebody froze, or freed, with BIP-0329's `spendable`: looked up by the coin when coins are chosen.
-- Projection: the two columns are filled when the entries are replayed.
ALTER TABLE labels ADD COLUMN coin BLOB; -- transaction id and output number, of labels of outputs
ALTER TABLE labels ADD COLUMN spendable INTEGER CHECK (spendable IN (0, 1));
CREATE INDEX labels_of_coins ON labels (vault, coin) WHERE spendable IS NOT NULL;
