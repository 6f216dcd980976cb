-- A signal explains itself: who voted how, with which weight, on which features, against which threshold.
ALTER TABLE signals
    ADD COLUMN IF NOT EXISTS vote_role Array(LowCardinality(String)) COMMENT 'members of the ensemble, in the order of the other vote columns' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS vote_model_id Array(LowCardinality(String)) COMMENT 'exact identity of each' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS vote_p_up Array(Float64) COMMENT 'probability of a higher mid of each; NaN: abstained' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS vote_weight Array(Float64) COMMENT 'share of each in the answer' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS threshold Float64 COMMENT 'distance of p_up from one half that opens a side' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS agreement Nullable(Float64) COMMENT 'share of the weight on the side of p_up; null: no view' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS schema LowCardinality(String) COMMENT 'digest of the features behind it';

ALTER TABLE predictions MODIFY COLUMN model LowCardinality(String) COMMENT 'role, role@station of one that only watches, or ensemble';

-- What became of the models of each symbol: switches, rollbacks, drift, the accuracy gate.
CREATE TABLE IF NOT EXISTS model_events
(
    run LowCardinality(String) COMMENT 'name of the run',
    symbol LowCardinality(String) COMMENT 'canonical symbol, base then quote currency',
    ts_event DateTime64(9, 'UTC') COMMENT 'decision boundary from which it holds' CODEC(Delta(8), ZSTD(1)),
    kind LowCardinality(String) COMMENT 'switch, rollback, drift, gate or difference',
    slot LowCardinality(String) COMMENT 'place in the ensemble, or what drifted',
    artefact_id LowCardinality(String) COMMENT 'who answers from now on',
    before_id LowCardinality(String) COMMENT 'who did before',
    stage LowCardinality(String) COMMENT 'stage of artefact_id in the slot',
    reason String COMMENT 'in words, with the figures that decided' CODEC(ZSTD(1)),
    golden_sha256 LowCardinality(String) COMMENT 'of the golden answers of artefact_id as it was loaded'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts_event)
ORDER BY (run, symbol, ts_event, kind, slot, artefact_id, before_id, reason)
SETTINGS non_replicated_deduplication_window = 1000;
