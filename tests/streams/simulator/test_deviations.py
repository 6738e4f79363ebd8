from dataclasses import asdict, fields
from pathlib import Path

import pytest

from streams.errors import UsageError
from streams.simulator.deviations import CALM, Deviations, meaning


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_knob_is_a_share(share) -> None:
    """Anything outside 0 to 1 is refused with the option's name."""
    with pytest.raises(UsageError, match="--wrong-clocks is"):
        Deviations(wrong_clocks=share)


def test_every_knob_says_what_it_shares() -> None:
    """Help and documentation come from the table."""
    assert all(meaning(deviation.name).startswith("of the") for deviation in fields(Deviations))


def test_documentation_has_every_deviation() -> None:
    """The page's table is the deviations' own: option, default and meaning."""
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    for deviation in fields(Deviations):
        option = f"--{deviation.name.replace('_', '-')}"
        assert f"| `{option}` | {deviation.default} | {meaning(deviation.name)} |" in page


def test_calm_is_all_zero() -> None:
    """The calm stream deviates in nothing."""
    assert set(asdict(CALM).values()) == {0}
