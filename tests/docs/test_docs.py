"""The documents say what the code says: names, records, options, defaults, links."""

import os
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from api.wording import REASONS
from clickhouse.migrate import load as migrations
from clickhouse.tables import TABLE_OF
from config import settings as config
from config.section import Section
from config.settings import Settings
from domain.bars import Passed
from domain.deployments import IN_FLOW, SLOTS, STAGES
from domain.log import END_HEADER, STAMP_HEADER, Stamp
from domain.ticks import TICK_DTYPE, Kind, TickSource, Verdict
from domain.topics import RECORD_TYPES, RECORD_VERSIONS, Topic
from jobs.cli import app
from jobs.report import AccountFigures, AccuracyFigures, Hop, PnlDetail, Report
from trading.settlement.confirmations import Confirmation

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README_LINES = 160
"""A longer one is not read to its end."""

_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| *`([^`]+)` *\|(.*)\|$", re.MULTILINE)


def prose(path: Path) -> str:
    """Return a document without its code blocks."""
    return _CODE.sub("", path.read_text(encoding="utf-8"))


def document(name: str) -> str:
    """Return a document of the docs folder, code blocks included."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as a forge makes them."""
    plain = (re.sub(r"[^\w\- ]", "", text.lower()) for text in _HEADING.findall(prose(path)))
    return {text.strip().replace(" ", "-") for text in plain}


def section(text: str, title: str) -> str:
    """Return what stands below a heading of the second level that begins with a title."""
    starts = [m.start() for m in re.finditer(r"^## ", text, re.MULTILINE)] + [len(text)]
    found = [text[a:b] for a, b in pairwise(starts) if text[a:b].startswith(f"## {title}")]
    assert len(found) == 1, f"{len(found)} sections are called {title}"
    return found[0]


def rows(text: str) -> list[list[str]]:
    """Return the table rows whose first cell is a name in backticks, cells stripped."""
    return [
        [name, *(cell.strip() for cell in rest.split("|"))] for name, rest in _ROW.findall(text)
    ]


def settings_in_code() -> list[tuple[str, str, object]]:
    """Return section, name and default of every setting, a secret as its value."""
    return [
        (section_name, name, field.default)
        for section_name, section_field in Settings.model_fields.items()
        if isinstance(section_field.default, Section)
        for name, field in type(section_field.default).model_fields.items()
    ]


def commands(group: TyperGroup, before: str = "aifx") -> Iterator[tuple[str, TyperCommand]]:
    """Yield every command of the program that does something, with its full name."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{before} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{before} {name}", command


def field_tables(text: str) -> list[list[list[str]]]:
    """Return the rows of each table that describes the fields of a record."""
    return [rows(part.split("\n\n")[0]) for part in text.split("\n\n| field |")[1:]]


def assert_describes(described: list[list[str]], record: type[msgspec.Struct]) -> None:
    """Hold the rows of a table against the fields of a record; a tag is its first field."""
    info = msgspec.inspect.type_info(record)
    assert isinstance(info, msgspec.inspect.StructType)
    tagged = (
        [] if info.tag_field is None else [[info.tag_field, "string", "", "no", f"`{info.tag}`"]]
    )
    assert described[: len(tagged)] == tagged
    fields = described[len(tagged) :]
    assert [row[0] for row in fields] == [field.encode_name for field in info.fields]
    for field, row in zip(info.fields, fields, strict=True):
        nullable = isinstance(field.type, msgspec.inspect.UnionType)
        assert row[3] == ("yes" if nullable else "items" if field.name == "values" else "no"), row


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(path: Path) -> None:
    """A link to a file finds it, and a link to a heading finds that too."""
    for target in _LINK.findall(prose(path)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{target} is not there"
        assert linked.is_relative_to(ROOT), f"{target} leaves the repository"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{target}: no such heading"


def test_the_readme_is_short() -> None:
    """The front page stays under its bound."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < README_LINES


def test_every_page_is_linked_from_the_readme() -> None:
    """Whoever starts at the front page finds every page of the docs folder."""
    linked = set(_LINK.findall(prose(ROOT / "README.md")))
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= linked


def test_every_decision_is_in_the_list() -> None:
    """The list of decisions names each of them once, in order."""
    folder = ROOT / "docs" / "adr"
    listed = _LINK.findall(prose(folder / "README.md"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_settings_are_documented_with_their_defaults() -> None:
    """The table of settings has one row per setting, in order, with the default of the code."""
    table = {row[0]: row[2] for row in rows(section(document("operating.md"), "Settings"))}
    wanted = {f"{part}.{name}": default for part, name, default in settings_in_code()}
    assert list(table) == list(wanted)
    for name, default in wanted.items():
        text = ", ".join(default) if isinstance(default, tuple) else str(default)
        text = "" if name == "clickhouse.dsn" else text
        assert table[name].strip("`") == (text or "empty"), name


def test_the_example_is_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example file loads, names every setting, and changes none."""
    for name in list(os.environ):
        if name.startswith(config.ENV_PREFIX):
            monkeypatch.delenv(name)
    example = ROOT / "aifx.example.toml"
    assert config.load(example) == Settings()
    given = tomllib.loads(example.read_text(encoding="utf-8"))
    named = [(part, name) for part, values in given.items() for name in values]
    assert named == [(part, name) for part, name, _ in settings_in_code()]


def test_every_command_and_option_is_documented() -> None:
    """The tables name every command, and every option together with its command."""
    text = section(document("operating.md"), "Commands")
    tables = re.findall(r"^\| (`.*?) \| (.*?) \|", text, re.MULTILINE)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    assert dict(commands(group))
    for full_name, command in commands(group):
        assert f"`{full_name}`" in text, full_name
        name = full_name.removeprefix("aifx ")
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                owners = [
                    who for first, who in tables if re.search(rf"`{re.escape(option)}`", first)
                ]
                named = {owner.strip() for who in owners for owner in who.split(",")}
                assert named & {name, "all"}, f"{option} of {full_name}"


def test_every_column_of_a_confirmation_is_documented() -> None:
    """The table of columns has each, and says which must be there."""
    text = document("execution.md").split("\n| column | needed |")[1].split("\n\n")[0]
    columns = msgspec.structs.fields(Confirmation)
    described = [(row[0], row[1] == "yes") for row in rows(text)]
    assert described == [(column.name, column.required) for column in columns]


def test_every_topic_is_documented() -> None:
    """The list of topics has one row each, with the table that keeps it."""
    table = rows(section(document("records.md"), "Topics"))
    assert [row[0] for row in table] == [topic.value for topic in Topic]
    for topic, row in zip(Topic, table, strict=True):
        assert row[-1].startswith(f"`{TABLE_OF[topic]}`"), topic


@pytest.mark.parametrize("topic", sorted(RECORD_TYPES))
def test_every_field_of_a_record_is_documented(topic: Topic) -> None:
    """The first table of a record's section has its fields in order, and says which may be null."""
    described = field_tables(section(document("records.md"), f"`{topic}`"))[0]
    assert_describes(described, RECORD_TYPES[topic])
    assert described[-1][4] == str(RECORD_VERSIONS[topic])


def test_every_reason_of_a_signal_has_words_on_the_page() -> None:
    """The codes of the table are those that the page knows."""
    text = section(document("records.md"), "`signals`").split("| `reason` | actionable |")[1]
    assert [row[0] for row in rows(text)] == list(REASONS)


def test_every_field_of_a_boundary_without_a_bar_is_documented() -> None:
    """The second table among the bars is that of the other record there."""
    described = field_tables(section(document("records.md"), "`bars`"))[1]
    assert_describes(described, Passed)
    assert described[-1][4] == str(Passed("EURUSD", 0).v)


def test_the_layout_of_a_tick_is_documented() -> None:
    """Offsets, sizes and types of the tick record are those of the wire."""
    text = section(document("records.md"), "`ticks`, ").split("\n### ")[0]
    found = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \| (.*?) \|", text, re.MULTILINE)
    fields = TICK_DTYPE.fields
    assert fields is not None
    for name, (offset, size, _, kind) in zip(
        TICK_DTYPE.names or (), ((int(o), int(s), n, k) for o, s, n, k in found), strict=True
    ):
        dtype, at = fields[name][:2]
        assert (offset, size) == (at, dtype.itemsize), name
        assert kind == (f"{size} bytes" if dtype.kind == "S" else dtype.str[1:]), name
    assert [name for _, _, name, _ in found] == list(TICK_DTYPE.names or ())
    assert f"{TICK_DTYPE.itemsize} bytes" in text
    for words in (Kind, TickSource):
        assert ", ".join(f"{one.value} {one.name.lower()}" for one in words) in text


def test_the_numbers_of_a_switch_are_documented() -> None:
    """Slots, and the stages that a run takes notice of."""
    text = section(document("records.md"), "`ticks`, ")
    stages = [(at, stage) for at, stage in enumerate(STAGES) if stage in IN_FLOW]
    for words in (list(enumerate(SLOTS)), stages):
        assert ", ".join(f"{at} `{one}`" for at, one in words) in text


def test_every_verdict_bit_is_documented() -> None:
    """The table of verdicts has bit, value and name of each."""
    text = section(document("records.md"), "`ticks`, ")
    found = re.findall(r"^\| (\d+) \| (\d+) \| `([A-Z_]+)` \|", text, re.MULTILINE)
    wanted = [(str(bit.bit_length() - 1), str(bit.value), str(bit.name)) for bit in Verdict]
    assert found == wanted


def test_headers_and_stamps_are_documented() -> None:
    """The section on headers names both headers and every field of a stamp."""
    named = [row[0] for row in rows(section(document("records.md"), "Headers"))]
    assert named == [STAMP_HEADER, END_HEADER, *Stamp._fields]


def test_every_table_of_the_store_is_documented() -> None:
    """The section on ClickHouse has each table with its sorting key."""
    keys: dict[str, str] = {}
    for statement in (statement for file in migrations() for statement in file.statements):
        if statement.startswith(("DROP TABLE", "INSERT INTO")):
            continue
        if exchanged := re.fullmatch(r"EXCHANGE TABLES (\w+) AND (\w+)", statement):
            keys[exchanged[1]] = keys.pop(exchanged[2])
            continue
        table = re.search(
            r"(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) (\w+)(?: AS (\w+))?", statement
        )
        key = re.search(r"ORDER BY \(([^)]*)\)", statement)
        assert table is not None, statement
        if key is not None or table[2]:
            keys[table[1]] = keys[table[2]] if key is None else key[1].replace("`", "")
    assert set(TABLE_OF.values()) <= set(keys)
    described = {row[0]: row[1] for row in rows(section(document("records.md"), "ClickHouse"))}
    assert {name: described.get(name) for name in keys} == keys


def test_every_key_of_the_summary_is_documented() -> None:
    """The page on the summary names each key in the order of the JSON."""
    text = document("summary.md")
    assert [row[0] for row in rows(text.split("\n## ")[0])] == list(Report.__struct_fields__)
    for title, struct in (
        ("`pnl_detail`", PnlDetail),
        ("`accuracy`", AccuracyFigures),
        ("`accounts`", AccountFigures),
    ):
        named = re.findall(r"^\| (`.*?`) \|", section(text, title), re.MULTILINE)
        keys = [key.strip(" `") for cell in named for key in cell.split(",")]
        assert keys == list(struct.__struct_fields__), title
    for key in Hop.__struct_fields__:
        assert f"`{key}`" in section(text, "`latency_ms`")
