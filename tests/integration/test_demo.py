"""The demo as a person runs it: from nothing to two equal funnels, and nothing left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil
import pytest

from streams.demo.pipeline import pipeline
from streams.errors import ExitCode
from streams.servers import ports
from streams.settings.settings import read
from tests.deploy.promtool import needs
from tests.servers import PrivateServers, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


@contextmanager
def demo(*words: str) -> Iterator[subprocess.Popen[str]]:
    """`tracker demo` without a terminal and without servers of its own named; killed if the test leaves it."""
    environ = {name: value for name, value in os.environ.items() if name not in {"KAFKA_BOOTSTRAP", "REDIS_URL"}}
    command = [sys.executable, "-m", "streams", "demo", *words]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def group(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Everything that the demo has started, directly or not."""
    return psutil.Process(process.pid).children(recursive=True)


def directories() -> set[str]:
    """The private directories of all demos and servers on this machine."""
    return {str(path) for path in Path(tempfile.gettempdir()).glob("journey-tracker-*")}


def used(family: list[psutil.Process]) -> set[str]:
    """The private directories that these processes were started for."""
    words = " ".join(" ".join(member.cmdline()) for member in family if member.is_running())
    return set(re.findall(rf"{re.escape(tempfile.gettempdir())}/journey-tracker-\w+", words))


def until_it_runs(process: subprocess.Popen[str]) -> None:
    """Return when touchpoints are being applied."""
    for line in process.stdout:
        if (found := re.search(r" applied (\d+)", line)) and int(found[1]):
            return
        assert not line.startswith("error")
    pytest.fail("the demo ended before it ran")


def test_from_nothing_to_two_equal_funnels() -> None:
    """The published funnel is in Redis, exactly; in a pipe not one escape code is printed."""
    with demo("--fast") as process:
        said, _ = process.communicate(timeout=150)
    assert process.returncode == ExitCode.OK, said
    assert "All 28 numbers are equal." in said
    assert "funnel 10000 > 5000 > 1500 > 300 > 150 > 50 > 20" in said
    assert "\x1b" not in said


def test_it_survives_a_killed_worker() -> None:
    """A worker that is killed half-way changes no number: the supervisor starts another."""
    with demo("--rate", "2500") as process:
        until_it_runs(process)
        victim = next(child for child in group(process) if "--supervised" in child.cmdline())
        victim.kill()
        said, _ = process.communicate(timeout=150)
    assert process.returncode == ExitCode.OK, said
    assert "All 28 numbers are equal." in said


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_stopped_half_way_nothing_is_left(number, code) -> None:
    """Ctrl-C or SIGTERM in the middle: an exit code that says so, no process, no directory, no traceback."""
    with demo() as process:
        until_it_runs(process)
        family = group(process)
        places = used(family)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert "Traceback" not in said
        assert places
        wait_until(lambda: not any(member.is_running() for member in family), 15)
        wait_until(lambda: not places & directories(), 15)


def test_kept_it_is_watched() -> None:
    """With --keep Prometheus scrapes everything and Alertmanager hears of it; Ctrl-C ends them with the rest."""
    needs("prometheus")
    needs("prometheus-alertmanager")
    with demo("--fast", "--keep") as process:
        said = iter(process.stdout.readline, "")
        page = next(found[1] for line in said if (found := re.search(r"(http://\S+)/alerts", line)))
        family = group(process)

        def asked(query: str) -> list[dict]:
            answer = urlopen(f"{page}/api/v1/query?{urlencode({'query': query})}", timeout=5)
            return json.load(answer)["data"]["result"]

        wait_until(lambda: [each["value"][1] for each in asked("sum(up) == 5")] == ["5"], 30)
        wait_until(lambda: asked("tracker_canary_delay_seconds_count > 0") and asked("tracker_funnel"), 30)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        wait_until(lambda: not any(member.is_running() for member in family), 15)


def test_killed_it_leaves_nothing_either() -> None:
    """Even kill -9 of the demo leaves neither servers nor workers nor directories."""
    with demo() as process:
        until_it_runs(process)
        family = group(process)
        places = used(family)
        process.kill()
        process.wait(10)
        wait_until(lambda: not any(member.is_running() for member in family), 30)
        wait_until(lambda: not places & directories(), 15)


def test_a_port_that_is_taken_meanwhile(private_servers: PrivateServers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers whose ports another program has taken since they were found free are started on others."""
    found = ports.free_port
    environ = {
        **os.environ,
        "KAFKA_BOOTSTRAP": private_servers.kafka().bootstrap,
        "REDIS_URL": private_servers.redis().url,
    }
    with socket.create_server(("127.0.0.1", 0)) as other:
        first = [other.getsockname()[1]]
        monkeypatch.setattr(ports, "free_port", lambda count: first.pop() if first else found(count))
        taken = first[0]
        with pipeline(read(environ), environ, list[str]().append) as running:
            assert not first and running.workers.first_port != taken
            assert "in use" in running.workers.log_path.read_text(encoding="utf-8")


def test_ended_workers_are_reported_with_their_log() -> None:
    """When the workers end for good, the demo says so with the end of their log."""
    with demo() as process:
        until_it_runs(process)
        supervisor = next(child for child in group(process) if "--processes" in child.cmdline())
        supervisor.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.FAILED, said
    assert "The workers have ended with exit code 0; the end of their log:" in said
    assert "  | " in said
