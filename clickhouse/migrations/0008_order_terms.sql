-- Orders carry their terms and where they went; fills their commission and what they take back.
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS order_type LowCardinality(String) DEFAULT 'market' COMMENT 'market, limit, stop, ... as in FIX' AFTER reason,
    ADD COLUMN IF NOT EXISTS time_in_force LowCardinality(String) DEFAULT 'FOK' COMMENT 'GTC, GTD, GFD, IOC or FOK' AFTER order_type,
    ADD COLUMN IF NOT EXISTS limit_price Nullable(Decimal(76, 38)) COMMENT 'worst price of a limit, quote per base' CODEC(ZSTD(1)) AFTER time_in_force,
    ADD COLUMN IF NOT EXISTS trigger_price Nullable(Decimal(76, 38)) COMMENT 'price that makes it active' CODEC(ZSTD(1)) AFTER limit_price,
    ADD COLUMN IF NOT EXISTS trailing_distance Nullable(Decimal(76, 38)) COMMENT 'of a trailing stop, price units' CODEC(ZSTD(1)) AFTER trigger_price,
    ADD COLUMN IF NOT EXISTS price_bound Nullable(Decimal(76, 38)) COMMENT 'worst price of a market order or a triggered stop' CODEC(ZSTD(1)) AFTER trailing_distance,
    ADD COLUMN IF NOT EXISTS ts_expire Nullable(DateTime64(9, 'UTC')) COMMENT 'end of a GTD order' CODEC(ZSTD(1)) AFTER price_bound,
    ADD COLUMN IF NOT EXISTS trigger_side LowCardinality(String) DEFAULT 'default' COMMENT 'which price triggers' AFTER ts_expire,
    ADD COLUMN IF NOT EXISTS position_effect LowCardinality(String) DEFAULT 'default' COMMENT 'default, open_only or reduce_only' AFTER trigger_side,
    ADD COLUMN IF NOT EXISTS venue LowCardinality(String) COMMENT 'where it was sent' AFTER position_effect,
    ADD COLUMN IF NOT EXISTS venue_order_id String COMMENT 'its name there' CODEC(ZSTD(1)) AFTER venue,
    ADD COLUMN IF NOT EXISTS parent_id String COMMENT 'order that it is a slice of, or protects' CODEC(ZSTD(1)) AFTER venue_order_id,
    ADD COLUMN IF NOT EXISTS group_id String COMMENT 'contingency that it belongs to' CODEC(ZSTD(1)) AFTER parent_id,
    ADD COLUMN IF NOT EXISTS user LowCardinality(String) COMMENT 'who answers for the strategy' AFTER group_id,
    ADD COLUMN IF NOT EXISTS model_id LowCardinality(String) COMMENT 'model behind the signal' AFTER user,
    ADD COLUMN IF NOT EXISTS overfill_units Decimal(76, 38) COMMENT 'filled beyond the quantity' CODEC(ZSTD(1)) AFTER model_id;

ALTER TABLE executions
    ADD COLUMN IF NOT EXISTS commission Decimal(76, 38) COMMENT 'charged for this fill, above 0 a cost' CODEC(ZSTD(1)) AFTER conversion_rate,
    ADD COLUMN IF NOT EXISTS commission_currency LowCardinality(String) COMMENT 'its currency' AFTER commission,
    ADD COLUMN IF NOT EXISTS commission_account Nullable(Decimal(76, 38)) DEFAULT 0 COMMENT 'the same in account currency; null: no rate' CODEC(ZSTD(1)) AFTER commission_currency,
    ADD COLUMN IF NOT EXISTS execution_ref String COMMENT 'fill that it takes back or corrects' CODEC(ZSTD(1)) AFTER commission_account,
    ADD COLUMN IF NOT EXISTS venue LowCardinality(String) COMMENT 'where it was filled' AFTER execution_ref;

-- Who changed the trading state of the account or of a strategy, to what, and why.
CREATE TABLE IF NOT EXISTS control
(
    run LowCardinality(String) COMMENT 'name of the run',
    control_id String COMMENT 'digest of all other fields' CODEC(ZSTD(1)),
    account LowCardinality(String) COMMENT 'account at the broker',
    strategy LowCardinality(String) COMMENT 'whose orders it is about; empty: the whole account',
    kind LowCardinality(String) COMMENT 'lower, raise, kill or release',
    `to` LowCardinality(String) COMMENT 'state that it leads to',
    `by` LowCardinality(String) COMMENT 'person, or system: and the rule',
    role LowCardinality(String) COMMENT 'role of the person',
    reason String COMMENT 'why' CODEC(ZSTD(1)),
    ts_event DateTime64(9, 'UTC') COMMENT 'when' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, account, ts_event, control_id)
SETTINGS non_replicated_deduplication_window = 1000;
