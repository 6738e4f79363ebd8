"""What is not the customer's activity: it breaks no silence, recovers nobody and belongs to no stage."""

import pytest

from tests.tracker.making import DAY_MS, HOUR_MS, START_MS, journey, seen, stage, touch
from tracker.engine.customer import CustomerFold
from tracker.engine.engine import Engine, fingerprint
from tracker.engine.matcher import Matcher
from tracker.engine.summary import summaries
from tracker.identity.accounts import with_accounts
from tracker.identity.histories import _look_at
from tracker.identity.membership import Membership
from tracker.journey.definition import Accounts, Condition, Definition, Exclusion, Funnel, Rule, Segment, Survey
from tracker.journey.versions import differences, digest
from tracker.records.account_links import AccountLinks
from tracker.records.log import Entry
from tracker.records.state import decode

BUSINESS = Rule(where=(Condition(("context", "by"), "eq", "business"),))
MAIL = touch("Winback Mail Sent", 8 * 24, context={"by": "business"})


def shop(**more) -> Definition:
    """Look, which is left after a week, and buy; a business's doings are no activity."""
    stages = (stage("look", "page", drops_after_ms=7 * DAY_MS), stage("buy", "order", drops_after_ms=7 * DAY_MS))
    return journey(*stages, **{"not_activity": (BUSINESS,), **more})


def told(definition, *steps, horizon_ms=None):
    """The kinds of transitions of touches (or of hours at which the clock is looked at), and the last change."""
    journeys = CustomerFold([definition], horizon_ms)
    record, kinds, total = None, [], {}
    for step in steps:
        touches, hours = ([], step) if isinstance(step, int | float) else ([step], 0)
        now_ms = max([START_MS + round(hours * HOUR_MS), *(one.at_ms for one in touches)])
        change = journeys.fold("c", record, touches, now_ms)
        record = change.after
        kinds += [one.kind for one in change.transitions]
        for field, count in change.aggregates.items():
            total[field] = total.get(field, 0) + count
    assert {field: count for field, count in total.items() if count} == journeys.contribution(record)
    return kinds, summaries(journeys, record), total


def test_our_own_mail_recovers_nobody() -> None:
    """A mail that was sent after the drop-off leaves the customer dropped off; without the rule it was a recovery."""
    given = [touch("page"), MAIL]
    with_rule, without = (seen(shop(not_activity=rules), given, at_h=9 * 24) for rules in ((BUSINESS,), ()))
    assert (with_rule.status, with_rule.recoveries, with_rule.drop_offs) == ("dropped", 0, 1)
    assert (without.status, without.recoveries) == ("waiting", 1)
    assert with_rule.dropped_ms == START_MS + 7 * DAY_MS


def test_it_arms_no_timer_anew() -> None:
    """A mail within the week does not move the deadline."""
    early = touch("mail", 3 * 24, context={"by": "business"})
    change = CustomerFold([shop()]).fold("c", None, [touch("page"), early], early.at_ms)
    assert change.due_ms == START_MS + 7 * DAY_MS + 1
    assert (change.applied, change.ignored) == (2, 1)
    assert CustomerFold([shop()]).fold("c", change.after, [early], early.at_ms).duplicate == 1


def test_it_belongs_to_no_stage() -> None:
    """An order that the staff edited is no purchase; neither is a stage entered by what only the business did."""
    edited = touch("order", 1, context={"by": "business"})
    assert seen(shop(), [touch("page"), edited]).current == "look"
    assert told(shop(), edited)[1] == []


LEFT = touch("closed", 8 * 24, context={"by": "business"})


@pytest.mark.parametrize("looks", [[], [7 * 24 + 1]], ids=["exit first", "clock first"])
def test_an_exit_by_others_ends_the_journey_and_no_silence(looks) -> None:
    """Who had dropped off before the business closed the account has dropped off, is out, and was not recovered."""
    kinds, (summary,), figures = told(shop(exits=(Rule(type="closed"),)), touch("page"), *looks, LEFT, 30 * 24)
    assert kinds == ["entered", "dropped", "exited"]
    assert (summary.status, summary.drop_offs, summary.recoveries) == ("exited", 1, 0)
    assert summary.dropped_ms == START_MS + 7 * DAY_MS
    assert figures["j|dropoffs|look"] == figures["j|exits|look"] == figures["j|current|look|exited"] == 1
    assert not figures.get("j|recoveries|look")


def test_who_comes_back_by_themselves_has_recovered() -> None:
    """After such an exit the touchpoint that begins the journey again is the recovery; what met no stage is not."""
    back = [touch("page"), LEFT, touch("newsletter", 9 * 24), touch("order", 10 * 24)]
    kinds, (summary,), figures = told(shop(exits=(Rule(type="closed"),)), *back)
    assert kinds == ["entered", "dropped", "exited", "recovered", "entered"]
    assert (summary.status, summary.drop_offs, summary.recoveries) == ("waiting", 1, 1)
    assert (summary.recovered_ms, summary.spent_ms) == (START_MS + 10 * DAY_MS, {"look": 8 * DAY_MS})
    assert figures["j|recoveries|look"] == 1


def test_an_exit_in_time_is_no_drop_off() -> None:
    """An account that the business closes within the week was not dropped off."""
    kinds, (summary,), _ = told(shop(exits=(Rule(type="closed"),)), touch("page"),
                                touch("closed", 24, context={"by": "business"}), 30 * 24)  # fmt: skip
    assert (kinds, summary.status, summary.drop_offs) == (["entered", "exited"], "exited", 0)


def test_it_lies_between_no_steps() -> None:
    """In a strict funnel a mail between two steps breaks no chain; what is excluded ends it whoever did it."""
    mail = touch("mail", 1, context={"by": "business"})
    given = [touch("page"), mail, touch("order", 2)]
    strict = Funnel(mode="strict")
    assert seen(shop(funnel=strict), given).funnel_depth == 2
    assert seen(shop(funnel=strict, not_activity=()), given).funnel_depth == 1
    for mode in ("sequential", "strict", "any"):
        excluded = Funnel(mode=mode, exclude=(Exclusion(Rule(type="mail")),))
        assert seen(shop(funnel=excluded), given).funnel_depth == 1


def test_it_gives_no_value_and_no_answer() -> None:
    """Segments and questions listen to the customer alone."""
    segment = Segment("plan", ("properties", "plan"), ("a", "b"), attribution="last")
    definition = shop(
        segments=(segment,), exits=(Rule(type="closed"),), feedback=(Survey("nps", Rule(), ("properties", "score")),)
    )
    said = {"plan": "b", "score": 9}
    given = [touch("page", properties={"plan": "a"}), touch("closed", 1, properties=said, context={"by": "business"})]
    _, (summary,), figures = told(definition, *given)
    assert summary.segments == {"plan": "a"}
    assert [field for field in figures if "feedback" in field] == []


def test_rules_are_looked_up_apart() -> None:
    """What the business does meets exits and exclusions alone, and else the rule that says whose doing it is."""
    matcher = Matcher(shop(exits=(Rule(type="closed"), Rule(type="order"))))
    by_business = {"context": {"by": "business"}}
    assert matcher.match(touch("order", **by_business)) == (0b1100, 3)
    assert matcher.match(touch("page", **by_business)) == (0b1000, 4)
    assert matcher.match(touch("page")) == (0b0001, 0)
    assert matcher.ready("web", "page") == (0b0001, 0)


def test_journeys_without_it_are_the_same_as_ever() -> None:
    """A file without the key has the fingerprint and the digest that it had before there was one."""
    definition = journey(stage("look", "page", drops_after_ms=1000), stage("buy", "order", goal=True))
    assert (fingerprint(definition), digest(definition)) == (1092751020, "0865ccf0438d77a8")


def test_another_rule_asks_for_history() -> None:
    """What was left out is not in the states, so a new rule and one that is gone ask for the past."""
    without, with_rule = shop(not_activity=()), shop()
    assert [str(one) for one in differences(without, with_rule)] == [
        "not_activity: any touchpoint where context.by = business is new"
    ]
    assert {one.need for one in [*differences(without, with_rule), *differences(with_rule, without)]} == {"history"}
    assert digest(without) != digest(with_rule)


def test_states_migrate_between_definitions() -> None:
    """A state is folded again: what the log marks is no activity where the new definition says so too."""
    exits = (Rule(type="closed"),)
    before, other = shop(exits=exits), shop(exits=exits, not_activity=())
    record = CustomerFold([before]).fold("c", None, [touch("page"), LEFT], LEFT.at_ms).after
    there = CustomerFold([other], former=[before])
    after = there.fold("c", record, [], LEFT.at_ms).after
    (summary,) = summaries(there, after)
    assert (summary.status, summary.drop_offs, summary.recoveries) == ("exited", 1, 1)
    same = Definition("j", 2, before.stages, exits=exits, not_activity=(Rule(type="x"), BUSINESS))
    kept = CustomerFold([same], former=[before])
    (summary,) = summaries(kept, kept.fold("c", record, [], LEFT.at_ms).after)
    assert (summary.status, summary.drop_offs, summary.recoveries) == ("exited", 1, 0)


def test_a_mended_definition_closes_an_open_drop_off() -> None:
    """Who was taken out after a drop-off recovers by the next order under a definition without the key too."""
    exits = (Rule(type="closed"),)
    before, other = shop(exits=exits), shop(exits=exits, not_activity=())
    horizon_ms = 7 * DAY_MS
    record = CustomerFold([before], horizon_ms).fold("c", None, [touch("page"), LEFT], LEFT.at_ms).after
    there = CustomerFold([other], horizon_ms, former=[before])
    late = touch("order", 40 * 24)
    (summary,) = summaries(there, there.fold("c", record, [late], late.at_ms).after)
    assert (summary.status, summary.drop_offs, summary.recoveries) == ("waiting", 1, 1)


def test_an_account_is_as_quiet_as_its_people() -> None:
    """What the business did to a person is no activity of the account; the derived journey needs no such rule."""
    definition = shop(exits=(Rule(type="order"),), accounts=Accounts("j_accounts"))
    journeys = CustomerFold(with_accounts([definition]), horizon_ms=None)
    assert journeys.definitions[1].not_activity == ()
    one, other = touch("page"), touch("order", 3 * 24, context={"by": "business"})
    one.account = "acme"
    record = decode(journeys.fold("c", None, [one, other], other.at_ms).after)
    links, membership = AccountLinks(), Membership(journeys)
    membership.mark(links, "c", [one])
    (message,) = membership.report("c", record, links)
    assert message.trace is not None
    assert message.trace.spans == ((START_MS, START_MS),)


def test_a_history_with_a_stage_that_is_no_activity_is_refused() -> None:
    """No bytes of a message make a touchpoint both a stage and not the customer's."""
    engine = Engine(shop())
    with pytest.raises(ValueError, match="not the customer's activity"):
        _look_at(engine, [Entry(START_MS, (0, 0), b"x" * 12, engine.passive | 1, 255, b"")])
