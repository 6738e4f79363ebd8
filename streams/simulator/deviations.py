"""The deviations of a simulation: how the stream deviates from the ideal, as shares between 0 and 1.

One table (the fields of `Deviations`): command line, documentation and tests read it.
"""

from dataclasses import dataclass, field, fields

from streams.errors import UsageError


def _deviation(share: float, meaning: str) -> float:
    """A field of `Deviations`; typed as what the field holds."""
    return field(default=share, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Deviations:
    """A lively but orderly stream by default."""

    skips: float = _deviation(0.05, "of the customers who leave out a stage on their way")
    returns: float = _deviation(0.05, "of the customers who go back to an earlier stage once")
    duplicates: float = _deviation(0.02, "of the touchpoints that are sent a second time, identical")
    disorder: float = _deviation(0.03, "of the touchpoints that arrive after the customer's next one")
    late: float = _deviation(0.01, "of the touchpoints that arrive several steps late, as from a device that was offline")
    wrong_clocks: float = _deviation(0.02, "of the devices whose clock is minutes to days off")
    anonymous: float = _deviation(0.1, "of the customers who are first seen under one to five other ids and identify themselves later")
    tickets: float = _deviation(0.02, "of the customers who open a support ticket; half of the tickets are closed")
    quiet: float = _deviation(0.0, "of the customers who went quiet so long ago that they have dropped out")
    poison: float = _deviation(0.001, "of the messages that are no touchpoints")
    shared: float = _deviation(0.02, "of the customers who are also seen on a device that is somebody else's")

    def __post_init__(self) -> None:
        for deviation in fields(self):
            share = getattr(self, deviation.name)
            if not 0 <= share <= 1:
                name = deviation.name.replace("_", "-")
                raise UsageError(f"--{name} is {share}.", "Give a share between 0 and 1, such as 0.05.")
        if self.poison == 1:
            raise UsageError("--poison is 1, so no customer would ever come.", "Give a share below 1, such as 0.05.")


def meaning(name: str) -> str:
    """What a deviation's share counts, for help and documentation."""
    return next(str(deviation.metadata["meaning"]) for deviation in fields(Deviations) if deviation.name == name)


LIVELY = Deviations()
# No deviations: each touchpoint once, in order, with the right time.
CALM = Deviations(
    skips=0, returns=0, duplicates=0, disorder=0, late=0, wrong_clocks=0, anonymous=0, tickets=0, poison=0, shared=0
)
