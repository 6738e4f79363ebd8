"""The steps of the simulated journey: a table of stages, the touchpoint of each, and how many customers reach it.

It knows nothing of single customers. The stages are those of `examples/journeys/seven-stages.yaml`.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

Properties = Callable[[Random], dict[str, Any]]

PRODUCTS: Final = ("kettle", "lamp", "desk", "chair", "rug", "shelf", "mug", "sofa")
PAGES: Final = ("/", "/spring", "/about", "/guides/light", "/stores")


class Step(NamedTuple):
    """The touchpoint by which a customer enters a stage."""

    stage: str
    channel: str
    type: str
    properties: Properties


def _page(rng: Random) -> dict[str, Any]:
    return {"path": PAGES[int(rng.random() * len(PAGES))]}


def _product(rng: Random) -> dict[str, Any]:
    roll = rng.random()
    return {"product": PRODUCTS[int(roll * len(PRODUCTS))], "price": int(roll * 20_000) / 100}


def _order(rng: Random) -> dict[str, Any]:
    roll = rng.random()
    number = f"o-{int(roll * 1e9):09d}"
    return {"order_id": number, "status": "paid", "amount": int(roll * 50_000) / 100, "currency": "EUR"}


def _delivery(rng: Random) -> dict[str, Any]:
    return {"days": 1 + int(rng.random() * 4)}


def _review(rng: Random) -> dict[str, Any]:
    return {"score": 6 + int(rng.random() * 5)}


SEVEN_STAGES: Final = (
    Step("awareness", "web", "Page Viewed", _page),
    Step("evaluation", "web", "Product Viewed", _product),
    Step("consideration", "web", "Product Added", _product),
    Step("purchase_decision", "shop", "Order Completed", _order),
    Step("post_purchase", "support", "Order Delivered", _delivery),
    Step("repurchase", "shop", "Order Repeated", _order),
    Step("loyalty", "support", "Review Submitted", _review),
)

# A funnel such as practitioners publish: the customers who reached at least each of the seven stages.
PUBLISHED: Final = (10_000, 5_000, 1_500, 300, 150, 50, 20)


def scaled(customers: int, reached: tuple[int, ...] = PUBLISHED) -> tuple[int, ...]:
    """The funnel of the same shape for another number of customers, to the nearest customer."""
    return tuple((customers * count + reached[0] // 2) // reached[0] for count in reached)


def depths(rng: Random, reached: tuple[int, ...]) -> "list[int]":
    """The index of the furthest stage of each customer, in random order, in exactly the funnel's proportions."""
    following = (*reached[1:], 0)
    result = [
        depth for depth, (count, after) in enumerate(zip(reached, following, strict=True)) for _ in range(count - after)
    ]
    rng.shuffle(result)
    return result
