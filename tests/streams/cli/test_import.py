import gzip
import json
from pathlib import Path

import pytest

from streams.cli.import_output import Said, say
from streams.cli.main import main
from streams.errors import ExitCode
from streams.imports.run import ImportTally, Notes
from streams.sdk.producer import Producer
from tests.streams.broker import Broker

HERE = Path(__file__).parents[1] / "imports" / "samples"
TABLES = Path(__file__).parents[3] / "examples" / "imports"
TABLE = str(TABLES / "orders.yaml")


@pytest.fixture
def orders(tmp_path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_bytes((HERE / "orders.csv").read_bytes())
    return path


@pytest.fixture
def broker(monkeypatch) -> Broker:
    """A Kafka that confirms what the command sends."""
    found = Broker()
    monkeypatch.setattr("streams.sdk.producer.connect", lambda _settings: Producer(found))
    return found


def test_a_dry_run_leaves_nothing_behind(orders, capsys) -> None:
    """It shows touchpoints, counts and bad rows without Kafka, and writes no file."""
    assert main(["import", str(orders), "--map", TABLE, "--dry-run"]) == ExitCode.FAILED
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[0])["event_id"] == "orders/Order Completed/1001"
    assert len(said.out.splitlines()) == 2
    assert "7 rows: 2 touchpoints\n" in said.err
    assert "line 6: wrong_value: column 'placed': 'yesterday'" in said.err
    assert sorted(path.name for path in orders.parent.iterdir()) == ["orders.csv"]


def test_a_dry_run_into_a_pipe_is_a_file_of_events(tmp_path, capsys, monkeypatch) -> None:
    """All touchpoints go to stdout and the summary to stderr, so that a replay can read them."""
    rows, table, journey = (tmp_path / name for name in ("rows.csv", "map.yaml", "j.yaml"))
    rows.write_text("who,what,at\n" + "".join(f"c{n},A,2026-01-05 10:{n}:00\n" for n in range(10, 60)))
    table.write_text(
        "import: r\nids: {customer_id: who}\ntouchpoints:\n  - {channel: web, type: {from: what}, occurred_at: at}\n"
    )
    journey.write_text("journey: t\nstages:\n  - {name: look, touchpoints: [{type: A}]}\n")
    assert main(["import", str(rows), "--map", str(table), "--dry-run"]) == ExitCode.OK
    events = tmp_path / "events.jsonl"
    events.write_text(capsys.readouterr().out)
    assert main(["replay", str(journey), str(events), "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["customers"] == 50


def test_a_dry_run_on_a_terminal_shows_three(orders, capsys, monkeypatch) -> None:
    """A person sees a few touchpoints above the summary."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["import", str(orders), "--map", TABLE, "--dry-run"]) == ExitCode.FAILED
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[0])["event_id"] == "orders/Order Completed/1001"
    assert "7 rows: 2 touchpoints\n" in said.out


def test_where_a_stopped_import_goes_on(tmp_path, capsys) -> None:
    """One into Kafka goes on where it stopped; a dry run, one into a file or of standard input keeps no place."""
    kept = Notes(tmp_path / "orders.csv", b"", tmp_path / "position", tmp_path / "rejected")
    for notes, where in ((kept, "continue here"), (None, "begin at the first row")):
        say(ImportTally(), notes, Said(stopped=True))
        assert f"Stopped. Run the same command again to {where}." in capsys.readouterr().err


def test_an_import_goes_into_a_file(orders, capsys, monkeypatch) -> None:
    """--out writes what would be sent, addresses hashed with the key, and needs no Kafka; `-` is stdout."""
    monkeypatch.setenv("TRACKER_HASH_KEY", "k" * 32)
    for name in ("events.jsonl", "events.jsonl.gz"):
        out = orders.with_name(name)
        assert main(["import", str(orders), "--map", TABLE, "--out", str(out)]) == ExitCode.FAILED
        read = gzip.decompress(out.read_bytes()) if name.endswith(".gz") else out.read_bytes()
        first, second = map(json.loads, read.splitlines())
        assert (first["ids"]["customer_id"], second["ids"]["email_sha256"][:5]) == ("c-17", "hmac-")
        assert "7 rows: 2 touchpoints\n" in capsys.readouterr().out
    assert main(["import", str(orders), "--map", TABLE, "--out", "-"]) == ExitCode.FAILED
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert sorted(path.name for path in orders.parent.iterdir()) == ["events.jsonl", "events.jsonl.gz", "orders.csv"]


def test_a_span_is_imported(orders, capsys) -> None:
    """What happened later came by webhook, under other event ids: it is left out and counted."""
    words = ["import", str(orders), "--map", TABLE, "--dry-run", "--json"]
    assert main([*words, "--until", "2026-11-20T13:05:30Z"]) == ExitCode.FAILED
    found = json.loads(capsys.readouterr().out)
    assert (found["touchpoints"], found["cut"]) == (1, 1)
    assert main([*words, "--since", "2026-11-20T13:05:30Z"]) == ExitCode.FAILED
    assert json.loads(capsys.readouterr().out)["samples"][0]["event_id"] == "orders/Order Completed/1002"


def test_another_span_or_source_does_not_go_on(orders, broker, capsys) -> None:
    """What was done for one would be passed over for the other."""
    words = ["import", str(orders), "--map", TABLE]
    assert main([*words, "--until", "2026-11-20"]) == ExitCode.FAILED
    for other in ([], ["--source", "shop-no"]):
        assert main([*words, *other]) == ExitCode.MISMATCH
        assert "was made with another mapping table, source or span" in capsys.readouterr().err


def test_rows_that_meet_no_condition_are_named(orders, capsys) -> None:
    """With the values of the columns that conditions ask for, and their counts."""
    assert main(["import", str(orders), "--map", TABLE, "--dry-run"]) == ExitCode.FAILED
    assert "  1 rows matched no condition\n    state: open 1\n" in capsys.readouterr().err


def test_what_does_not_join_is_said(tmp_path, capsys) -> None:
    """Fifteen customers of a shop, none of whom was on the web, and addresses that two numbers claim."""
    rows, table = tmp_path / "rows.csv", tmp_path / "map.yaml"
    lines = [
        f"{kind}-{n},{n}@example.com,{place},2026-01-05\n"
        for n in range(15)
        for kind, place in (("s", "shop"), ("w", "web"))
    ]
    rows.write_text("who,mail,place,at\n" + "".join(lines))
    table.write_text(
        "import: r\nids: {customer_id: who, email_sha256: mail}\n"
        "touchpoints:\n  - {channel: {from: place}, type: A, occurred_at: at}\n"
    )
    for words in (["--dry-run"], ["--out", str(tmp_path / "out.jsonl")]):
        assert main(["import", str(rows), "--map", str(table), *words]) == ExitCode.OK
        said = capsys.readouterr().err
        assert "Of 15 customers of `shop` none was ever seen on `web`. Add an id under `ids` that both have" in said
        assert "15 addresses are claimed by two numbers" in said


def test_an_import_has_a_summary_for_machines(orders, broker, capsys) -> None:
    """With --json the summary is one object; bad rows are in their file; the second call has nothing to do."""
    assert main(["import", str(orders), "--map", TABLE, "--json"]) == ExitCode.FAILED
    printed = json.loads(capsys.readouterr().out)
    assert (printed["rows"], printed["touchpoints"], printed["rejected"]) == (
        7, 2, {"no_id": 1, "wrong_value": 2, "wrong_columns": 1},
    )  # fmt: skip
    assert len(Path(printed["rejected_file"]).read_text().splitlines()) == 4
    assert main(["import", str(orders), "--map", TABLE, "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["begins_at"] == 7
    assert len(broker.sent) == 2


def test_from_start_begins_again(orders, broker, capsys) -> None:
    """--from-start sends the same touchpoints again, with the same ids."""
    for _ in range(2):
        main(["import", str(orders), "--map", TABLE, "--from-start"])
    assert len(broker.sent) == 4
    assert len({value for _, value, _ in broker.sent}) == 2
    assert "all confirmed by Kafka" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["missing.csv", "--map", TABLE], ExitCode.NOT_FOUND, "there is no such file"),
        (["orders.bin", "--map", TABLE], ExitCode.USAGE, "Say --format csv"),
        (["-", "--map", TABLE], ExitCode.USAGE, "Standard input has no name"),
        (["a.csv", "--map", TABLE, "--format", "xml"], ExitCode.USAGE, "'xml' is not a format"),
        (["a.csv", "--map", TABLE, "--source", "a b"], ExitCode.USAGE, "'a b' is no name of a source"),
        (["a.csv", "--map", TABLE, "--out", "b"], ExitCode.USAGE, "--out and --dry-run cannot be combined"),
        (["a.csv", "--map", "missing.yaml"], ExitCode.NOT_FOUND, "missing.yaml: there is no such file"),
    ],
)
def test_mistakes_are_one_line(words, code, message, capsys) -> None:
    """Each mistake ends with one line, its remedy and its exit code."""
    assert main(["import", *words, "--dry-run"]) == code
    assert message in capsys.readouterr().err


def test_kafka_is_needed_to_send(orders, capsys, monkeypatch) -> None:
    """Without KAFKA_BOOTSTRAP no progress is recorded."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    assert main(["import", str(orders), "--map", TABLE]) == ExitCode.CONFIGURATION
    assert "KAFKA_BOOTSTRAP is not set" in capsys.readouterr().err
    assert not orders.with_name("orders.csv.position").exists()


@pytest.mark.parametrize("option", ["--out", "--rejected", "--position"])
def test_what_is_read_is_not_overwritten(orders, capsys, option) -> None:
    """A slip of the hand does not cost the export, nor the table."""
    table = orders.parent / "map.yaml"
    table.write_bytes(Path(TABLE).read_bytes())
    before = orders.read_bytes(), table.read_bytes()
    for target in (orders, table, orders.parent / "." / orders.name):
        assert main(["import", str(orders), "--map", str(table), option, str(target)]) == ExitCode.USAGE
        assert f"{option}: {target} is a file that is read" in capsys.readouterr().err
    assert (orders.read_bytes(), table.read_bytes()) == before
