"""The stream: the touchpoints of all customers as messages for Kafka, in the order of their arrival.

It is lazy and bounded: only journeys under way are in memory, however long the stream is. It uses neither clock nor
Kafka, so the same scenario gives the same bytes.
"""

from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

import msgspec

from schemas.touchpoint import SCHEMA
from streams.simulator.customer import ADDRESS, ALIASES, DEVICE, FUTURE_MS, Alias, Customer, CustomerMaker, Visit
from streams.simulator.deviations import LIVELY, Deviations
from streams.simulator.event import Event
from streams.simulator.poison import KINDS
from streams.simulator.steps import PUBLISHED, SEVEN_STAGES, Step, depths, scaled

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The delay of a device's network: far below the half minute that would count as a wrong clock.
NETWORK_MS: Final = 500
# A step takes a twentieth of the time in which all customers arrive, within bounds that also bound the memory.
GAP_SHARE, MIN_GAP, MAX_GAP = 0.05, 10, 3_000

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Scenario:
    """All parameters of a stream."""

    starts_ms: int
    """When the first touchpoint happens."""
    interval_ms: float
    """The time from one message to the next."""
    seed: int = 1
    customers: int | None = None
    """How many customers come, in the exact proportions of the funnel; None: without end, ten thousand at a time."""
    messages: int | None = None
    """After how many messages to stop, in the middle of journeys; None: after the last one of every customer."""
    deviations: Deviations = LIVELY
    steps: tuple[Step, ...] = SEVEN_STAGES
    reached: tuple[int, ...] = PUBLISHED

    @property
    def tag(self) -> str:
        """The part of the customers' names that is different for each stream in a cluster."""
        return f"{crc32(f'{self.seed}:{self.starts_ms}'.encode()):08x}"

    @property
    def funnel(self) -> tuple[int, ...] | None:
        """The customers who will come at least as far as each stage, where their number is known."""
        return None if self.customers is None else scaled(self.customers, self.reached)

    @property
    def expected_messages(self) -> int | None:
        """About how many messages there will be."""
        if self.messages is not None or self.customers is None:
            return self.messages
        deviations, funnel = self.deviations, scaled(self.customers, self.reached)
        steps = sum(funnel) + deviations.returns * funnel[1] - deviations.skips * funnel[2]
        # One sign-in for each other id. Some of those who never sign in leave an address on their device.
        more = sum(count > 1 for count in ALIASES) / len(ALIASES)
        steps += deviations.anonymous * (funnel[1] * sum(ALIASES) / len(ALIASES) + (funnel[0] - funnel[1]) * more)
        # Customers who went quiet or stay anonymous open no tickets.
        steps += (
            1.5
            * deviations.tickets
            * (1 - deviations.quiet)
            * (funnel[0] - deviations.anonymous * (funnel[0] - funnel[1]))
        )
        return round(steps * (1 + deviations.duplicates + deviations.poison / (1 - deviations.poison)))


def events(scenario: Scenario) -> Iterator[Event]:
    """The messages of the scenario, in the order in which they are to be sent."""
    stream = _Stream(scenario)
    for event in stream.run():
        if stream.sent == scenario.messages:
            return
        stream.sent += 1
        yield event


class _Stream:
    """A merge by time of three sources: arriving customers, their next visits, and messages that were held back."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.rng = Random(scenario.seed)
        self.tag = scenario.tag
        self.sent = 0
        self.made = 0
        self.under_way: list[tuple[float, int, Customer, Visit]] = []
        self.held: list[tuple[float, int, Customer | None, Visit | Event, int]] = []
        self.sequence = 0

    def run(self) -> Iterator[Event]:
        """Every message. The caller counts `sent`, which is the stream's clock."""
        for happens, customer, visit in self._happenings():
            yield from self._released(happens)
            happened_ms = self._now_ms()
            if visit.arrives > visit.happens:
                self._hold(visit.arrives, customer, visit, happened_ms)
            else:
                yield from self._send(happens, customer, visit, happened_ms)
        yield from self._released(float("inf"))

    def _happenings(self) -> Iterator[tuple[float, Customer, Visit]]:
        under_way = self.under_way
        for customer in self._arrivals():
            while under_way and under_way[0][0] < customer.visits[0].happens:
                happens, _, who, visit = heappop(under_way)
                yield happens, who, visit
            for visit in customer.visits:
                self.sequence += 1
                heappush(under_way, (visit.happens, self.sequence, customer, visit))
        while under_way:
            happens, _, who, visit = heappop(under_way)
            yield happens, who, visit

    def _arrivals(self) -> Iterator[Customer]:
        scenario = self.scenario
        total = scenario.customers
        if total is None:
            total = (scenario.messages or MAX_GAP * 100) * 3 // 5
        gap = min(max(total * GAP_SHARE, MIN_GAP), MAX_GAP)
        casting = CustomerMaker(self.rng, scenario.deviations, scenario.steps, gap)
        number = 0
        while True:
            for depth in depths(self.rng, scenario.funnel or scenario.reached):
                yield casting.customer(number, depth)
                number += 1
            if scenario.customers is not None:
                return

    def _now_ms(self) -> int:
        """The stream's own clock: one interval a message."""
        return self.scenario.starts_ms + int(self.sent * self.scenario.interval_ms)

    def _hold(self, until: float, customer: Customer | None, what: Visit | Event, happened_ms: int) -> None:
        self.sequence += 1
        heappush(self.held, (until, self.sequence, customer, what, happened_ms))

    def _released(self, until: float) -> Iterator[Event]:
        while self.held and self.held[0][0] <= until:
            now, _, customer, what, happened_ms = heappop(self.held)
            if customer is None:
                yield what  # type: ignore[misc]  # without a customer it is a copy, complete
            else:
                yield from self._send(now, customer, what, happened_ms)  # type: ignore[arg-type]

    def _send(self, now: float, customer: Customer, visit: Visit, happened_ms: int) -> Iterator[Event]:
        rng, deviations = self.rng, self.scenario.deviations
        while deviations.poison and rng.random() < deviations.poison:
            yield self._poison(customer, visit, happened_ms)
        event = self._event(customer, visit, happened_ms)
        yield event
        if deviations.duplicates and rng.random() < deviations.duplicates:
            # Half come at once, as after a lost acknowledgement; half come much later, as after a producer's restart.
            later = 0.0 if rng.random() < 0.5 else self.rng.random() * 100
            self._hold(now + later, None, msgspec.structs.replace(event, copy=True), happened_ms)

    def _poison(self, customer: Customer, visit: Visit, happened_ms: int) -> Event:
        kind = KINDS[int(self.rng.random() * len(KINDS))]
        good, key, _ = self._fields(customer, visit, happened_ms)
        return Event(visit.channel, key.encode(), kind.spoil(good), poison=kind.kind)

    def _event(self, customer: Customer, visit: Visit, happened_ms: int) -> Event:
        fields, key, at_ms = self._fields(customer, visit, happened_ms)
        return Event(
            visit.channel,
            key.encode(),
            _encode(fields),
            customer=key,
            person=self._person(customer),
            event_id=fields["event_id"],
            stage=visit.stage,
            at_ms=at_ms,
        )

    def _fields(self, customer: Customer, visit: Visit, happened_ms: int) -> tuple[dict[str, Any], str, int]:
        """The message's fields, its key, and the true time of the event."""
        self.made += 1
        web = visit.channel == "web"
        at_ms = happened_ms - customer.ago_ms
        ids, key = self._ids(customer, visit)
        fields: dict[str, Any] = {
            "schema": SCHEMA,
            "event_id": f"e-{self.tag}-{self.made}",
            "type": visit.type,
            "channel": visit.channel,
            # Servers send milliseconds by one clock; devices send dates, each by its own clock.
            "occurred_at": at_ms,
            "ids": ids,
            "properties": visit.properties(self.rng),
            "context": customer.context,
        }
        if web:
            at_ms = self._device_times(fields, customer, at_ms)
        return fields, key, at_ms

    def _device_times(self, fields: dict[str, Any], customer: Customer, at_ms: int) -> int:
        sent_ms = self._now_ms() - customer.ago_ms
        if customer.clamped:
            fields["occurred_at"] = _date(at_ms + FUTURE_MS)
            fields["received_at"] = sent_ms
            return sent_ms
        fields["received_at"] = sent_ms + int(self.rng.random() * NETWORK_MS)
        fields["occurred_at"] = _date(at_ms + customer.clock_error_ms)
        fields["sent_at"] = _date(sent_ms + customer.clock_error_ms)
        return at_ms

    def _ids(self, customer: Customer, visit: Visit) -> tuple[dict[str, str], str]:
        """The ids on a message, and its key: the strongest of them."""
        ids = {"customer_id": self._name(customer.number)} if visit.known else {}
        ids |= dict(self._alias(alias) for alias in visit.aliases)
        kind, value = next(iter(ids.items()))
        return ids, value if visit.known else f"{kind}:{value}"

    def _name(self, number: int) -> str:
        return f"c-{self.tag}-{number}"

    def _alias(self, alias: Alias) -> tuple[str, str]:
        """Kind and value of an id that is not a `customer_id`."""
        number, place = alias
        if place == ADDRESS:
            return "email_sha256", sha256(f"{self._name(number)}@example.org".encode()).hexdigest()
        return "anonymous_id", f"a-{self.tag}-{number}" + (f"-{place}" if place else "")

    def _person(self, customer: Customer) -> str:
        """The name under which everything counts that the customer does."""
        if customer.stranger:
            return ":".join(self._alias(Alias(customer.number, DEVICE)))
        return self._name(customer.number)


def _date(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)
