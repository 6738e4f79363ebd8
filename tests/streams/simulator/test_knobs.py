from dataclasses import asdict, fields

import pytest

from streams.errors import UsageError
from streams.simulator.knobs import CALM, Knobs, meaning


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_knob_is_a_share(share) -> None:
    """Anything outside 0 to 1 is refused with the option's name."""
    with pytest.raises(UsageError, match="--wrong-clocks is"):
        Knobs(wrong_clocks=share)


def test_every_knob_says_what_it_shares() -> None:
    """Help and documentation come from the table."""
    assert all(meaning(knob.name).startswith("of the") for knob in fields(Knobs))


def test_calm_is_all_zero() -> None:
    """The calm stream deviates in nothing."""
    assert set(asdict(CALM).values()) == {0}
