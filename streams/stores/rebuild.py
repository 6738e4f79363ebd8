"""Building one partition again: what goes, so that its owner reads it from Kafka's beginning."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple

from streams.stores.keys import PREFIX, Keys, keys

SCRIPT: Final = files("streams.stores").joinpath("rebuild.lua")
LAST_DAY: Final = 40_000
"""In 2079. Removing 40,000 lists that are not there keeps Redis busy for about 10 ms."""


class ScriptCall(NamedTuple):
    """Arguments of the script `rebuild.lua`."""

    names: Sequence[str]
    arguments: Sequence[str | int]


def removal(names: Keys, epoch: str | int = "", generation: str = "", *, unreadable: bool = False) -> ScriptCall:
    """The script's keys and arguments; without an epoch it asks nobody who the owner is.

    `unreadable`: what says who owns the partition, and how far it had come, goes too.
    """
    gone = [names.days, names.states, names.aggregates, names.timers, names.offsets, names.sizes]
    if unreadable:
        gone += [names.epoch, names.generation, names.sequence, names.published, names.topics, names.definitions]
    return ScriptCall([names.epoch, names.generation, names.writes, *gone], [epoch, generation, LAST_DAY])


def rebuild(client: Any, partition: int, prefix: str = PREFIX) -> None:
    """Have a partition built again, by the worker that holds it or by the next one that takes it."""
    asked = removal(keys(partition, prefix))
    client.register_script(SCRIPT.read_text())(keys=asked.names, args=asked.arguments)
