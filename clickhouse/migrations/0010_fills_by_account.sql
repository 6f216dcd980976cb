-- Two accounts of a run may act on one signal under one id, and brokers number fills by account: the
-- account is in the key. A sorting key cannot be changed in place; each step may be repeated after a
-- crash.
DROP TABLE IF EXISTS executions_by_account;

CREATE TABLE IF NOT EXISTS executions_by_account AS executions
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, execution_id)
SETTINGS non_replicated_deduplication_window = 1000;

INSERT INTO executions_by_account SELECT * FROM executions;

EXCHANGE TABLES executions AND executions_by_account;

DROP TABLE executions_by_account;

DROP TABLE IF EXISTS quality_fills_by_account;

CREATE TABLE IF NOT EXISTS quality_fills_by_account AS quality_fills
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, execution_id)
SETTINGS non_replicated_deduplication_window = 1000;

INSERT INTO quality_fills_by_account SELECT * FROM quality_fills;

EXCHANGE TABLES quality_fills AND quality_fills_by_account;

DROP TABLE quality_fills_by_account;

DROP TABLE IF EXISTS quality_orders_by_account;

CREATE TABLE IF NOT EXISTS quality_orders_by_account AS quality_orders
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, client_order_id)
SETTINGS non_replicated_deduplication_window = 1000;

INSERT INTO quality_orders_by_account SELECT * FROM quality_orders;

EXCHANGE TABLES quality_orders AND quality_orders_by_account;

DROP TABLE quality_orders_by_account;
