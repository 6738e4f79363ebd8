"""The table of commands, and how one is made when it is called for.

It imports no command before it is needed: `tracker --help` imports none, `tracker check` imports one.
"""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command as build

from tracker.problem import nearest


class Command(NamedTuple):
    """One command: its name, `module:attribute` of its function (or of its `typer.Typer`), and what it does."""

    name: str
    target: str
    summary: str


COMMANDS: Final = (
    Command("demo", "streams.cli.demo:demo", "Show a live funnel on real Kafka, Faust and Redis."),
    Command("servers", "streams.cli.servers:app", "Start Kafka and Redis for development."),
    Command("worker", "streams.cli.worker:worker", "Apply touchpoints as they arrive."),
    Command("collector", "streams.cli.collector:collector", "Take touchpoints over HTTP."),
    Command("keys", "streams.cli.keys:app", "Make and revoke the write keys of producers."),
    Command("plan", "streams.cli.plan:app", "Draft and check tracking plans of producers."),
    Command("exporter", "streams.cli.exporter:exporter", "Serve the funnel to Prometheus."),
    Command("canary", "streams.cli.canary:canary", "Measure the whole way with a synthetic customer."),
    Command("simulate", "streams.cli.simulate:simulate", "Send the touchpoints of invented customers."),
    Command("import", "streams.cli.import_:import_", "Import touchpoints from the files of other systems."),
    Command("topics", "streams.cli.topics:app", "Create and check the Kafka topics."),
    Command("show", "streams.cli.show:show", "Show where one customer is."),
    Command("explain", "streams.cli.explain:explain", "Tell why a customer is where they are."),
    Command("identity", "streams.cli.identity:app", "See who is who, and link or unlink names by hand."),
    Command("export", "streams.cli.export:export", "Print everything held about a person."),
    Command("erase", "streams.cli.erase:erase", "Erase a person, and keep them out."),
    Command("check", "streams.cli.check:check", "Check journey files and run their examples."),
    Command("new", "streams.cli.new:new", "Begin a journey file from a template."),
    Command("draw", "streams.cli.draw:draw", "Draw a journey file as a diagram."),
    Command("replay", "streams.cli.replay:replay", "Run recorded touchpoints through a journey."),
    Command("compare", "streams.cli.compare:compare", "Compare two versions of a journey on the same touchpoints."),
    Command("rules", "streams.cli.rules:rules", "Make Prometheus rules of the alerts in journey files."),
    Command("backtest", "streams.cli.backtest:backtest", "Tell which alerts recorded touchpoints would have raised."),
    Command("rejected", "streams.cli.rejected:app", "Look at touchpoints that could not be read, and send them again."),
    Command("audit", "streams.cli.audit:audit", "Add up all customers and compare with the funnel."),
    Command("repair", "streams.cli.repair:repair", "Have one partition built again from Kafka."),
    Command("repartition", "streams.cli.repartition:repartition", "Move to another number of partitions."),
    Command("torture", "streams.cli.torture:torture", "Kill and freeze workers, then compare with the truth."),
    Command("doctor", "streams.cli.doctor:doctor", "Check this installation, with a remedy for each finding."),
)
CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def available() -> tuple[Command, ...]:
    """The commands whose module exists."""
    return tuple(command for command in COMMANDS if find_spec(command.target.partition(":")[0]))


def load(command: Command) -> Any:
    """The command as Typer builds it, from a function or from a `typer.Typer` of its own."""
    module, _, attribute = command.target.partition(":")
    found = getattr(import_module(module), attribute)
    app = found if isinstance(found, typer.Typer) else _app_of(found)
    app.info.context_settings = CONTEXT
    app.info.help = app.info.help or command.summary
    app.rich_markup_mode = None
    app._add_completion = False  # noqa: SLF001  # completion is asked of `tracker` itself
    for registered in app.registered_commands:
        assert registered.callback is not None
        registered.help = registered.help or examples_kept(inspect.getdoc(registered.callback) or "")
        registered.context_settings = CONTEXT
    return build(app)


def _app_of(function: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer()
    app.command()(function)
    return app


def examples_kept(docstring: str) -> str:
    """The docstring as help: paragraphs with indented lines keep their lines, by Click's mark for that."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(f"\b\n{text}" if "\n  " in text or text.startswith("  ") else text for text in paragraphs)


class Commands(TyperGroup):
    """The group `tracker`, which finds its commands in the table."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the table's order."""
        return [command.name for command in available()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; an unknown one ends with the nearest that exists."""
        found = {command.name: command for command in available()}
        if cmd_name in found:
            made = load(found[cmd_name])
            made.name = cmd_name
            return made
        if not ctx.resilient_parsing and not cmd_name.startswith("-"):
            near = nearest(cmd_name, found)
            ctx.fail(f"There is no command {cmd_name!r}." + (f" Did you mean {near!r}?" if near else ""))
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The table as help."""
        rows = [(command.name, command.summary) for command in available()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names of commands from the table, so that completing one imports none."""
        from typer._click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super(TyperGroup, self).shell_complete(ctx, incomplete)
        names: Sequence[Command] = [command for command in available() if command.name.startswith(incomplete)]
        return [CompletionItem(command.name, help=command.summary) for command in names]
