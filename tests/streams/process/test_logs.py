import errno
import io
import json
import logging

import pytest
import structlog

from streams.process import logs
from streams.settings import settings


@pytest.fixture(autouse=True)
def as_before():
    """Leaves logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_event_and_fields_are_one_object(capsys) -> None:
    """Where no person looks, a line is one JSON object with event, level, time and fields, on stderr."""
    logs.configure(settings.read({}))
    structlog.get_logger().info("committed", partition=3)
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["partition"]) == ("committed", "info", 3)
    assert line["timestamp"].endswith("Z")


def test_level_is_kept(capsys) -> None:
    """What is below the level is not written."""
    logs.configure(settings.read({"TRACKER_LOG_LEVEL": "warning"}))
    structlog.get_logger().info("committed")
    structlog.get_logger().warning("refused")
    assert [line["event"] for line in lines(capsys)] == ["refused"]


def test_text_is_for_people(capsys) -> None:
    """With text, a line is no JSON and has no colours in a pipe."""
    logs.configure(settings.read({"TRACKER_LOG_FORMAT": "text"}))
    structlog.get_logger().info("committed", partition=3)
    said = capsys.readouterr().err
    assert "committed" in said and "partition=3" in said and "\033" not in said


def test_third_parties_look_the_same(capsys) -> None:
    """A warning of aiokafka is a line like ours, with its logger's name; its chatter is left out."""
    logs.configure(settings.read({}))
    logging.getLogger("aiokafka.conn").warning("lost %s", "broker")
    logging.getLogger("aiokafka.conn").info("hello")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("lost broker", "aiokafka.conn", "warning")


def test_repeats_do_not_flood(capsys) -> None:
    """The same message a thousand times is a few lines."""
    logs.configure(settings.read({}))
    for attempt in range(1000):
        logging.getLogger("aiokafka").error("no connection, attempt %d", attempt)
    assert len(lines(capsys)) == logs.REPEATS


def test_left_out_lines_are_counted() -> None:
    """When the while is over, the next line comes through and says how many were left out."""
    now_s = 0.0
    repeats = logs.RepeatFilter(clock=lambda: now_s)
    record = logging.makeLogRecord({"name": "aiokafka", "msg": "no connection"})
    passed = [repeats.filter(record) for _ in range(10)]
    now_s = logs.REPEATS_WINDOW_S + 1
    assert (passed.count(True), repeats.filter(record), record.left_out) == (logs.REPEATS, True, 10 - logs.REPEATS)


def test_a_line_that_cannot_be_written_stops_nothing(monkeypatch) -> None:
    """The disk of the log is full: whoever logs goes on, and later lines are written again."""

    class Full(io.StringIO):
        room = False

        def write(self, text: str) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    place = Full()
    monkeypatch.setattr("sys.stderr", place)
    logs.configure(settings.read({"TRACKER_LOG_FORMAT": "json"}))
    structlog.get_logger().info("lost")
    logging.getLogger("aiokafka").error("lost too")
    place.room = True
    structlog.get_logger().info("written")
    assert [json.loads(line)["event"] for line in place.getvalue().splitlines()] == ["written"]
