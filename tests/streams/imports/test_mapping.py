import re
from pathlib import Path

import pytest

from streams.errors import ExitCode, TrackerError
from streams.imports.mapping import load, read
from streams.imports.values import KINDS
from tracker.identity.kinds import kinds_of

GOOD = """\
import: orders
ids: {customer_id: customer}
touchpoints:
  - channel: shop
    type: Order Completed
    occurred_at: placed
"""


def test_a_table_may_be_short() -> None:
    """A name, whose it is, and one touchpoint with its type and time are enough."""
    table, problems = read(GOOD)
    assert problems == []
    (entry,) = table.entries
    assert (entry.type.constant, entry.occurred_at.columns, entry.occurred_at.kind) == (
        "Order Completed", ("placed",), "time",
    )  # fmt: skip


def test_aliases_of_further_kinds_are_known() -> None:
    """Those of the installation, and no others."""
    table = GOOD.replace("customer_id: customer", "device_id: device")
    assert [problem.message for problem in read(table)[1]] == ["'device_id' is no key here"]
    found, problems = read(table, kinds := kinds_of(["customer_id", "device_id"]))
    assert (problems, found.kinds) == ([], kinds)


def test_the_documented_table_is_one() -> None:
    """What docs/import.md shows can be copied."""
    page = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert read(shown)[1] == []
    assert sorted(KINDS) == sorted(kind for kind in KINDS if f"`{kind}`" in page)


def test_properties_of_a_channel_know_their_kind() -> None:
    """An `amount` becomes a number by default; one's own properties stay as they are."""
    (entry,) = read(GOOD + "    properties: {amount: total, order_id: order, gift: gift}\n")[0].entries
    kinds = {name: value.kind for name, value in entry.properties.items()}
    assert kinds == {"amount": "number", "order_id": "text", "gift": "as_it_is"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1, "no mapping table")),
        ("touchpoints: [{channel: a, type: b, occurred_at: c}]", (1, 1, "`import` is missing")),
        ("import: a\ntouchpoints: []", (2, 14, "no touchpoints")),
        (GOOD + "    propertys: {}\n", (7, 5, "'propertys' is no key here")),
        (GOOD.replace("customer_id", "customer"), (2, 7, "'customer' is no key here")),
        (GOOD.replace("ids: {customer_id: customer}\n", ""), (3, 5, "it belongs to nobody")),
        (GOOD + "zone: Mars/Olympus\n", (7, 7, "'Mars/Olympus' is no time zone")),
        (GOOD + "delimiter: ab\n", (7, 12, "the delimiter is not one sign")),
        (GOOD + "    properties: {amount: {from: total, as: numbr}}\n", (7, 44, "'numbr' is no kind of value")),
        (GOOD + "    properties: {amount: {as: number}}\n", (7, 26, "a value needs either `from` or `value`")),
        (GOOD + "    properties: {amount: []}\n", (7, 26, "a list names no column")),
        (GOOD + "    properties: total\n", (7, 17, "'total' is no table")),
        (GOOD + "    event_id: [[a]]\n", (7, 16, "a list names no column")),
        (GOOD + "    if: {a: b\n", (8, 1, "a list or group in brackets")),
        (GOOD + "import: again\n", (7, 1, "the key 'import' is here twice")),
    ],
)
def test_problems_have_their_place(text, place) -> None:
    """Each problem says line, column and what to do."""
    table, problems = read(text)
    assert table is None
    line, column, message = place
    assert any(each.line == line and each.column == column and message in each.message for each in problems), problems
    assert all(each.remedy for each in problems)


def test_all_problems_come_at_once(tmp_path) -> None:
    """A person mends the table once, not problem by problem."""
    path = tmp_path / "table.yaml"
    path.write_text(GOOD + "zone: Mars\nwhat: 1\n")
    with pytest.raises(TrackerError, match=r"(?s)table.yaml:7:7: .*table.yaml:8:1: ") as raised:
        load(path)
    assert raised.value.exit_code == ExitCode.USAGE
    with pytest.raises(TrackerError, match="no such file"):
        load(tmp_path / "other.yaml")
