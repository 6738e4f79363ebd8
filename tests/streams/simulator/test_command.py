import json
import signal
import threading

import pytest

from streams.cli.main import main
from streams.errors import ExitCode

START = "2026-11-22T10:00:00Z"


def test_the_same_command_writes_the_same_file(tmp_path, capsys) -> None:
    """With seed and start fixed, two runs give the same bytes; another seed gives others."""
    contents = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        path = tmp_path / name
        assert main(["simulate", "--customers", "200", "--start", START, "--seed", seed, "--out", str(path)]) == 0
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]
    assert "customers who reached each stage" in capsys.readouterr().out


def test_json_and_truth_agree(tmp_path, capsys) -> None:
    """The summary for machines is one JSON object, and the truth beside it has the same funnel."""
    truth = tmp_path / "truth.json"
    words = ["simulate", "--customers", "1000", "--poison", "0.05", "--out", str(tmp_path / "a"), "--truth", str(truth)]
    assert main([*words, "--json"]) == 0
    report, known = json.loads(capsys.readouterr().out), json.loads(truth.read_text())
    assert report["funnel"] == known["funnel"]
    assert report["funnel"]["awareness"] == len(known["customers"]) == 1_000
    assert sum(known["rejected"].values()) == sum(report["poison"].values()) > 0
    assert report["messages"] == report["confirmed"] == len((tmp_path / "a").read_bytes().splitlines())


def test_a_rate_and_a_duration_are_held(tmp_path, capsys) -> None:
    """Half a second at two hundred a second is a hundred messages."""
    words = ["simulate", "--rate", "200", "--duration", "1s", "--out", str(tmp_path / "a"), "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["messages"] == 200
    assert report["seconds"] > 0.9


def test_ctrl_c_ends_it_in_order(tmp_path, capsys) -> None:
    """Interrupted, it says what was sent until then, all of it confirmed, and exits with 130."""
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    words = ["simulate", "--rate", "100", "--duration", "1m", "--out", str(tmp_path / "a"), "--json"]
    assert main(words) == ExitCode.INTERRUPTED
    report = json.loads(capsys.readouterr().out)
    assert 0 < report["messages"] == report["confirmed"] < 1_000


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--late", "2"], ExitCode.USAGE, "--late is 2.0."),
        (["--duration", "5"], ExitCode.USAGE, "Add a unit: 5s"),
        (["--rate", "0"], ExitCode.USAGE, "--rate is 0."),
        (["--customers", "0"], ExitCode.USAGE, "--customers is 0."),
        (["--start", "tomorrow"], ExitCode.USAGE, "'tomorrow' is not a time"),
        (["--start", "2026-11-22T10:00:00"], ExitCode.USAGE, "is not a time"),
        (["--out", "/nowhere/at/all"], ExitCode.FAILED, "/nowhere/at/all cannot be written"),
        ([], ExitCode.CONFIGURATION, "KAFKA_BOOTSTRAP is not set"),
    ],
)
def test_mistakes_are_one_line_and_a_remedy(words, code, said, capsys, monkeypatch) -> None:
    """Whatever is wrong with the command is reported with what to do, and an exit code of its own."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    assert main(["simulate", *words]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "remedy: " in error
    assert "Traceback" not in error


def test_an_absent_kafka_is_reported(capsys, monkeypatch) -> None:
    """Nobody there: one line, within seconds."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    assert main(["simulate", "--customers", "1"]) == ExitCode.UNREACHABLE
    assert "Kafka at 127.0.0.1:1 does not answer." in capsys.readouterr().err
