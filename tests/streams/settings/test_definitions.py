import pytest

from streams.errors import UsageError
from streams.settings.definitions import load_journeys
from streams.settings.settings import packaged_journeys, read


def test_journeys_of_accounts_come_with_their_peoples() -> None:
    """Whoever loads the journeys of an installation knows those of accounts."""
    settings = read({"TRACKER_JOURNEYS": str(packaged_journeys() / "b2b.yaml")})
    assert [(one.journey, one.of_people) for one in load_journeys(settings)] == [("b2b", None), ("b2b_accounts", "b2b")]


def test_a_name_is_given_once(tmp_path) -> None:
    """The journey of accounts cannot have the name of another file's journey."""
    stages = "stages: [{name: a, touchpoints: {type: a}}]"
    (tmp_path / "one.yaml").write_text(f"{stages}\naccounts: {{rule: furthest, journey: two}}", encoding="utf-8")
    (tmp_path / "two.yaml").write_text(stages, encoding="utf-8")
    with pytest.raises(UsageError, match="of 'one' is named 'two'"):
        load_journeys(read({"TRACKER_JOURNEYS": str(tmp_path)}))
