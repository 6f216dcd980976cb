"""Every setting of the ingest reaches the tick-quality rules, in their units."""

from dataclasses import asdict, fields

from config.settings import IngestSettings, settings_of
from dataflows.context import quality_config
from features.quality import QualityConfig

SYMBOLS = ("EURUSD",)


def test_defaults_are_those_of_the_rules() -> None:
    """One default, wherever it is read."""
    assert quality_config(settings_of({}), SYMBOLS) == QualityConfig(SYMBOLS)


def test_every_setting_changes_the_field_of_its_name() -> None:
    """Milliseconds become nanoseconds; no setting is idle, and no field is out of reach."""
    usual = asdict(QualityConfig(SYMBOLS))
    reached = set()
    for name in IngestSettings.model_fields:
        changed = settings_of({"ingest": {name: 7}})
        found = asdict(quality_config(changed, SYMBOLS))
        field = name.removesuffix("_ms") + "_ns" if name.endswith("_ms") else name
        assert {key for key in found if found[key] != usual[key]} == {field}
        assert found[field] == (7_000_000 if name.endswith("_ms") else 7)
        reached.add(field)
    assert reached == {field.name for field in fields(QualityConfig)} - {"symbols"}
