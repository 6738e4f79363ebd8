"""Touchpoints from Django: one producer a process, made when it is first needed, so that forking servers are no matter.

A touchpoint must never keep a customer from buying: what cannot be sent is logged with its event_id, and a nightly
command sends the orders of the day again, which count once.
"""

import logging
import os
from functools import lru_cache
from typing import Any

from django.db import transaction

from streams.errors import TrackerError
from streams.sdk.producer import Producer, connect, event_id

log = logging.getLogger("shop.touchpoints")


@lru_cache(maxsize=1)
def _producer(_process: int) -> Producer:
    return connect(wait_s=0.05, on_failure=lambda name, error: log.error("not delivered: %s: %s", name, error))


def order_paid(order: Any) -> None:
    """Tells that an order is paid, when the transaction that says so is committed, and never otherwise."""
    transaction.on_commit(lambda: send_paid(order))


def send_paid(order: Any) -> None:
    """Sends it now; for the nightly command, too."""
    name = event_id("order", order.pk, "paid")
    try:
        _producer(os.getpid()).touch(
            "shop",
            "Order Completed",
            customer_id=order.customer_id,
            event_id=name,
            occurred_at=order.paid_at,
            properties={
                "order_id": str(order.pk),
                "status": "paid",
                "amount": float(order.amount),
                "currency": order.currency,
            },
            context={"campaign": order.campaign} if order.campaign else {},
        )
    except TrackerError as error:
        log.error("not sent: %s: %s", name, error)  # noqa: TRY400  # the sentence says it all
