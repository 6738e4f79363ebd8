"""The limit of open files: raised as far as it may be, and refused where that is not enough."""

import resource

import pytest

from streams.errors import ExitCode, TrackerError
from streams.process.open_files import require_open_files


@pytest.mark.parametrize(("limits", "raised"), [((100, 200), None), ((20, 4096), (4096, 4096)), ((20, -1), (-1, -1))])
def test_the_limit_is_raised_where_it_may_be(limits, raised, monkeypatch) -> None:
    """A limit that is high enough stays; a lower one is raised to the highest that this user may have."""
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limits: asked.append(limits))
    require_open_files(64)
    assert asked == ([raised] if raised else [])


def test_a_limit_that_is_too_low_is_refused(monkeypatch) -> None:
    """Better one line at the start than connections that fail while it works."""
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (20, 30))
    with pytest.raises(TrackerError, match="may open 30 files, and needs 64") as told:
        require_open_files(64)
    assert told.value.exit_code is ExitCode.UNSUPPORTED
    assert "ulimit -n" in told.value.remedy
