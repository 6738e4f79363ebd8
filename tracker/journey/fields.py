"""Every key that a journey file may hold, as one literal table.

Reading, checking, the JSON Schema for editors and the reference in docs/journeys.md all come from it.
It knows the name, the kind and the meaning of each key, and not how it is read.
"""

from dataclasses import dataclass
from typing import Final

from tracker.duration import show
from tracker.journey.definition import BOUNDS_MS, SCALES, STATUSES, ConversionAlert, DropOffAlert, StalledAlert

MAX_STAGES: Final = 40
"""A map with more stages is unreadable, and every stage multiplies the series in Prometheus."""
MAX_SEGMENTS: Final = 10
MAX_SEGMENT_VALUES: Final = 50
WARN_SERIES: Final = 5_000
MAX_SERIES: Final = 20_000
"""Prometheus holds a few million series in all; one journey should not need more than this."""
MAX_EXCLUSIONS: Final = 20
"""Stages and exclusions together are the bits of one 64-bit word for each touchpoint."""
MAX_RULES: Final = 250
"""The number of the rule is kept in one byte for each touchpoint, for explanations."""
MAX_VALUES: Final = 200
MAX_MEMBERS: Final = 1_000
"""The most people of an account who count: the record of an account holds an entry for each."""
MAX_BUCKETS: Final = 30
"""Each bucket is a series for every stage."""

MAX_NAME: Final = 64
ACCOUNTS: Final = "_accounts"
"""The ending of the name of a journey of accounts, after the name of its people's journey."""
NAME: Final = r"^[^\W_]([\w .&/+-]{0,62}[^\W_])?$"
"""A letter or digit at both ends: safe in Redis keys, metric labels and file names alike."""
NAME_REMEDY: Final = "use up to 64 letters, digits, spaces, and _ - . & / +, with a letter or digit at both ends"

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
    """One of the READERS in `tracker/journey/reader.py`: text, name, duration, blocks, …"""
    meaning: str
    of: str = ""
    """For kinds made of blocks: the name of the block."""
    required: bool = False
    choices: tuple[str, ...] = ()
    smallest: float = 0
    largest: float = 0
    default: str = ""
    """What applies when the key is left out, in words."""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the journey map, and the key of a stage that fills it."""

    name: str
    title: str
    forms: tuple[str, ...]
    """The forms of the map that show it: some of current, day, future, blueprint."""
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
         "what staff and systems do where the customer does not see it", "the warehouse packs the order"),
    Lane("support", "Support processes", ("blueprint",),
         "systems and partners that the backstage depends on", "the parcel service's tracking"),
    Lane("opportunities", "Opportunities", ("current", "future"),
         "what could be better or new here", "show the delivery cost on the product page"),
    Lane("changes", "What changes", ("future",),
         "what will be different in the future state", "one form instead of three"),
    Lane("targets", "Targets", ("future",),
         "the figure that shows that the future state is reached", "60 % reach the checkout"),
    Lane("owners", "Who looks after it", ("current", "future", "blueprint"),
         "the team that is responsible for the stage", "online marketing"),
)  # fmt: skip

FORMS: Final = {
    "current": "the journey as it is today",
    "day": "a day in the customer's life around it",
    "future": "the journey as it should become",
    "blueprint": "the service behind the journey, from frontstage to support",
}

OFF: Final = "off"
"""The value that switches an alert off; `false` does too."""
MOST_CUSTOMERS: Final = 1_000_000_000
ALERTS: Final = {
    "drop_off": DropOffAlert,
    "conversion_fall": ConversionAlert,
    "stalled": StalledAlert,
}
"""By block of thresholds: the class it becomes, whose defaults apply to keys that are left out."""
_DROP_OFF, _CONVERSION, _STALLED = DropOffAlert(), ConversionAlert(), StalledAlert()


def _severity(usual: str) -> Field:
    return Field("severity", "choice", "`page` wakes somebody up, `ticket` waits for the morning",
                 choices=("page", "ticket"), default=usual)  # fmt: skip


BLOCKS: Final[dict[str, tuple[Field, ...]]] = {
    "journey": (
        Field("journey", "name", "the name of the journey, everywhere", default="the file's name",
              example="retail"),
        Field("version", "count", "the version of the definition; increase it by one with each change", smallest=1,
              largest=1_000_000, default="1", example="3"),
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
        Field("not_activity", "blocks", "touchpoints that are not the customer's doing, such as mails that were sent: "
              "they break no silence, recover nobody and belong to no stage; they may still be `exits` or excluded",
              of="rule", default="all are the customer's", example="[{where: {context.by: business}}]"),
        Field("segments", "named", "declared properties to break the figures down by", of="segment"),
        Field("key", "path", "runs one instance of the journey per value found here: per order, cart, ticket",
              default="one journey per customer", example="properties.order_id"),
        Field("accounts", "block", "derives a journey of accounts from this journey of their people",
              of="accounts", default="none", example="{rule: quorum, people: 3}"),
        Field("buckets", "block", "the bucket bounds of the histograms of time", of="buckets",
              example="{stay: [1h, 1d, 7d], convert: [1d, 7d, 28d]}"),
        Field("feedback", "named", "by question (`nps`, `csat`, `ces`): which touchpoints are answers, and the path of "
              "the score", of="survey", example="{nps: {type: Survey Answered, where: {properties.scale: nps}}}"),
        Field("alerts", "block", "thresholds of alerts for all stages; `tracker rules` writes them as Prometheus rules",
              of="alerts", default="the defaults of each alert", example="{drop_off: {customers: 50}, stalled: off}"),
        Field("examples", "blocks", "touchpoints and the state they must lead to; `tracker check` runs them",
              of="example"),
    ),
    "stage": (
        Field("name", "name", "the name of the stage, everywhere", required=True, example="consideration"),
        Field("touchpoints", "blocks", "a touchpoint that meets any of these rules belongs to the stage", of="rule",
              example="[{channel: web, type: Product Viewed}]"),
        Field("drops_after", "duration", "a customer without touchpoints for longer than this has dropped off",
              default="never", example="14d"),
        Field("optional", "yes", "the funnel does not require this stage", default="false"),
        Field("goal", "yes", "reaching this stage completes the journey", default="false"),
        Field("mood", "whole", "how the customer feels here, from -2 (bad) to 2 (delighted): the curve of the map",
              smallest=-2, largest=2, example="1"),
        Field("target_mood", "whole", "how the customer should feel here in the future state",
              smallest=-2, largest=2, example="2"),
        Field("alerts", "block", "thresholds of alerts for this stage", of="alerts", default="as for the journey",
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
              "`sequential`: other touchpoints may lie between the steps; `strict`: no touchpoint of the customer lies "
              "between them; `any`: the steps come in any order", choices=("sequential", "strict", "any"),
              default="sequential"),
        Field("window", "window", "the time from the first step to the last, end included; or by stage, the time "
              "since the step before it, with `all` for the whole funnel", default="no limit",
              example="{all: 30d, purchase: 2d}"),
        Field("exclude", "blocks", "touchpoints that take a customer out of the funnel", of="exclusion"),
    ),
    "exclusion": (
        Field("channel", "name", "where it happened", default="any channel", example="web"),
        Field("type", "text", "what happened, in the producer's words", default="any type",
              example="Order Cancelled"),
        Field("where", "where", "conditions on the touchpoint; all of them must hold"),
        Field("between", "pair", "applies only between these two stages", default="anywhere in the funnel",
              example="[consideration, purchase]"),
    ),
    "segment": (
        Field("from", "path", "the path of the value in a touchpoint", required=True,
              example="context.customer_type"),
        Field("values", "names", "the values to count separately; all others count as `other`", required=True,
              example="[b2b, b2c]"),
        Field("attribution", "attribution", "which touchpoint gives the value: the `first` or `last` that has one, "
              "or the touchpoint of the stage with this name", default="first", example="last"),
    ),
    "accounts": (
        Field("rule", "choice", "when an account reaches a stage. `furthest`: when one of its people has; `quorum`: "
              "when `people` of them have; `role`: when one with this role has",
              choices=("furthest", "quorum", "role"), required=True, example="furthest"),
        Field("people", "whole", "for `quorum`: how many people", smallest=2, largest=MAX_MEMBERS, example="3"),
        Field("role", "text", "for `role`: the value of the people who count", example="buyer"),
        Field("from", "path", "for `role`: the path of the value, in touchpoints that carry the account's id",
              example="context.role"),
        Field("journey", "name", "the name of the journey of accounts", default="the journey's name and `_accounts`",
              example="companies"),
    ),
    "buckets": (
        Field("stay", "durations", "upper bounds for the time in a stage, end included; longer times have a bucket of "
              "their own", default=f"`[{', '.join(map(show, BOUNDS_MS))}]`", example="[1h, 1d, 7d]"),
        Field("convert", "durations", "upper bounds for the time from the journey's beginning to a stage",
              default="as for `stay`", example="[1h, 1d, 7d, 28d]"),
    ),
    "survey": (
        Field("channel", "name", "where it happened", default="any channel", example="support"),
        Field("type", "text", "what happened, in the producer's words", default="any type",
              example="Survey Answered"),
        Field("where", "where", "conditions on the touchpoint; all of them must hold",
              example="{properties.scale: nps}"),
        Field("score", "path", "the path of the score; a value outside the scale (" + ", ".join(
              f"`{kind}` {low} to {high}" for kind, (low, high) in SCALES.items()) + ") is no answer",
              default="`properties.score`", example="properties.rating"),
    ),
    "alerts": (
        Field("drop_off", "block_or_off", "more customers drop off than around this hour a day and a week before; "
              "`off`: no alert", of="drop_off", example="{customers: 50, odds: 1.5}"),
        Field("conversion_fall", "block_or_off", "fewer of today's customers have reached the stage than of those "
              "a day and a week before at the same time; `off`: no alert", of="conversion_fall", example="{fall: 0.5}"),
        Field("stalled", "block_or_off", "customers come to the stage and none leaves it; `off`: no alert",
              of="stalled", example="{customers: 100}"),
    ),
    "drop_off": (
        Field("customers", "whole", "the least number of drop-offs in an hour, a third of them in the last quarter",
              smallest=1, largest=MOST_CUSTOMERS, default=f"{_DROP_OFF.customers:g}", example="50"),
        Field("odds", "number", "how many times the earlier odds of dropping off the odds must be",
              smallest=1, largest=1000, default=f"{_DROP_OFF.odds:g}", example="1.5"),
        Field("z", "number", "how unlikely it must be by chance, in standard deviations; half of it in the last "
              "quarter of an hour", smallest=1, largest=100, default=f"{_DROP_OFF.z:g}", example="5"),
        _severity(_DROP_OFF.severity),
    ),
    "conversion_fall": (
        Field("customers", "whole", "the least number of customers who began today",
              smallest=1, largest=MOST_CUSTOMERS, default=f"{_CONVERSION.customers:g}", example="500"),
        Field("fall", "number", "by which share the conversion must be lower: 0.3 is 30 % lower",
              smallest=0, largest=1, default=f"{_CONVERSION.fall:g}", example="0.5"),
        Field("z", "number", "how unlikely it must be by chance, in standard deviations",
              smallest=1, largest=100, default=f"{_CONVERSION.z:g}", example="5"),
        _severity(_CONVERSION.severity),
    ),
    "stalled": (
        Field("customers", "whole", "the least number who came in the last hour, and who left in the hours before",
              smallest=1, largest=MOST_CUSTOMERS, default=f"{_STALLED.customers:g}", example="100"),
        _severity(_STALLED.severity),
    ),
    "example": (
        Field("given", "blocks", "the touchpoints, in any order", of="given", required=True,
              example="[{type: Product Viewed, at: 0s}]"),
        Field("at", "moment", "when the state is read, after the example's beginning", default="at the last touchpoint",
              example="40d"),
        Field("expect", "block", "the state that must result", of="expect", required=True,
              example="{current: purchase}"),
    ),
    "given": (
        Field("type", "text", "what happened", required=True, example="Product Viewed"),
        Field("channel", "name", "where it happened", default="web", example="shop"),
        Field("at", "moment", "when, after the example's beginning", required=True, example="2h"),
        Field("properties", "open", "what is particular to the touchpoint", example="{price: 12}"),
        Field("context", "open", "its circumstances", example="{customer_type: b2b}"),
        Field("person", "text", "which of an account's people; `expect` is then about the account (needs "
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
        Field("status", "choice", "the status of the journey", choices=STATUSES, example="dropped"),
    ),
}  # fmt: skip
