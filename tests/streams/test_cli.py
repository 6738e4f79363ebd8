import os
import signal
import subprocess
import sys

import pytest
import typer

from streams.cli import commands, main
from streams.cli.commands import COMMANDS, Command
from streams.errors import ExitCode, Mismatch


def group() -> typer.Typer:
    app = typer.Typer()
    app.command("create")(lambda: None)
    app.command("check")(lambda: None)
    return app


@pytest.fixture
def table(monkeypatch):
    """Puts commands of the test in the place of the real ones."""

    def use(**functions) -> None:
        module = sys.modules[__name__]
        for name, function in functions.items():
            monkeypatch.setattr(module, f"made_{name}", function, raising=False)
        rows = tuple(Command(name, f"{__name__}:made_{name}", f"Does {name}.") for name in functions)
        monkeypatch.setattr(commands, "available", lambda: rows)
        monkeypatch.setattr(commands, "import_module", lambda _name: module)

    return use


def test_nothing_shows_the_help(capsys) -> None:
    """`tracker` alone prints the help and succeeds."""
    assert main.main([]) == ExitCode.OK
    assert "Usage: tracker" in capsys.readouterr().out


def test_help_lists_the_table(table, capsys) -> None:
    """`--help` has one line for each command, without importing it."""
    table(ham=lambda: None, eggs=lambda: None)
    assert main.main(["--help"]) == ExitCode.OK
    assert "Does ham." in (said := capsys.readouterr().out) and "Does eggs." in said


def test_help_imports_no_command() -> None:
    """Asking for help loads no command and none of the heavy libraries."""
    code = (
        "import sys; from streams.cli.main import main; main(['--help']);"
        "heavy = {'faust', 'kafka', 'aiokafka', 'redis', 'aiohttp'};"
        "print([name for name in sys.modules if name.startswith('streams.cli.') or name in heavy])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "['streams.cli.commands', 'streams.cli.main']"


def test_version(capsys) -> None:
    """`--version` prints the distribution's version, and how the engine was built."""
    assert main.main(["--version"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert said.startswith("journey-tracker ")
    assert said.strip().endswith(("(engine: pure Python)", "(engine: compiled)"))


def test_unknown_command_suggests(table, capsys) -> None:
    """A mistyped command ends with exit 2 and the nearest that exists."""
    table(simulate=lambda: None)
    assert main.main(["simulte"]) == ExitCode.USAGE
    assert "There is no command 'simulte'. Did you mean 'simulate'?" in capsys.readouterr().err


def test_unknown_option_suggests(table, capsys) -> None:
    """A mistyped option ends with exit 2, the nearest that exists and where to look."""

    def ham(*, slices: int = typer.Option(1, help="How many.")) -> None: ...

    table(ham=ham)
    assert main.main(["ham", "--slice", "3"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "error: No such option: --slice. Did you mean --slices?" in said
    assert "remedy: `tracker ham --help`" in said


def test_wrong_value_is_explained(table, capsys) -> None:
    """A word where a number is wanted ends with exit 2 and one line."""

    def ham(*, slices: int = typer.Option(1)) -> None: ...

    table(ham=ham)
    assert main.main(["ham", "--slices", "many"]) == ExitCode.USAGE
    assert "Invalid value for '--slices': Input should be a valid integer" in capsys.readouterr().err


def test_group_without_its_command(table, capsys) -> None:
    """`tracker topics` alone ends with exit 2 and an error."""
    table(topics=group())
    assert main.main(["topics"]) == ExitCode.USAGE
    assert "error:" in capsys.readouterr().err


def test_error_is_two_lines(capsys) -> None:
    """An error prints its message and its remedy, a line each, and keeps its exit code."""

    def fail() -> None:
        raise Mismatch("There are 3 partitions, not 8.", "Run `tracker repartition`.")

    assert main.run(fail, {}) == ExitCode.MISMATCH
    assert capsys.readouterr().err == "error: There are 3 partitions, not 8.\nremedy: Run `tracker repartition`.\n"


def test_library_error_is_translated(capsys) -> None:
    """A full disk that no command handles still has its own exit code and no traceback."""

    def fail() -> None:
        raise OSError(28, "No space left on device", "/data")

    assert main.run(fail, {}) == ExitCode.DISK_FULL
    assert "Traceback" not in capsys.readouterr().err


def test_fault_shows_no_traceback(capsys) -> None:
    """A fault of ours is one line, and a traceback only with TRACKER_LOG_LEVEL=debug."""

    def fail() -> None:
        raise KeyError("x")

    assert main.run(fail, {}) == ExitCode.FAULT
    assert "Traceback" not in capsys.readouterr().err
    main.run(fail, {"TRACKER_LOG_LEVEL": "debug"})
    assert "Traceback" in capsys.readouterr().err


def test_interruption_is_quiet(capsys) -> None:
    """Ctrl-C ends with 130 and says nothing."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    assert main.run(interrupted, {}) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == ""


def test_command_chooses_its_exit_code(table) -> None:
    """The number that a command returns is the exit code."""
    table(ham=lambda: int(ExitCode.STALLED))
    assert main.main(["ham"]) == ExitCode.STALLED


def test_typer_exit_keeps_its_code(table) -> None:
    """A command may end by `typer.Exit` too."""

    def ham() -> None:
        raise typer.Exit(3)

    table(ham=ham)
    assert main.main(["ham"]) == 3


def test_terminate_unwinds(table) -> None:
    """SIGTERM ends the command as an exception would, so that what it started is stopped."""
    left = []

    def ham() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            left.append("tidy")

    table(ham=ham)
    with pytest.raises(SystemExit) as caught:
        main.main(["ham"])
    assert (caught.value.code, left) == (ExitCode.TERMINATED, ["tidy"])


def test_a_closed_pipe_prints_no_error() -> None:
    """`tracker --help | head -0` prints no error."""
    code = "import sys; from streams.cli.main import main; sys.exit(main(['--help']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert child.stderr.read() == b""


def test_a_pipe_that_closes_while_a_command_prints(table, monkeypatch) -> None:
    """Nothing is left to be written where a command met a closed pipe, so that Python's end does not meet it again."""
    table(ham=lambda: typer.echo("ham"))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(SystemExit):
            main.main(["ham"])
        closed.flush()


def test_names_are_distinct() -> None:
    """No command stands in the table twice."""
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)


def test_examples_keep_their_lines() -> None:
    """A docstring's indented lines are not run together in the help."""
    kept = commands.examples_kept("Do it.\n\nExamples:\n  tracker do\n  tracker do --twice")
    assert kept == "Do it.\n\n\b\nExamples:\n  tracker do\n  tracker do --twice"
