import importlib
import sys

import pytest


@pytest.mark.parametrize("name", ["producer", "repeats"])
def test_former_name_still_works_and_says_so(name, monkeypatch) -> None:
    """What was public before the rooms is imported as before, with a deprecation that names the new place."""
    monkeypatch.delitem(sys.modules, f"streams.{name}", raising=False)
    with pytest.warns(DeprecationWarning, match=rf"streams\.sdk\.{name}"):
        former = importlib.import_module(f"streams.{name}")
    now = importlib.import_module(f"streams.sdk.{name}")
    assert {each: getattr(former, each) for each in now.__all__} == {each: getattr(now, each) for each in now.__all__}
