CREATE TABLE IF NOT EXISTS bars
(
    run LowCardinality(String) COMMENT 'name of the run',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    timeframe LowCardinality(String) COMMENT '1s, 1m, 5m or 1h',
    ts_open DateTime64(9, 'UTC') COMMENT 'start of the interval' CODEC(Delta(8), ZSTD(1)),
    ts_event DateTime64(9, 'UTC') COMMENT 'end of the interval, not in it' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'receive time of the last tick in the bar' CODEC(Delta(8), ZSTD(1)),
    bid_open Float64 COMMENT 'first bid, quote currency per unit of base' CODEC(ZSTD(1)),
    bid_high Float64 COMMENT 'highest bid, quote currency per unit of base' CODEC(ZSTD(1)),
    bid_low Float64 COMMENT 'lowest bid, quote currency per unit of base' CODEC(ZSTD(1)),
    bid_close Float64 COMMENT 'last bid, quote currency per unit of base' CODEC(ZSTD(1)),
    ask_open Float64 COMMENT 'first ask, quote currency per unit of base' CODEC(ZSTD(1)),
    ask_high Float64 COMMENT 'highest ask, quote currency per unit of base' CODEC(ZSTD(1)),
    ask_low Float64 COMMENT 'lowest ask, quote currency per unit of base' CODEC(ZSTD(1)),
    ask_close Float64 COMMENT 'last ask, quote currency per unit of base' CODEC(ZSTD(1)),
    mid_open Float64 COMMENT 'first (bid + ask) / 2, quote currency per unit of base' CODEC(ZSTD(1)),
    mid_high Float64 COMMENT 'highest (bid + ask) / 2, quote currency per unit of base' CODEC(ZSTD(1)),
    mid_low Float64 COMMENT 'lowest (bid + ask) / 2, quote currency per unit of base' CODEC(ZSTD(1)),
    mid_close Float64 COMMENT 'last (bid + ask) / 2, quote currency per unit of base' CODEC(ZSTD(1)),
    tick_count Int64 COMMENT 'accepted ticks in the interval' CODEC(ZSTD(1)),
    spread_mean_pips Float64 COMMENT 'mean of ask - bid, pips' CODEC(ZSTD(1)),
    spread_max_pips Float64 COMMENT 'largest ask - bid, pips' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_open)
ORDER BY (run, symbol, timeframe, ts_open)
SETTINGS non_replicated_deduplication_window = 1000;

-- The schema is in the key: two sets of features of one bar are two rows.
CREATE TABLE IF NOT EXISTS features
(
    run LowCardinality(String) COMMENT 'name of the run',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    ts_event DateTime64(9, 'UTC') COMMENT 'close of the 1 m bar' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the bar' CODEC(Delta(8), ZSTD(1)),
    `schema` LowCardinality(String) COMMENT 'digest of the feature names, units and formulas',
    `values` Array(Float64) COMMENT 'in the order of the schema; NaN: not ready' CODEC(ZSTD(1)),
    ready Bool COMMENT 'every feature is warm',
    mid_close Float64 COMMENT 'mid price at the close, quote per base' CODEC(ZSTD(1)),
    spread_mean_pips Float64 COMMENT 'mean spread of the bar, pips' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, symbol, ts_event, `schema`)
SETTINGS non_replicated_deduplication_window = 1000;
