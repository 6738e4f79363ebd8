"""`tracker`: from the words on the command line to an exit code. An error is one line and its remedy.

It knows no command; `streams/cli/commands.py` has the table.
"""

import contextlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TextIO, cast

import typer
from typer.main import get_command as build

from streams.cli.commands import CONTEXT, Commands
from streams.clients.failures import translate
from streams.errors import ExitCode, TrackerError
from streams.process.terminal import Terminal

HELP: Final = """Live customer journeys: touchpoints in, funnel out.

\b
Examples:
  tracker demo                      a live funnel, from nothing
  tracker check my-journey.yaml     is this journey file right?
  tracker doctor                    is this installation right?

Each command has its own --help. Settings come from the environment; `tracker doctor --settings` prints them.

\b
Exit codes:
  0  success
  1  a check ran and found something wrong
  2  the command line or a journey file is wrong
  3  a setting is wrong or missing
  4  Kafka or Redis does not answer
docs/cli.md lists all of them.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words name (those of the process where none are given); its exit code."""
    words = list(sys.argv[1:] if words is None else words) or ["--help"]
    # Libraries may log before a command sets up its logs; those lines would be printed beside our error.
    logging.getLogger().addHandler(logging.NullHandler())
    previous = signal.signal(signal.SIGTERM, _terminate)
    plain = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", Terminal(sys.stdout)), cast("TextIO", Terminal(sys.stderr))
    try:
        return run(lambda: build(_app())(args=words, prog_name="tracker", standalone_mode=False))
    finally:
        signal.signal(signal.SIGTERM, previous)
        # Where a pipe was closed, Typer has put streams here that hide the failure from us, and not from Python's end.
        sys.stdout, sys.stderr = plain
        _let_go(sys.stdout)
        _let_go(sys.stderr)


def run(command: Callable[[], Any], environ: Mapping[str, str] = os.environ) -> int:
    """Run a command and print its error, if there is one; its exit code."""
    debug = environ.get("TRACKER_LOG_LEVEL", "").casefold() == "debug"
    try:
        outcome = command()
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort, EOFError):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`).
        _let_go(sys.stdout)
        return ExitCode.OK
    except typer.TyperException as error:
        return say(_misused(error))
    except Exception as error:  # noqa: BLE001  # whatever it is, the person gets one line
        if debug:
            traceback.print_exc()
        return say(translate(error) or _fault(error))
    return outcome if isinstance(outcome, int) else ExitCode.OK


def say(error: TrackerError) -> int:
    """Prints the error and its remedy to stderr; its exit code."""
    from streams.cli.paint import Paint

    word = Paint(sys.stderr)("red", "error:")
    # Where stderr goes may be what is full; the exit code must tell all the same.
    with contextlib.suppress(OSError):
        print(f"{word} {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"remedy: {error.remedy}", file=sys.stderr)
    return int(error.exit_code)


def _let_go(stream: TextIO) -> None:
    """Bring out what was printed. Python does so again at its end, and a failure there would be the exit code."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _misused(error: Any) -> TrackerError:
    # A group that was called without its command has its whole help as its message.
    if type(error).__name__ == "NoArgsIsHelpError":
        return TrackerError(f"{error.ctx.command_path} needs a command.\n\n{error.message}", "", ExitCode.USAGE)
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tracker"
    message = error.format_message()
    if possible := getattr(error, "possibilities", None):
        message = f"{error.message}. Did you mean {' or '.join(sorted(possible))}?"
    return TrackerError(message, f"`{path} --help` lists what it accepts.", ExitCode.USAGE)


def _fault(error: Exception) -> TrackerError:
    return TrackerError(
        f"The tracker itself failed: {type(error).__name__}: {error}",
        "Run it again with TRACKER_LOG_LEVEL=debug, and report the traceback that it prints.",
        ExitCode.FAULT,
    )


def _terminate(_number: int, _frame: Any) -> None:
    raise SystemExit(int(ExitCode.TERMINATED))


def _app() -> typer.Typer:
    app = typer.Typer(
        cls=Commands, help=HELP, context_settings=CONTEXT, rich_markup_mode=None, no_args_is_help=True,
    )  # fmt: skip
    app.callback()(_options)
    return app


def _options(
    *,
    _version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and exit.",
        is_eager=True,
        callback=lambda asked: _print_version(asked=asked),
    ),
) -> None:
    """Does nothing: the options of `tracker` act when they are parsed."""


def _print_version(*, asked: bool) -> None:
    if not asked:
        return
    from streams.build import engine_build

    try:
        print(f"journey-tracker {version('journey-tracker')} (engine: {engine_build()})")
    except PackageNotFoundError:
        print("journey-tracker (not installed)")
    raise typer.Exit
