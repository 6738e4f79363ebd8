import json
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.errors import ExitCode
from streams.sdk.producer import Producer
from tests.streams.broker import Broker

HERE = Path(__file__).parents[1] / "imports"
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
    assert "7 rows: 2 touchpoints\n" in said.out
    assert "line 6: wrong_value: column 'placed': 'yesterday'" in said.err
    assert sorted(path.name for path in orders.parent.iterdir()) == ["orders.csv"]


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
