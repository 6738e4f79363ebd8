"""The examples for producers, run with a broker that confirms at flush."""

import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from streams.errors import Unreachable
from streams.sdk.producer import Producer, Undelivered
from tests.streams.broker import Broker
from tests.touchpoints import START_MS

EXAMPLES = Path(__file__).parents[2] / "examples" / "producers"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("example", EXAMPLES / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sent(broker: Broker) -> list[dict]:
    return [json.loads(value) for _, value, _ in broker.sent]


def test_a_script_may_run_twice(tmp_path) -> None:
    """Each line is a touchpoint, and the same line is the same event the next time."""
    visits = tmp_path / "visits.csv"
    visits.write_text("store,member,at\noslo,c-1,2026-11-21T14:05:00+01:00\noslo,c-2,2026-11-21T15:00:00+01:00\n")
    broker = Broker()
    for _ in range(2):
        assert example("script.py").send(Producer(broker), visits) == 2
    first, second = sent(broker)[:2], sent(broker)[2:]
    assert first == second
    assert first[0]["context"] == {"physical": True}


NEWS = [
    {"id": 7, "ticket": 1, "what": "created", "at": START_MS, "email": "Ann@Example.com"},
    {"id": 8, "ticket": 1, "what": "rated", "at": START_MS + 1, "email": "ann@example.com", "score": 5},
]


def test_a_job_goes_on_where_it_stopped(tmp_path) -> None:
    """The position moves when Kafka has everything; the address travels as its hash."""
    position, broker, asked = tmp_path / "position.txt", Broker(), []
    for _ in range(2):
        example("help_desk.py").run(Producer(broker), lambda after: asked.append(after) or NEWS, position)
    assert asked == ["", "8"]
    assert {key for _, _, key in broker.sent} == {broker.sent[0][2]}
    assert b"example" not in broker.sent[0][1].lower()


def test_a_job_that_fails_stays_where_it_was(tmp_path) -> None:
    """What Kafka has not confirmed is asked for again."""
    position = tmp_path / "position.txt"
    with pytest.raises(Undelivered):
        example("help_desk.py").run(Producer(Broker(RuntimeError("full"))), lambda _: NEWS, position)
    assert not position.exists()


@pytest.fixture
def shop(monkeypatch) -> SimpleNamespace:
    """The Django example in a shop whose transaction is committed by hand."""
    waiting = []
    database = ModuleType("django.db")
    database.transaction = SimpleNamespace(on_commit=waiting.append)
    monkeypatch.setitem(sys.modules, "django", ModuleType("django"))
    monkeypatch.setitem(sys.modules, "django.db", database)
    return SimpleNamespace(module=example("shop/touchpoints.py"), commit=lambda: [each() for each in waiting])


ORDER = SimpleNamespace(
    pk=1001, customer_id=17, paid_at=datetime(2026, 11, 22, tzinfo=UTC), amount="49.90", currency="EUR", campaign=""
)


def test_an_order_is_told_when_it_is_committed(shop, monkeypatch) -> None:
    """Not before, and with an id that makes it count once."""
    broker = Broker()
    monkeypatch.setattr(shop.module, "connect", lambda **options: Producer(broker, **options))
    shop.module.order_paid(ORDER)
    assert broker.sent == []
    shop.commit()
    (order,) = sent(broker)
    assert (order["event_id"], order["properties"]["amount"]) == ("order/1001/paid", 49.9)


def test_a_shop_sells_without_kafka(shop, monkeypatch, caplog) -> None:
    """What cannot be sent is a line in the log; the order goes through."""

    def away(**_):
        raise Unreachable("Kafka does not answer.")

    monkeypatch.setattr(shop.module, "connect", away)
    shop.module.send_paid(ORDER)
    assert "not sent: order/1001/paid: Kafka does not answer." in caplog.text
