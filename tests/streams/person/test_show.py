import pytest

from streams.cli import show as command
from streams.errors import ExitCode, TrackerError
from streams.person.show import Stored, describe, find
from streams.person.spellings import spellings
from tests.stored import DAY_MS, MONDAY_MS, Redis, crowd, fill, journeys, touch
from tracker.touch import Touch

NOW_S = (MONDAY_MS + 2 * DAY_MS) / 1000


@pytest.fixture
def redis() -> Redis:
    client = Redis()
    fill(client, [*crowd(9), touch("anonymous_id:a-17", "x", type="b2c")], 4)
    return client


def described(redis, customer: str):
    return describe(find(redis, customer, 4), journeys())


def test_a_customer_is_found_at_home(redis) -> None:
    """The state is described with names, times and segments."""
    (journey,) = described(redis, "c3")["journeys"]
    (instance,) = journey["instances"]
    assert (journey["journey"], journey["version"], journey["declared"]) == ("shop", 2, True)
    assert (instance["status"], instance["current"], instance["furthest"]) == ("completed", "bought", "bought")
    assert instance["since"] == "2025-11-25T00:00:00.000Z"
    assert instance["segments"] == {"type": "b2b"}
    assert [(one["stage"], one["seconds"]) for one in instance["stages"]] == [("seen", 86_400), ("bought", 0)]


def test_the_drop_off_to_come_is_shown(redis) -> None:
    """A waiting customer's deadline stands where they wait."""
    (instance,) = described(redis, "c1")["journeys"][0]["instances"]
    assert instance["status"] == "waiting"
    assert instance["drops_out"].startswith("2025-12-08T00:00:00")
    assert described(redis, "c1")["looked_at_again"] == "2025-12-01T00:00:00.000Z"
    assert described(redis, "c3")["looked_at_again"] is None


def test_an_alias_may_leave_out_its_kind(redis) -> None:
    """An id that is no customer_id is tried as one of each other kind."""
    assert find(redis, "a-17", 4).customer == "anonymous_id:a-17"
    assert spellings(" 7 ")[:2] == [" 7 ", "7"]
    assert spellings("null") == ["null"]


def test_a_stranger_is_not_found(redis) -> None:
    """An unknown id is one clear error; where one like it exists, it is offered."""
    with pytest.raises(TrackerError, match="no customer 'c1x'") as error:
        find(redis, "c1x", 4)
    assert error.value.exit_code is ExitCode.NOT_FOUND
    assert error.value.remedy == "Did you mean 'c1'?"
    with pytest.raises(TrackerError) as error:
        find(redis, "*", 4)
    assert "anonymous_id" in error.value.remedy


def test_a_journey_without_its_file_keeps_its_numbers(redis) -> None:
    """Where the journey file is not among the settings', stages are shown by number."""
    other = journeys("journey: other\nstages: [{name: a, touchpoints: [{channel: web}]}]")
    (journey,) = describe(find(redis, "c3", 4), other)["journeys"]
    assert not journey["declared"]
    assert journey["instances"][0]["current"] == "stage 2"


def test_an_unreadable_state_is_one_clear_error() -> None:
    """A state of another version is reported as such."""
    with pytest.raises(TrackerError, match="'c1' cannot be read"):
        describe(Stored("c1", 0, b"\xc1"), journeys())


def test_it_reads_well(redis, capsys) -> None:
    """A person sees the stage, since when, and the way there; without a terminal, no escape codes."""
    command.draw(described(redis, "c3"), NOW_S)
    said = capsys.readouterr().out
    assert "shop 2   completed" in said
    assert "bought, since 2025-11-25 00:00:00" in said
    assert "→ bought" in said
    assert "(1 d ago)" in said
    assert "\033" not in said


def test_answers_are_named(capsys) -> None:
    """The latest answer to each question stands beside the customer's place, as text and as data."""
    asked = journeys("journey: shop\nstages: [{name: a, touchpoints: [{type: A}]}]\nfeedback: {csat: {type: R}}")
    given = [
        Touch("c9", int(NOW_S) * 1000 - 5_000, "A", "web", "e1", {}, {}),
        Touch("c9", int(NOW_S) * 1000 - 4_000, "R", "web", "e2", {"score": 4}, {}),
    ]
    stored = Stored("c9", 0, asked.fold("c9", None, given, int(NOW_S) * 1000).after)
    told = describe(stored, asked)
    (answer,) = told["journeys"][0]["instances"][0]["answers"]
    assert (answer["question"], answer["score"]) == ("csat", 4)
    command.draw(told, NOW_S)
    assert "4, answered 2025" in capsys.readouterr().out


def test_ids_cannot_paint(capsys) -> None:
    """An id with markup or control characters is shown, not obeyed."""
    command.draw({"customer": "[red]x\033[2J", "partition": 0, "journeys": []}, NOW_S)
    assert "[red]x\N{REPLACEMENT CHARACTER}[2J" in capsys.readouterr().out
