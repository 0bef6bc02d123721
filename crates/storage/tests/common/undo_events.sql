-- Takes back what the three newest migrations made.
DROP TRIGGER entries_told; DROP TRIGGER repeated_nonces_told; DROP TRIGGER judgements_told;
DROP TRIGGER coins_seen; DROP TRIGGER coins_gone; DROP TRIGGER coins_moved; DROP TRIGGER coins_spent;
DROP TRIGGER proposals_doubted; DROP TRIGGER submissions_doubted; DROP TRIGGER words_doubted;
DROP TRIGGER words_doubted_when_changed; DROP TRIGGER signatures_doubted; DROP TRIGGER releases_doubted;
DROP TRIGGER closings_doubted; DROP TRIGGER closings_doubted_when_changed;
DROP TRIGGER transactions_doubted; DROP TRIGGER transactions_doubted_when_moved;
DROP TRIGGER transactions_doubted_when_gone;
DROP TABLE events; DROP TABLE event_consumers; DROP TABLE event_doubts; DROP TABLE event_statuses;
ALTER TABLE ledger_vault DROP COLUMN caught_up;
ALTER TABLE vaults DROP COLUMN threshold;
DROP TRIGGER transactions_booked; DROP TRIGGER transactions_unbooked;
DROP TRIGGER transactions_rebooked; DROP TABLE ledger_days; DROP INDEX transactions_by_place; DROP INDEX transactions_by_time;
ALTER TABLE transactions DROP COLUMN block_time; ALTER TABLE transactions DROP COLUMN net;
ALTER TABLE transactions DROP COLUMN balance;
CREATE INDEX transactions_by_vault ON transactions (vault, height);
CREATE INDEX transactions_by_height ON transactions (height) WHERE height IS NOT NULL;
