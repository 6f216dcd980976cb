-- What each fill and each closed order cost against the market, and what is remarkable about a fill.
-- Statistics, not money: doubles, and null where a benchmark was missing or too old.
CREATE TABLE IF NOT EXISTS quality_fills
(
    run LowCardinality(String) COMMENT 'name of the run',
    execution_id String COMMENT 'id of the fill at the broker' CODEC(ZSTD(1)),
    client_order_id String COMMENT 'id of the order for life' CODEC(ZSTD(1)),
    account LowCardinality(String) COMMENT 'account at the broker',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    side LowCardinality(String) COMMENT 'buy or sell',
    venue LowCardinality(String) COMMENT 'where it was dealt',
    strategy LowCardinality(String) COMMENT 'who asked for it',
    algorithm LowCardinality(String) COMMENT 'what worked the order: an algorithm, else its type',
    session LowCardinality(String) COMMENT 'rollover, asia, london, overlap, new_york or closed',
    size_bucket LowCardinality(String) COMMENT 'size of the whole order, base units',
    ts_event DateTime64(9, 'UTC') COMMENT 'when it was filled' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the market data behind it' CODEC(Delta(8), ZSTD(1)),
    quantity_units Decimal(76, 38) COMMENT 'base units' CODEC(ZSTD(1)),
    price Decimal(76, 38) COMMENT 'quote currency per unit of base' CODEC(ZSTD(1)),
    arrival_slippage_pips Nullable(Float64) COMMENT 'fill against the mid at the decision, above 0 a cost; null: unknown' CODEC(ZSTD(1)),
    arrival_slippage_bps Nullable(Float64) COMMENT 'the same per 10,000 of that mid; null: unknown' CODEC(ZSTD(1)),
    arrival_cost_account Nullable(Float64) COMMENT 'the same on the quantity, account currency; null: unknown' CODEC(ZSTD(1)),
    delay_cost_pips Nullable(Float64) COMMENT 'mid at the send against the mid at the decision; null: unknown' CODEC(ZSTD(1)),
    quoted_spread_pips Nullable(Float64) COMMENT 'ask less bid at the send; null: unknown' CODEC(ZSTD(1)),
    effective_spread_pips Nullable(Float64) COMMENT 'twice the fill against the mid of its moment; null: unknown' CODEC(ZSTD(1)),
    realised_spread_pips Nullable(Float64) COMMENT 'twice the fill against the mid 5 minutes later; null: unknown' CODEC(ZSTD(1)),
    impact_pips Nullable(Float64) COMMENT 'effective less realised spread; null: unknown' CODEC(ZSTD(1)),
    spread_capture Nullable(Float64) COMMENT 'effective per quoted spread; 1 paid it whole; null: unknown' CODEC(ZSTD(1)),
    markout_100ms_pips Nullable(Float64) COMMENT 'mid 100 ms of market time after the fill, above 0 our way; null: unknown' CODEC(ZSTD(1)),
    markout_1s_pips Nullable(Float64) COMMENT 'mid 1 s of market time after the fill, above 0 our way; null: unknown' CODEC(ZSTD(1)),
    markout_5s_pips Nullable(Float64) COMMENT 'mid 5 s of market time after the fill, above 0 our way; null: unknown' CODEC(ZSTD(1)),
    markout_30s_pips Nullable(Float64) COMMENT 'mid 30 s of market time after the fill, above 0 our way; null: unknown' CODEC(ZSTD(1)),
    markout_1m_pips Nullable(Float64) COMMENT 'mid 1 minute of market time after the fill, above 0 our way; null: unknown' CODEC(ZSTD(1)),
    markout_5m_pips Nullable(Float64) COMMENT 'mid 5 minutes of market time after the fill, above 0 our way; null: unknown' CODEC(ZSTD(1)),
    stop_slippage_pips Nullable(Float64) COMMENT 'fill against the trigger; null: unknown' CODEC(ZSTD(1)),
    gap_cost_pips Nullable(Float64) COMMENT 'part of it by which the market was beyond the trigger; null: unknown' CODEC(ZSTD(1)),
    signal_to_send_ns Nullable(Int64) COMMENT 'decision to send, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    send_to_ack_ns Nullable(Int64) COMMENT 'send to acknowledgement, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    ack_to_fill_ns Nullable(Int64) COMMENT 'acknowledgement to fill, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    signal_to_fill_ns Nullable(Int64) COMMENT 'decision to fill, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    stale_benchmarks Int64 COMMENT 'mids that were missing or too old' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, execution_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS quality_orders
(
    run LowCardinality(String) COMMENT 'name of the run',
    client_order_id String COMMENT 'id of the order for life' CODEC(ZSTD(1)),
    account LowCardinality(String) COMMENT 'account at the broker',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    side LowCardinality(String) COMMENT 'buy or sell',
    venue LowCardinality(String) COMMENT 'where it was dealt',
    strategy LowCardinality(String) COMMENT 'who asked for it',
    algorithm LowCardinality(String) COMMENT 'what worked the order: an algorithm, else its type',
    session LowCardinality(String) COMMENT 'rollover, asia, london, overlap, new_york or closed',
    size_bucket LowCardinality(String) COMMENT 'size of the whole order, base units',
    order_type LowCardinality(String) COMMENT 'market, limit, stop, ... as in FIX',
    status LowCardinality(String) COMMENT 'how the order ended',
    reason LowCardinality(String) COMMENT 'why: deny, reject or cancel code',
    ts_event DateTime64(9, 'UTC') COMMENT 'when it ended' CODEC(Delta(8), ZSTD(1)),
    ts_recv DateTime64(9, 'UTC') COMMENT 'of the report of its end' CODEC(Delta(8), ZSTD(1)),
    quantity_units Decimal(76, 38) COMMENT 'base units' CODEC(ZSTD(1)),
    filled_units Decimal(76, 38) COMMENT 'base units' CODEC(ZSTD(1)),
    fill_ratio Float64 COMMENT 'filled per wanted units' CODEC(ZSTD(1)),
    vwap_slippage_pips Nullable(Float64) COMMENT 'average fill against the mean mid of its life; null: unknown' CODEC(ZSTD(1)),
    execution_cost_account Nullable(Float64) COMMENT 'fills against the mid at the decision, account currency; null: unknown' CODEC(ZSTD(1)),
    opportunity_cost_account Nullable(Float64) COMMENT 'unfilled units from the mid at the decision to that at the end, account currency; null: unknown' CODEC(ZSTD(1)),
    fees_account Nullable(Float64) COMMENT 'commission, above 0 a cost, account currency; null: unknown' CODEC(ZSTD(1)),
    financing_account Float64 COMMENT 'swap while it was worked, above 0 a cost, account currency' CODEC(ZSTD(1)),
    shortfall_account Nullable(Float64) COMMENT 'sum of the four costs, account currency; null: unknown' CODEC(ZSTD(1)),
    shortfall_bps Nullable(Float64) COMMENT 'the same per 10,000 of the wanted notional; null: unknown' CODEC(ZSTD(1)),
    move_100ms_pips Nullable(Float64) COMMENT 'mid 100 ms after the end of an order not filled whole, above 0 it would have gained; null: unknown' CODEC(ZSTD(1)),
    move_1s_pips Nullable(Float64) COMMENT 'mid 1 s after the end of an order not filled whole, above 0 it would have gained; null: unknown' CODEC(ZSTD(1)),
    move_5s_pips Nullable(Float64) COMMENT 'mid 5 s after the end of an order not filled whole, above 0 it would have gained; null: unknown' CODEC(ZSTD(1)),
    move_30s_pips Nullable(Float64) COMMENT 'mid 30 s after the end of an order not filled whole, above 0 it would have gained; null: unknown' CODEC(ZSTD(1)),
    move_1m_pips Nullable(Float64) COMMENT 'mid 1 minute after the end of an order not filled whole, above 0 it would have gained; null: unknown' CODEC(ZSTD(1)),
    move_5m_pips Nullable(Float64) COMMENT 'mid 5 minutes after the end of an order not filled whole, above 0 it would have gained; null: unknown' CODEC(ZSTD(1)),
    signal_to_send_ns Nullable(Int64) COMMENT 'decision to send, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    send_to_ack_ns Nullable(Int64) COMMENT 'send to acknowledgement, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    lifetime_ns Nullable(Int64) COMMENT 'decision to end, nanoseconds; null: unknown' CODEC(ZSTD(1)),
    stale_benchmarks Int64 COMMENT 'mids that were missing or too old' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, client_order_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS quality_events
(
    run LowCardinality(String) COMMENT 'name of the run',
    code LowCardinality(String) COMMENT 'outside_spread, outlier or busted',
    execution_id String COMMENT 'id of the fill at the broker' CODEC(ZSTD(1)),
    client_order_id String COMMENT 'id of the order for life' CODEC(ZSTD(1)),
    account LowCardinality(String) COMMENT 'account at the broker',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    venue LowCardinality(String) COMMENT 'where it was dealt',
    ts_event DateTime64(9, 'UTC') COMMENT 'of the fill' CODEC(Delta(8), ZSTD(1)),
    measure LowCardinality(String) COMMENT 'what was measured',
    value Float64 COMMENT 'what it was' CODEC(ZSTD(1)),
    bound Float64 COMMENT 'what it passed' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, ts_event, execution_id, code, measure)
SETTINGS non_replicated_deduplication_window = 1000;
