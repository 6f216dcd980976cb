"""Several accounts of a run as people meet them: control, confirmation, statement, figures."""

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from config import plan as plans
from config.accounts import LEDGER_FILE, account_folder, paper_folder
from config.plan import Plan
from config.settings import Settings, settings_of, without_secrets
from dataflows.routing import write_routes
from domain.control import ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from domain.nanos import DAY_NS
from domain.orders import Execution, Order, Position
from jobs import datadir, results
from jobs.collected import Collected
from jobs.control import ControlLine
from jobs.control_lines import ControlLines
from jobs.live import confirm_live
from jobs.places import Place, find_places, places_of, run_dir_of
from jobs.report import print_table
from jobs.statement import account_named, of_run
from operators.execute import Happened
from sources.control_folder import CONTROL_FOLDER
from tests.brokers.floor import plan_of
from tests.trading.tca.tape import execution, order
from trading.risk.control import Controls, ScopeState
from trading.routing.assignment import Route

D = Decimal
PAPERS = settings_of({"brokers": {"second": {"account_id": "paper-2"}}})
LIVE = settings_of(
    {
        "broker": {"kind": "oanda", "account_id": "001", "mode": "live"},
        "brokers": {"second": {"kind": "oanda", "account_id": "002", "mode": "live"}},
    }
)


def planned(data: Path, settings: Settings = PAPERS) -> Plan:
    """Write the plan of the run that goes on."""
    plan: Plan = msgspec.structs.replace(
        plan_of(data / "runs" / "r1"), state="running", settings=without_secrets(settings)
    )
    plans.save(plan)
    return plan


def lines_of(plan: Plan) -> ControlLines:
    """Return the way to all accounts of a run; nobody answers there."""
    return ControlLines([ControlLine(f, lambda: 1, 0.0) for f in places_of(plan)])


def names(folders: list[Place]) -> list[str]:
    """Return whose folders these are."""
    return [folder.account for folder in folders]


def test_a_run_is_all_its_accounts_unless_one_is_named(tmp_path: Path) -> None:
    """On paper they lie in the folder of the run, the first one where it always did."""
    plan = planned(tmp_path)
    both = find_places(tmp_path, "", "")
    assert names(both) == ["paper-1", "paper-2"]
    paths = [paper_folder(Path(plan.run_dir), one) for one in PAPERS.accounts]
    assert [place.control().path for place in both] == [path / CONTROL_FOLDER for path in paths]
    assert names(find_places(tmp_path, "", "paper-2")) == ["paper-2"]
    assert names(find_places(tmp_path, "r1", "paper-1")) == ["paper-1"]
    with pytest.raises(BadUse, match="the run has no account 'paper-3': paper-1, paper-2"):
        find_places(tmp_path, "r1", "paper-3")
    assert run_dir_of(tmp_path, "") == run_dir_of(tmp_path, "r1") == Path(plan.run_dir)


def test_accounts_at_brokers_have_the_folders_that_they_listen_to(tmp_path: Path) -> None:
    """Each by its broker and id."""
    plan = planned(tmp_path, LIVE)
    wanted = [account_folder(tmp_path, one) / CONTROL_FOLDER for one in LIVE.accounts]
    assert [place.control().path for place in places_of(plan)] == wanted


def test_a_kill_reaches_every_account_though_one_folder_is_broken(tmp_path: Path) -> None:
    """It is written to all before any answer is waited for."""
    lines = lines_of(planned(tmp_path))
    found = lines.kill("Ada", "fire", "")
    assert found["outcome"] == "written"
    assert "paper-1: written" in found["words"]
    assert "paper-2: written" in found["words"]
    first, second = (place.control() for place in find_places(tmp_path, "", ""))
    for folder in (first, second):
        (event,) = folder.new()
        assert (event.kind, event.account) == (ControlKind.KILL, folder.account)
    other = tmp_path / "other"
    plan = planned(other)
    (Path(plan.run_dir) / CONTROL_FOLDER).write_text("not a folder")
    with pytest.raises(BadUse, match="cannot be written"):
        lines_of(plan).kill("Ada", "fire", "")
    assert [e.account for e in find_places(other, "", "paper-2")[0].control().new()] == ["paper-2"]


def test_the_page_sees_the_least_restricted_account_and_each_by_name(tmp_path: Path) -> None:
    """While one of them trades, trading goes on; once all are killed it does not."""
    plan = planned(tmp_path)
    first, second = (place.control() for place in find_places(tmp_path, "", ""))
    killed = ScopeState(TradingState.HALTED, killed=True, by="Ada", reason="fire")
    second.write_state(Controls("paper-2", {"": killed, "edge": killed}))
    state = lines_of(plan).state()
    assert state["account"] == "paper-1, paper-2"
    scopes = [(one["name"], one["state"], one["killed"]) for one in state["scopes"]]
    assert scopes == [
        ("", "active", False),
        ("paper-1", "active", False),
        ("paper-2", "halted", True),
        ("paper-2/edge", "halted", True),
    ]
    first.write_state(Controls("paper-1", {"": killed}))
    assert lines_of(plan).state()["scopes"][0]["killed"]
    (first.path / "state.json").write_text("{")
    assert lines_of(plan).state()["fault"].startswith("paper-1: ")


def test_the_command_line_kills_all_raises_one_and_shows_routes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody raises two accounts with one word."""
    from jobs import cli, control_cli

    plan = planned(tmp_path)
    write_routes(Path(plan.run_dir), [Route("EURUSD", "buy", "s", 1, "paper-2", "cheapest")])
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    monkeypatch.setenv("COLUMNS", "200")

    def control(*words: str) -> tuple[int, str]:
        data = ("--data", str(tmp_path))
        monkeypatch.setattr("sys.argv", ["aifx", "control", *words, *data])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    code, told = control("kill", "--by", "Ada")
    assert code == 3
    assert "in paper-1, by Ada" in told
    assert "in paper-2, by Ada" in told
    code, told = control("status")
    assert code == 0
    assert "Trading states of paper-2" in told
    assert "signals of EURUSD (buy) go to paper-2: cheapest" in told
    code, told = control("resume", "--by", "Ada", "--reason", "well")
    assert (code, "name the account that is meant" in told) == (2, True)
    code, told = control("resume", "--by", "Ada", "--reason", "well", "--account", "paper-2")
    assert code == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [("", "--confirm-live 001,002"), ("001", "'001' is not account 002"), ("002", "account 001")],
)
def test_real_money_is_confirmed_for_each_account(given: str, words: str) -> None:
    """One word for two accounts is none."""
    console = Console(file=StringIO())
    with pytest.raises(BadUse, match=words):
        confirm_live(LIVE, given, console)
    confirm_live(LIVE, "002, 001", console)
    confirm_live(PAPERS, "", console)


def test_a_statement_is_of_one_account(tmp_path: Path) -> None:
    """It must be named where there are several."""
    plan = planned(tmp_path)
    with pytest.raises(BadUse, match="name one account of the run with --account: paper-1, paper"):
        of_run(plan, tmp_path)
    source = of_run(plan, tmp_path, "paper-2")
    assert source.account == "paper-2"
    assert source.dsn.endswith(f"accounts/paper-2/{LEDGER_FILE}")
    with pytest.raises(BadUse, match="name one account"):
        account_named(PAPERS, "paper-3")


def test_a_run_that_has_lost_the_ledger_of_one_account_cannot_go_on(tmp_path: Path) -> None:
    """Orders that went out there would be unknown."""
    plan = planned(tmp_path)
    folder = Path(plan.run_dir)
    recovery = folder / "recovery" / "execution"
    recovery.mkdir(parents=True)
    (recovery / "part-0.sqlite3").touch()
    for one in PAPERS.accounts:
        paper_folder(folder, one).mkdir(parents=True, exist_ok=True)
        for name in ("ledger.sqlite", "paper-venue.sqlite"):
            (paper_folder(folder, one) / name).touch()
    datadir.require_whole(plan)
    (paper_folder(folder, PAPERS.accounts[1]) / "ledger.sqlite").unlink()
    with pytest.raises(Corrupt, match=r"has lost accounts/paper-2/ledger\.sqlite"):
        datadir.require_whole(plan)


def total(account: str, realised: str) -> Position:
    """Return the last mark of an account."""
    profit = D(realised)
    equity = D(100_000) + profit
    return Position(account, "*", DAY_NS, DAY_NS, D(0), None, profit, D(0), equity)


def report_of(settings: Settings, plan: Plan, *records: Any) -> Any:
    """Return the report of a fused run in which this has happened."""
    collected = Collected()
    collected.happened(Happened("whichever", list(records)))
    return results.from_collected(
        collected, plan, settings, feed="tape", models={}, notes=(), wall_s=1.0
    )


def test_the_report_has_a_line_for_each_of_several_accounts(tmp_path: Path) -> None:
    """Its sums are those of the accounts; of one account it is as it always was."""
    plan = planned(tmp_path)
    fill: Execution = execution(3, "1.1002")
    sent: Order = order("pending_new", 0)
    other = {"account": "paper-2"}
    mine = {"account": "paper-1"}
    happened = [
        msgspec.structs.replace(sent, **mine),
        msgspec.structs.replace(sent, client_order_id="o9", **other),
        msgspec.structs.replace(sent, client_order_id="o8", status="denied", **other),
        msgspec.structs.replace(fill, **mine),
        total("paper-1", "5.5"),
        total("paper-2", "-2"),
    ]
    report = report_of(PAPERS, plan, *happened)
    assert report.pnl == 3.5
    assert report.pnl_detail.account == "paper-1, paper-2"
    assert report.pnl_detail.equity == D("200003.5")
    found = [
        (one.account, one.realised, one.orders, one.orders_denied, one.fills)
        for one in report.accounts
    ]
    assert found == [("paper-1", D("5.5"), 1, 0, 1), ("paper-2", D(-2), 1, 1, 0)]
    shown = StringIO()
    print_table(report, Console(file=shown, width=200))
    assert "1 sent, 1 denied, 0 fills; -2.00 realised" in shown.getvalue()
    partly = report_of(PAPERS, plan, *happened[:-1])
    assert (partly.pnl, partly.accounts[1].equity) == (None, None)
    alone = report_of(settings_of({}), plan, happened[0], happened[4])
    assert alone.accounts == ()
    assert b"accounts" not in msgspec.json.encode(alone)
    assert alone.pnl == 5.5
