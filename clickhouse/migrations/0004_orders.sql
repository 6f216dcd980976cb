-- Money is Decimal(76, 38): whatever a 28-digit decimal context computes, down to 1e-10, fits without
-- rounding; what does not fit is refused by the sink. ZSTD packs the zeros.
-- An event may leave two records of one key in the log (two fills of one moment change a position
-- twice): the log's order, not the order of arrival, says which one stays.
CREATE TABLE IF NOT EXISTS orders
(
    run LowCardinality(String) COMMENT 'name of the run',
    client_order_id String COMMENT 'id of the order for life' CODEC(ZSTD(1)),
    account LowCardinality(String) COMMENT 'account at the broker',
    strategy LowCardinality(String) COMMENT 'who asked for it',
    signal_id String COMMENT 'signal behind it' CODEC(ZSTD(1)),
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    side LowCardinality(String) COMMENT 'buy or sell',
    quantity_units Decimal(76, 38) COMMENT 'base units' CODEC(ZSTD(1)),
    status LowCardinality(String) COMMENT 'state after this event',
    ts_event DateTime64(9, 'UTC') COMMENT 'event time of the change' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the market data behind the decision' CODEC(Delta(8), ZSTD(1)),
    filled_units Decimal(76, 38) COMMENT 'base units filled so far' CODEC(ZSTD(1)),
    average_price Nullable(Decimal(76, 38)) COMMENT 'quote currency per unit of base; null: no fill' CODEC(ZSTD(1)),
    in_doubt Bool COMMENT 'outcome of the send is unknown',
    reason LowCardinality(String) COMMENT 'deny or reject code',
    log_offset Int64 COMMENT 'place in the log; of two rows of one key the later one stays' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, client_order_id, ts_event, status, filled_units, in_doubt)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS executions
(
    run LowCardinality(String) COMMENT 'name of the run',
    execution_id String COMMENT 'id of the fill at the broker' CODEC(ZSTD(1)),
    client_order_id String COMMENT 'id of the order for life' CODEC(ZSTD(1)),
    account LowCardinality(String) COMMENT 'account at the broker',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    side LowCardinality(String) COMMENT 'buy or sell',
    quantity_units Decimal(76, 38) COMMENT 'base units' CODEC(ZSTD(1)),
    price Decimal(76, 38) COMMENT 'quote currency per unit of base' CODEC(ZSTD(1)),
    ts_event DateTime64(9, 'UTC') COMMENT 'when the broker filled it' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the market data behind it' CODEC(Delta(8), ZSTD(1)),
    pnl_quote Decimal(76, 38) COMMENT 'profit realised by this fill, quote currency' CODEC(ZSTD(1)),
    pnl_account Nullable(Decimal(76, 38)) COMMENT 'the same in account currency; null: no rate' CODEC(ZSTD(1)),
    conversion_rate Nullable(Decimal(76, 38)) COMMENT 'account currency per unit of quote' CODEC(ZSTD(1)),
    log_offset Int64 COMMENT 'place in the log; of two rows of one key the later one stays' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, execution_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS positions
(
    run LowCardinality(String) COMMENT 'name of the run',
    account LowCardinality(String) COMMENT 'account at the broker',
    symbol LowCardinality(String) COMMENT 'canonical symbol, or * for the account in total',
    ts_event DateTime64(9, 'UTC') COMMENT 'moment of the mark' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the market data behind it' CODEC(Delta(8), ZSTD(1)),
    units Decimal(76, 38) COMMENT 'base units, < 0 short' CODEC(ZSTD(1)),
    average_price Nullable(Decimal(76, 38)) COMMENT 'entry, quote per base; null: flat' CODEC(ZSTD(1)),
    realised_account Nullable(Decimal(76, 38)) COMMENT 'account currency; null: no rate' CODEC(ZSTD(1)),
    unrealised_account Nullable(Decimal(76, 38)) COMMENT 'account currency; null: no rate' CODEC(ZSTD(1)),
    equity_account Nullable(Decimal(76, 38)) COMMENT 'account currency; only on the total' CODEC(ZSTD(1)),
    log_offset Int64 COMMENT 'place in the log; of two rows of one key the later one stays' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, symbol, ts_event)
SETTINGS non_replicated_deduplication_window = 1000;
