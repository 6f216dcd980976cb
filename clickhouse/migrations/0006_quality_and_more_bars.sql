-- A suspect tick is in the log: its verdict must be readable.
ALTER TABLE ticks ADD COLUMN IF NOT EXISTS verdict UInt32 COMMENT 'bits of the quality verdict; 0: nothing' CODEC(ZSTD(1));

-- Accepted ticks that came too late for every bar. They are among the ticks too.
CREATE TABLE IF NOT EXISTS ticks_late AS ticks_rejected;

-- Tick and range bars may open at one nanosecond: their number is in the key.
ALTER TABLE bars
    ADD COLUMN IF NOT EXISTS seq Int64 COMMENT 'number of the interval: time bars from 1970, others from the first' CODEC(Delta(8), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS suspect_count Int64 COMMENT 'ticks with a suspect verdict' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS up_count Int64 COMMENT 'ticks that raised the mid' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS down_count Int64 COMMENT 'ticks that lowered the mid' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS move_sq_sum_pips2 Float64 COMMENT 'sum of squared changes of the mid, squared pips' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS micro_gap_mean_pips Nullable(Float64) COMMENT 'mean of micro-price less mid, pips; null: no sizes' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS verdict Int64 COMMENT 'all bits of the quality verdicts of its ticks' CODEC(ZSTD(1)),
    MODIFY COLUMN timeframe LowCardinality(String) COMMENT 'such as 1s, 5m, 1h, 1000tick or 5pip',
    MODIFY ORDER BY (run, symbol, timeframe, ts_open, seq);

ALTER TABLE features ADD COLUMN IF NOT EXISTS verdict Int64 COMMENT 'all bits of the quality verdicts of the ticks of the bar' CODEC(ZSTD(1));

ALTER TABLE signals ADD COLUMN IF NOT EXISTS verdict Int64 COMMENT 'bits of the quality verdict of the last quote' CODEC(ZSTD(1));
