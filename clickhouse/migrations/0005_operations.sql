CREATE TABLE IF NOT EXISTS metrics
(
    run LowCardinality(String) COMMENT 'name of the run',
    worker LowCardinality(String) COMMENT 'name of the dataflow',
    ts_wall DateTime64(9, 'UTC') COMMENT 'wall clock of the report' CODEC(Delta(8), ZSTD(1)),
    counters Map(LowCardinality(String), Int64) COMMENT 'totals since the start of the run',
    histograms Map(LowCardinality(String), String)
        COMMENT 'HdrHistogram of microseconds, base64, by hop' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_wall)
ORDER BY (run, worker, ts_wall)
SETTINGS non_replicated_deduplication_window = 1000;

-- What no reader could use has no time that could be trusted, so there is no partition key.
CREATE TABLE IF NOT EXISTS dead_letter
(
    run LowCardinality(String) COMMENT 'name of the run',
    `topic` LowCardinality(String) COMMENT 'where the record stood',
    `partition` Int64 COMMENT 'partition of that topic',
    `offset` Int64 COMMENT 'offset in that partition',
    `reason` String COMMENT 'why it could not be used',
    `value` String COMMENT 'the bytes of the record, whole' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (run, topic, partition, offset, reason)
SETTINGS non_replicated_deduplication_window = 1000;

-- No deduplication window: a value that goes from a to b and back to a must end as a.
CREATE TABLE IF NOT EXISTS runs
(
    run LowCardinality(String) COMMENT 'name of the run',
    `key` String COMMENT 'name of a setting or fact',
    `value` String COMMENT 'JSON'
)
ENGINE = ReplacingMergeTree
ORDER BY (run, key);
