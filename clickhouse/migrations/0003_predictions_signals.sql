CREATE TABLE IF NOT EXISTS predictions
(
    run LowCardinality(String) COMMENT 'name of the run',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    ts_event DateTime64(9, 'UTC') COMMENT 'close of the 1 m bar' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the bar' CODEC(Delta(8), ZSTD(1)),
    model LowCardinality(String) COMMENT 'role: online, batch or ensemble',
    model_id LowCardinality(String) COMMENT 'exact identity of what answered',
    horizon_ns Int64 COMMENT 'how far ahead it looks, nanoseconds' CODEC(ZSTD(1)),
    p_up Nullable(Float64) COMMENT 'probability of a higher mid; null: not ready' CODEC(ZSTD(1)),
    ready Bool COMMENT 'model and features are warm',
    reason LowCardinality(String) COMMENT 'why it is not ready'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, symbol, ts_event, model, model_id, horizon_ns)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS signals
(
    run LowCardinality(String) COMMENT 'name of the run',
    signal_id String COMMENT 'function of model, symbol, event time and rule' CODEC(ZSTD(1)),
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    ts_event DateTime64(9, 'UTC') COMMENT 'minute boundary at which the decision is due' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the record that passed the boundary' CODEC(Delta(8), ZSTD(1)),
    model_id LowCardinality(String) COMMENT 'identity of the ensemble',
    rule LowCardinality(String) COMMENT 'name of the decision rule',
    side LowCardinality(String) COMMENT 'buy, sell or flat: the position wanted',
    actionable Bool COMMENT 'false: no view, the position stays',
    strength Float64 COMMENT '|2 p_up - 1|, 0 to 1' CODEC(ZSTD(1)),
    p_up Nullable(Float64) COMMENT 'probability behind it' CODEC(ZSTD(1)),
    bid Nullable(Float64) COMMENT 'last quote before, quote per base' CODEC(ZSTD(1)),
    ask Nullable(Float64) COMMENT 'last quote before, quote per base' CODEC(ZSTD(1)),
    reason LowCardinality(String) COMMENT 'what made it, or why there is no view'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, symbol, ts_event, signal_id)
SETTINGS non_replicated_deduplication_window = 1000;
