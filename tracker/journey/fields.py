"""Every key that a journey file may hold, as one literal table.

Reading, checking, the JSON Schema for editors and the reference in docs/journeys.md all come from it.
It knows what a key is called, what shape its value has and what it means; never how it is read.
"""

from dataclasses import dataclass
from typing import Final

from tracker.duration import show
from tracker.journey.definition import BOUNDS_MS, SCALES, STATUSES, ConversionAlert, DropOffAlert, StalledAlert

MAX_STAGES: Final = 40
"""A map of more cannot be read, and every stage multiplies the series in Prometheus."""
MAX_SEGMENTS: Final = 10
MAX_SEGMENT_VALUES: Final = 50
WARN_SERIES: Final = 5_000
MAX_SERIES: Final = 20_000
"""Prometheus holds a few million in all; no journey should take more than this share of them."""
MAX_EXCLUSIONS: Final = 20
"""With the stages they are the bits of one machine word per touchpoint."""
MAX_RULES: Final = 250
"""Their numbers are kept in a byte per touchpoint, to explain it by."""
MAX_VALUES: Final = 200
MAX_MEMBERS: Final = 1_000
"""People of an account who count: the record of an account holds a line for each."""
MAX_BUCKETS: Final = 30
"""Each is a series for every stage."""

MAX_NAME: Final = 64
ACCOUNTS: Final = "_accounts"
"""What a journey of accounts is called by, after its people's."""
NAME: Final = r"^[^\W_]([\w .&/+-]{0,62}[^\W_])?$"
"""A letter or digit at both ends: safe in Redis keys, metric labels and file names alike."""
NAME_REMEDY: Final = "use up to 64 letters, digits, spaces, and _ - . & / +, with a letter or digit at both ends"
PATH: Final = r"^(channel|(properties|context)(\.[^.\s][^.]*)+)$"
PATH_REMEDY: Final = "begin with properties. or context., such as properties.price, or write channel"

OPERATORS: Final = {
    "eq": "equals",
    "ne": "differs from",
    "in": "is one of",
    "not_in": "is none of",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "exists": "is there (true) or missing (false)",
    "contains": "holds this text, or has it in its list",
    "matches": "has a part that fits this regular expression",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One key of one block."""

    name: str
    kind: str
    """One of the READERS in tracker/journey/reader.py: text, name, duration, blocks, …"""
    meaning: str
    of: str = ""
    """The block that a kind made of blocks holds."""
    required: bool = False
    choices: tuple[str, ...] = ()
    smallest: float = 0
    largest: float = 0
    default: str = ""
    """What holds when the key is left out, in words."""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the journey map, and the key of a stage that fills it."""

    name: str
    title: str
    forms: tuple[str, ...]
    """The forms of the map that show it, of current, day, future, blueprint."""
    meaning: str
    example: str


LANES: Final = (
    Lane("day", "In their day", ("day",),
         "what else happens in the customer's day at this point", "08:10 on the train, phone in one hand"),
    Lane("physical", "Physical touchpoints", ("current", "day", "blueprint"),
         "places, people and things the customer meets", "the shop window"),
    Lane("digital", "Digital touchpoints", ("current", "day", "blueprint"),
         "pages, mails and screens the customer meets", "the newsletter"),
    Lane("actions", "Customer actions", ("current", "day", "future", "blueprint"),
         "what the customer does", "compares three offers"),
    Lane("feelings", "Thoughts and feelings", ("current", "day", "future"),
         "what the customer thinks or feels, in their words", "Which of these fits me?"),
    Lane("pain_points", "Pain points", ("current", "day", "blueprint"),
         "what hurts, slows or stops the customer", "delivery cost shows only at the end"),
    Lane("frontstage", "Frontstage", ("blueprint",),
         "what staff and screens do where the customer sees it", "the adviser calls back"),
    Lane("backstage", "Backstage", ("blueprint",),
         "what is done for it out of the customer's sight", "the warehouse packs the order"),
    Lane("support", "Support processes", ("blueprint",),
         "systems and partners that the backstage leans on", "the parcel service's tracking"),
    Lane("opportunities", "Opportunities", ("current", "future"),
         "what could be better or new here", "show the delivery cost on the product page"),
    Lane("changes", "What changes", ("future",),
         "what will be different in the future state", "one form instead of three"),
    Lane("targets", "Targets", ("future",),
         "the figure that will show the future state has come", "60 % reach the checkout"),
    Lane("owners", "Who looks after it", ("current", "future", "blueprint"),
         "the team that answers for the stage", "online marketing"),
)  # fmt: skip

FORMS: Final = {
    "current": "the journey as it is today",
    "day": "a day in the customer's life around it",
    "future": "the journey as it shall become",
    "blueprint": "the service behind it, line by line",
}

OFF: Final = "off"
"""What stands for an alert that is not to be raised; `false` does too."""
MOST_CUSTOMERS: Final = 1_000_000_000
ALERTS: Final = {
    "drop_off": DropOffAlert,
    "conversion_fall": ConversionAlert,
    "stalled": StalledAlert,
}
"""By block of thresholds: what it is read to, whose defaults hold for what is left out."""
_DROP_OFF, _CONVERSION, _STALLED = DropOffAlert(), ConversionAlert(), StalledAlert()


def _severity(usual: str) -> Field:
    return Field("severity", "choice", "`page` wakes somebody, `ticket` waits for the morning",
                 choices=("page", "ticket"), default=usual)  # fmt: skip


BLOCKS: Final[dict[str, tuple[Field, ...]]] = {
    "journey": (
        Field("journey", "name", "what the journey is called, everywhere", default="the file's name",
              example="retail"),
        Field("version", "count", "goes up by one whenever the definition changes", smallest=1, largest=1_000_000,
              default="1", example="3"),
        Field("title", "text", "the heading of the journey map", default="the journey's name",
              example="From window to wardrobe"),
        Field("description", "text", "what the journey is about, in a sentence or two"),
        Field("persona", "text", "whose journey it is", example="A household that furnishes a flat and a small office"),
        Field("order", "choice", "`free`: customers skip and return; `forward`: the current stage only moves up",
              choices=("free", "forward"), default="free"),
        Field("stages", "blocks", "the steps of the journey, first to last", of="stage", required=True,
              example="[{name: interest, touchpoints: [{type: Product Viewed}]}]"),
        Field("funnel", "block", "how the steps are counted", of="funnel"),
        Field("exits", "blocks", "touchpoints that end the journey for a customer", of="rule",
              example="[{type: Account Closed}]"),
        Field("segments", "named", "declared properties to break the figures down by", of="segment"),
        Field("key", "path", "runs one instance of the journey per value found here: per order, cart, ticket",
              default="one journey per customer", example="properties.order_id"),
        Field("accounts", "block", "derives a journey of accounts from this one, which is their people's",
              of="accounts", default="none", example="{rule: quorum, people: 3}"),
        Field("buckets", "block", "the bounds of the histograms of time", of="buckets",
              example="{stay: [1h, 1d, 7d], convert: [1d, 7d, 28d]}"),
        Field("feedback", "named", "by question (`nps`, `csat`, `ces`): which touchpoints are answers, and where the "
              "score stands", of="survey", example="{nps: {type: Survey Answered, where: {properties.scale: nps}}}"),
        Field("alerts", "block", "when to tell somebody, for all stages; `tracker rules` makes rules of it",
              of="alerts", default="as listed there", example="{drop_off: {customers: 50}, stalled: off}"),
        Field("examples", "blocks", "touchpoints and what they must lead to; `tracker check` tries them",
              of="example"),
    ),
    "stage": (
        Field("name", "name", "what the stage is called, everywhere", required=True, example="consideration"),
        Field("touchpoints", "blocks", "a touchpoint that meets any of these rules belongs to the stage", of="rule",
              example="[{channel: web, type: Product Viewed}]"),
        Field("drops_after", "duration", "a customer quiet for longer than this in the stage has dropped off",
              default="never", example="14d"),
        Field("optional", "yes", "the funnel does not ask for this stage", default="false"),
        Field("goal", "yes", "reaching this stage completes the journey", default="false"),
        Field("mood", "whole", "how the customer feels here, from -2 (bad) to 2 (delighted): the curve of the map",
              smallest=-2, largest=2, example="1"),
        Field("target_mood", "whole", "how the customer shall feel here in the future state",
              smallest=-2, largest=2, example="2"),
        Field("alerts", "block", "when to tell somebody of this stage", of="alerts", default="as for the journey",
              example="{drop_off: {odds: 1.5, severity: ticket}}"),
        *(Field(lane.name, "texts", f"map: {lane.meaning}", example=lane.example) for lane in LANES),
    ),
    "rule": (
        Field("channel", "name", "where it happened", default="any channel", example="web"),
        Field("type", "text", "what happened, in the producer's words", default="any type",
              example="Product Viewed"),
        Field("where", "where", "conditions on the touchpoint; all of them must hold",
              example="{properties.price: {gte: 10}, context.country: [SE, NO, FI]}"),
    ),
    "funnel": (
        Field("mode", "choice",
              "`sequential`: others may lie between the steps; `strict`: nothing of the customer's lies between; "
              "`any`: the steps in any order", choices=("sequential", "strict", "any"), default="sequential"),
        Field("window", "window", "how long a customer has from the first step to the last, end included; or by "
              "stage, the time since the step before it, with `all` for the whole", default="no limit",
              example="{all: 30d, purchase: 2d}"),
        Field("exclude", "blocks", "touchpoints that take a customer out of the funnel", of="exclusion"),
    ),
    "exclusion": (
        Field("channel", "name", "where it happened", default="any channel", example="web"),
        Field("type", "text", "what happened, in the producer's words", default="any type",
              example="Order Cancelled"),
        Field("where", "where", "conditions on the touchpoint; all of them must hold"),
        Field("between", "pair", "counts only between these two stages", default="anywhere in the funnel",
              example="[consideration, purchase]"),
    ),
    "segment": (
        Field("from", "path", "where the value is found in a touchpoint", required=True,
              example="context.customer_type"),
        Field("values", "names", "the values to tell apart; all others count as `other`", required=True,
              example="[b2b, b2c]"),
        Field("attribution", "attribution", "which touchpoint gives the value: the `first` or `last` that has it, or "
              "a stage's name", default="first", example="last"),
    ),
    "accounts": (
        Field("rule", "choice", "when an account has come to a stage: `furthest`: as soon as one of its people has; "
              "`quorum`: as soon as so many have; `role`: as soon as one with this role has",
              choices=("furthest", "quorum", "role"), required=True, example="furthest"),
        Field("people", "whole", "`quorum`: how many", smallest=2, largest=MAX_MEMBERS, example="3"),
        Field("role", "text", "`role`: the value that those who count have", example="buyer"),
        Field("from", "path", "`role`: where the value is found, in touchpoints that carry the account's id",
              example="context.role"),
        Field("journey", "name", "what the journey of accounts is called", default="the journey's name and `_accounts`",
              example="companies"),
    ),
    "buckets": (
        Field("stay", "durations", "upper bounds for the time in a stage, end included; what is longer has a bucket of "
              "its own", default=f"`[{', '.join(map(show, BOUNDS_MS))}]`", example="[1h, 1d, 7d]"),
        Field("convert", "durations", "upper bounds for the time from the journey's beginning to a stage",
              default="as for `stay`", example="[1h, 1d, 7d, 28d]"),
    ),
    "survey": (
        Field("channel", "name", "where it happened", default="any channel", example="support"),
        Field("type", "text", "what happened, in the producer's words", default="any type",
              example="Survey Answered"),
        Field("where", "where", "conditions on the touchpoint; all of them must hold",
              example="{properties.scale: nps}"),
        Field("score", "path", "where the score stands; what is no number on the scale (" + ", ".join(
              f"`{kind}` {low} to {high}" for kind, (low, high) in SCALES.items()) + ") is no answer",
              default="`properties.score`", example="properties.rating"),
    ),
    "alerts": (
        Field("drop_off", "block_or_off", "more customers drop off than at this hour a day and a week before; `off`: "
              "never told", of="drop_off", example="{customers: 50, odds: 1.5}"),
        Field("conversion_fall", "block_or_off", "fewer of today's customers have come to the stage than of "
              "yesterday's at the same time; `off`: never told", of="conversion_fall", example="{fall: 0.5}"),
        Field("stalled", "block_or_off", "customers come to the stage and none leaves it; `off`: never told",
              of="stalled", example="{customers: 100}"),
    ),
    "drop_off": (
        Field("customers", "whole", "as many must drop off in an hour, and a third of them in the last quarter",
              smallest=1, largest=MOST_CUSTOMERS, default=f"{_DROP_OFF.customers:g}", example="50"),
        Field("odds", "number", "the odds of dropping off must be so many times those of before",
              smallest=1, largest=1000, default=f"{_DROP_OFF.odds:g}", example="1.5"),
        Field("z", "number", "how unlikely it must be by chance, in standard deviations; half of it in the last "
              "quarter of an hour", smallest=1, largest=100, default=f"{_DROP_OFF.z:g}", example="5"),
        _severity(_DROP_OFF.severity),
    ),
    "conversion_fall": (
        Field("customers", "whole", "as many must have begun today",
              smallest=1, largest=MOST_CUSTOMERS, default=f"{_CONVERSION.customers:g}", example="500"),
        Field("fall", "number", "by which share fewer must have come to the stage: 0.3 is 30 % fewer",
              smallest=0, largest=1, default=f"{_CONVERSION.fall:g}", example="0.5"),
        Field("z", "number", "how unlikely it must be by chance, in standard deviations",
              smallest=1, largest=100, default=f"{_CONVERSION.z:g}", example="5"),
        _severity(_CONVERSION.severity),
    ),
    "stalled": (
        Field("customers", "whole", "as many must have come in the last hour, and left in the hours before",
              smallest=1, largest=MOST_CUSTOMERS, default=f"{_STALLED.customers:g}", example="100"),
        _severity(_STALLED.severity),
    ),
    "example": (
        Field("given", "blocks", "the touchpoints, in any order", of="given", required=True,
              example="[{type: Product Viewed, at: 0s}]"),
        Field("at", "moment", "when we look, after the example's beginning", default="at the last touchpoint",
              example="40d"),
        Field("expect", "block", "what must have come of it", of="expect", required=True,
              example="{current: purchase}"),
    ),
    "given": (
        Field("type", "text", "what happened", required=True, example="Product Viewed"),
        Field("channel", "name", "where it happened", default="web", example="shop"),
        Field("at", "moment", "when, after the example's beginning", required=True, example="2h"),
        Field("properties", "open", "what is particular to the touchpoint", example="{price: 12}"),
        Field("context", "open", "its circumstances", example="{customer_type: b2b}"),
        Field("person", "text", "which of an account's people; what is expected is then the account's (needs "
              "`accounts`)", example="buyer"),
    ),
    "expect": (
        Field("current", "stage_name", "the stage the customer is in", example="purchase"),
        Field("furthest", "stage_name", "the highest stage ever reached", example="purchase"),
        Field("reached", "stage_names", "all stages with a touchpoint, in any order",
              example="[awareness, purchase]"),
        Field("skipped", "stage_names", "stages below the furthest without a touchpoint, in any order",
              example="[consideration]"),
        Field("funnel_depth", "whole", "how many steps of the funnel were met", smallest=0, largest=MAX_STAGES,
              example="2"),
        Field("status", "choice", "where the journey stands", choices=STATUSES, example="dropped"),
    ),
}  # fmt: skip
