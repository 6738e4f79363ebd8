"""The table of commands, and how a command is built when it is called.

No command is imported before it is needed: `tracker --help` imports none, `tracker check` imports one.
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
    Command("worker", "streams.cli.worker:worker", "Process touchpoints from Kafka as they arrive."),
    Command("collector", "streams.cli.collector:collector", "Accept touchpoints over HTTP."),
    Command("keys", "streams.cli.keys:app", "Create and revoke the write keys of producers."),
    Command("plan", "streams.cli.plan:app", "Draft and check tracking plans of producers."),
    Command("exporter", "streams.cli.exporter:exporter", "Serve the funnel to Prometheus."),
    Command("canary", "streams.cli.canary:canary", "Measure end-to-end latency and loss with synthetic customers."),
    Command("simulate", "streams.cli.simulate:simulate", "Send the touchpoints of simulated customers."),
    Command("import", "streams.cli.import_:import_", "Import touchpoints from the files of other systems."),
    Command("topics", "streams.cli.topics:app", "Create and check the Kafka topics."),
    Command(
        "access", "streams.cli.access:app", "Make the passwords of Kafka and Redis, and grant each role its rights."
    ),
    Command("show", "streams.cli.show:show", "Show which stage a customer is in."),
    Command("explain", "streams.cli.explain:explain", "Explain why a customer is in their current stage."),
    Command("identity", "streams.cli.identity:app", "Show which names are one customer, and link or unlink names."),
    Command("export", "streams.cli.export:export", "Print everything stored about a person."),
    Command("erase", "streams.cli.erase:erase", "Erase a person, and keep their data from coming back."),
    Command("check", "streams.cli.check:app", "Check journey files and run their examples."),
    Command("new", "streams.cli.new:new", "Start a journey file from a template."),
    Command("draw", "streams.cli.draw:draw", "Draw a journey file as a journey map."),
    Command("replay", "streams.cli.replay:replay", "Run recorded touchpoints through a journey."),
    Command("compare", "streams.cli.compare:compare", "Compare two versions of a journey on the same touchpoints."),
    Command("journeys", "streams.cli.journeys:app", "Show the definitions in the store, and apply journey files."),
    Command("shadow", "streams.cli.shadow:shadow", "Count a changed journey beside the live one."),
    Command("switch", "streams.cli.switch:switch", "Serve the shadow, or go back."),
    Command("rules", "streams.cli.rules:rules", "Write Prometheus rules from the alerts in journey files."),
    Command("backtest", "streams.cli.backtest:backtest", "Show which alerts recorded touchpoints would have raised."),
    Command("rejected", "streams.cli.rejected:app", "List touchpoints that could not be read, and send them again."),
    Command("audit", "streams.cli.audit:audit", "Recompute the funnel from all customers and compare."),
    Command("repair", "streams.cli.repair:repair", "Rebuild one partition from Kafka."),
    Command("repartition", "streams.cli.repartition:repartition", "Change the number of partitions."),
    Command(
        "torture", "streams.cli.torture:torture", "Kill and freeze workers, then compare with the expected result."
    ),
    Command("doctor", "streams.cli.doctor:doctor", "Check this installation; each finding has a remedy."),
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
    app._add_completion = False  # noqa: SLF001  # `tracker` itself has the options for completion
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
    """The docstring as help. Paragraphs with indented lines get Click's mark, which keeps their line breaks."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(f"\b\n{text}" if "\n  " in text or text.startswith("  ") else text for text in paragraphs)


class Commands(TyperGroup):
    """The group `tracker`; its commands come from the table."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the table's order."""
        return [command.name for command in available()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; an unknown name is refused, with the nearest that exists."""
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
