"""One simulated customer: what they do, when, under which ids and by which clock.

Time is counted in arrivals here: one customer arrives per unit. `streams/simulator/stream.py` converts it to dates.
"""

from collections import deque
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from streams.simulator.deviations import Deviations
from streams.simulator.event import NO_STAGE
from streams.simulator.steps import Properties, Step

DAY_MS: Final = 86_400_000
# Far enough ahead to be in the future of any stream, so that the tracker clamps the time.
FUTURE_MS: Final = 400 * DAY_MS
CLAMPED_SHARE: Final = 0.25
# Clocks are wrong by whole minutes, since the tracker corrects whole minutes: so the truth is known exactly.
CLOCK_ERRORS_MIN: Final = (-4_320, -1_440, -60, -7, 9, 55, 120, 1_500)
# Quiet customers were last seen this long ago, longer than any stage up to the purchase allows.
QUIET_DAYS: Final = (32, 60)
QUIET_UNTIL_STAGE: Final = 3

# How many other ids a customer with other ids has: mostly one, up to one for each of several devices.
ALIASES: Final = (1, 1, 1, 1, 1, 2, 2, 3, 4, 5)
DEVICE, ADDRESS = 0, 1
"""The first of them is a device's `anonymous_id`, the second the hash of an address, all others are devices again."""
# How many customers are remembered whose device somebody else may use.
LENDERS: Final = 50

CAMPAIGNS: Final = ("spring", "newsletter", "search", "none")


class Alias(NamedTuple):
    """An id that is not a `customer_id`: its owner, and which of the owner's ids it is."""

    owner: int
    place: int


class Visit(msgspec.Struct):
    """One touchpoint of a customer, before it has a date and an encoding."""

    happens: float
    arrives: float
    """When it is sent: later than it happens where the device was offline."""
    channel: str
    type: str
    properties: Properties
    stage: int = NO_STAGE
    known: bool = True
    """Whether the message has the `customer_id`."""
    aliases: tuple["Alias", ...] = ()
    """The other ids on the message, the strongest first."""


class Customer(msgspec.Struct):
    """One customer, and everything they will do."""

    number: int
    visits: list[Visit]
    context: dict[str, Any]
    clock_error_ms: int = 0
    clamped: bool = False
    """The device's clock is in the future and it sends no `sent_at`, so its time cannot be corrected."""
    ago_ms: int = 0
    """By how much this customer's journey is earlier than the rest of the stream."""
    stranger: bool = False
    """Whether they never identify themselves; the first of their other ids is their name."""


class CustomerMaker:
    """Makes customers by the deviations, from one source of randomness."""

    def __init__(self, rng: Random, deviations: Deviations, steps: tuple[Step, ...], gap: float) -> None:
        self.rng = rng
        self.deviations = deviations
        self.steps = steps
        self.gap = gap
        """The mean time between two steps of a customer, in arrivals."""
        self._lenders: deque[tuple[int, float]] = deque(maxlen=LENDERS)
        """Customers who have signed in on their own device, and when."""

    def customer(self, number: int, depth: int) -> Customer:
        """Customer `number`, who comes as far as stage `depth`."""
        rng, deviations = self.rng, self.deviations
        quiet = depth < QUIET_UNTIL_STAGE and rng.random() < deviations.quiet
        customer = Customer(number, self._journey(number + rng.random(), self._path(depth)), self._context())
        if rng.random() < deviations.anonymous:
            self._disguise(customer)
        if quiet:
            # Beyond the lateness horizon the order of arrival counts, so these touchpoints arrive in order.
            low, high = QUIET_DAYS
            customer.ago_ms = DAY_MS * (low + int(rng.random() * (high - low)))
            return customer
        self._tickets(customer.visits)
        self._clock(customer)
        self._share(customer)
        if not customer.clamped:
            # The tracker takes the time of reception for a clamped touchpoint, so a delay would change the journey.
            self._delays(customer.visits)
        return customer

    def _clock(self, customer: Customer) -> None:
        if self.rng.random() >= self.deviations.wrong_clocks:
            return
        if self.rng.random() < CLAMPED_SHARE:
            customer.clamped = True
        else:
            customer.clock_error_ms = 60_000 * self.rng.choice(CLOCK_ERRORS_MIN)

    def _context(self) -> dict[str, Any]:
        roll = self.rng.random()
        kind = "b2b" if roll < 0.3 else "b2c"
        return {"customer_type": kind, "campaign": CAMPAIGNS[int(roll * 97) % len(CAMPAIGNS)]}

    def _path(self, depth: int) -> list[int]:
        """The stages in the order in which the customer meets them."""
        rng, path = self.rng, list(range(depth + 1))
        if depth > 1 and rng.random() < self.deviations.skips:
            del path[1 + int(rng.random() * (depth - 1))]
        if len(path) > 1 and rng.random() < self.deviations.returns:
            place = 1 + int(rng.random() * (len(path) - 1))
            path.insert(place + 1, path[int(rng.random() * place)])
        return path

    def _journey(self, entry: float, path: list[int]) -> list[Visit]:
        visits, at = [], entry
        for stage in path:
            step = self.steps[stage]
            visits.append(Visit(at, at, step.channel, step.type, step.properties, stage))
            # Bounded on both sides: two steps never have the same time, and every journey ends.
            at += self.gap * (0.3 + 1.4 * self.rng.random())
        return visits

    def _disguise(self, customer: Customer) -> None:
        """Let the first web visits have other ids; the customer later signs in with each of them.

        A customer without a second step stays a stranger.
        """
        rng, visits = self.rng, customer.visits
        first_known = 1 if len(visits) < 3 or rng.random() < 0.5 else 2
        if any(visit.channel != "web" for visit in visits[:first_known]):
            return
        aliases = [Alias(customer.number, place) for place in range(rng.choice(ALIASES))]
        customer.stranger = first_known == len(visits)
        if customer.stranger:
            aliases = aliases[: ADDRESS + 1]
        for place, visit in enumerate(visits):
            visit.known = place >= first_known
            if visit.channel == "web":
                visit.aliases = (rng.choice(aliases),)
        before = visits[first_known - 1].happens
        after = before + self.gap if customer.stranger else visits[first_known].happens
        last = max(after, visits[-1].happens)
        for alias in aliases:
            if alias.place == DEVICE:
                if not customer.stranger:
                    self._tie(visits, before, after, alias)
            elif alias.place == ADDRESS and (customer.stranger or rng.random() < 0.5):
                # An address may be tied to the device where it was typed in, before anybody signs in there.
                self._tie(visits, before, last, aliases[DEVICE], alias)
            else:
                self._tie(visits, before, last, alias)
        visits.sort(key=lambda visit: visit.happens)

    def _tie(self, visits: list[Visit], before: float, after: float, *aliases: Alias) -> None:
        """Add a touchpoint with two ids at some time in between: two aliases, or one with the `customer_id`."""
        at = before + (after - before) * (0.2 + 0.6 * self.rng.random())
        known = len(aliases) == 1
        visits.append(Visit(at, at, "web", "identify" if known else "alias", _nothing, known=known, aliases=aliases))

    def _share(self, customer: Customer) -> None:
        """Let the customer be seen on a device that is tied to its owner already, and so stays the owner's."""
        if customer.clamped or customer.ago_ms:
            return
        visits = customer.visits
        if self.rng.random() < self.deviations.shared:
            # The lender must have been known for a while, so that the tie is applied at any rate of the stream.
            known = [visit for visit in visits if visit.known and visit.stage != NO_STAGE and visit.channel == "web"]
            lender = next((one for one, since in self._lenders if known and since + self.gap < known[-1].happens), None)
            if lender is not None:
                known[-1].aliases = (Alias(lender, DEVICE),)
        own = (Alias(customer.number, DEVICE),)
        signed_in = next((visit for visit in visits if visit.type == "identify" and visit.aliases == own), None)
        if signed_in is not None:
            self._lenders.append((customer.number, signed_in.happens))

    def _tickets(self, visits: list[Visit]) -> None:
        if self.rng.random() >= self.deviations.tickets or not visits[-1].known:
            return
        at = visits[-1].happens + self.gap * (0.1 + 0.1 * self.rng.random())
        visits.append(Visit(at, at, "support", "Ticket Opened", _ticket))
        if self.rng.random() < 0.5:
            at += self.gap * (0.1 + 0.5 * self.rng.random())
            visits.append(Visit(at, at, "support", "Ticket Closed", _closed))

    def _delays(self, visits: list[Visit]) -> None:
        rng, deviations = self.rng, self.deviations
        if not deviations.disorder and not deviations.late:
            return
        for place, visit in enumerate(visits):
            roll = rng.random()
            if roll < deviations.late:
                visit.arrives += self.gap * (1 + 3 * rng.random())
            elif roll < deviations.late + deviations.disorder:
                # The last touchpoint has no next one that could overtake it, so it is only a little late.
                next_one = visits[place + 1].happens if place + 1 < len(visits) else visit.happens
                visit.arrives = next_one + self.gap * 0.1 * rng.random()


def _nothing(_: Random) -> dict[str, Any]:
    return {}


def _ticket(rng: Random) -> dict[str, Any]:
    return {"topic": ("delivery", "refund", "question")[int(rng.random() * 3)]}


def _closed(rng: Random) -> dict[str, Any]:
    """The customer's satisfaction with the help (1 to 5), and how easy it was to get (1 to 7)."""
    roll = rng.random()
    topic = ("delivery", "refund", "question")[int(roll * 3)]
    return {"topic": topic, "scale": "csat", "score": 1 + int(roll * 97) % 5, "effort": 1 + int(roll * 89) % 7}
