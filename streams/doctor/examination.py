"""The examination: every check, in such an order that a fault comes before the faults that it causes.

It changes nothing, and it asks each server that does not answer once.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from streams.clients.failures import door
from streams.collector.checkup import findings as collector_findings
from streams.doctor import brokers, definitions, installed, lag, names, pages, stored, transactions, workers
from streams.doctor.finding import Finding, Inquiry, Result, Unaskable
from streams.doctor.secret_modes import secret_modes
from streams.errors import ExitCode, TrackerError
from streams.settings.settings import Settings

CHECKS: Final[dict[str, Callable[[Inquiry], Iterator[Result]]]] = {
    "versions": installed.versions,
    "journeys": definitions.journeys,
    "kafka": brokers.kafka,
    "topics": brokers.topics,
    "redis": stored.redis,
    "definitions": definitions.stored,
    "workers": workers.workers,
    "lag": lag.lag,
    "transactions": transactions.open_transactions,
    "restarts": workers.restarts,
    "history": stored.history,
    "created anew": stored.topic_ids,
    "messages": stored.messages,
    "erasures": stored.erasures,
    "ids": names.alike,
    "exporter": pages.exporter,
    "canary": pages.canary,
    "collector": lambda inquiry: collector_findings(inquiry.settings),
}
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "topics": ("kafka",),
    "workers": ("kafka", "redis"),
    "lag": ("kafka", "redis", "topics"),
    "transactions": ("kafka", "topics"),
    "definitions": ("redis",),
    "restarts": ("redis",),
    "history": ("redis",),
    "created anew": ("kafka", "redis"),
    "messages": ("redis",),
    "erasures": ("redis",),
    "ids": ("redis",),
    "exporter": ("redis",),
    "canary": ("redis",),
}
"""What must have answered before an area can be asked."""
CODES: Final = {"problem": ExitCode.MISMATCH}


def examine(
    inquiry: Inquiry, environ: Mapping[str, str], begins: Callable[[str], None] = lambda _area: None
) -> Iterator[Finding]:
    """Every finding, area by area; `begins` is called with each area.

    An area whose check raises an error is one problem. What cannot be asked is `unknown`, never `ok`.
    """
    yield from installed.variables(environ)
    yield from secret_modes(inquiry.settings, environ)
    silent = dict(_unnamed(inquiry.settings))
    for area, check in CHECKS.items():
        if any(needed in silent for needed in NEEDS.get(area, ())):
            continue
        begins(area)
        try:
            with door(inquiry.settings):
                for state, message, remedy, *code in check(inquiry):
                    yield Finding(area, state, message, remedy, *(code or [CODES.get(state, ExitCode.OK)]))
        except Unaskable as why:
            silent[area] = (str(why), "Mend that first.")
        except TrackerError as error:
            silent[area] = (f"the check of {area} failed", "Mend that first.")
            yield Finding(area, "problem", error.message, error.remedy, error.exit_code)
        except Exception as error:  # noqa: BLE001  # one broken check must not hide the others
            message = f"The check itself failed: {type(error).__name__}: {error}"
            yield Finding(area, "problem", message, "Report this as a fault of the tracker.", ExitCode.FAULT)
    yield from _not_asked(silent)


def _unnamed(settings: Settings) -> Iterator[tuple[str, tuple[str, str]]]:
    for server, variable, address in (
        ("kafka", "KAFKA_BOOTSTRAP", settings.kafka_bootstrap),
        ("redis", "REDIS_URL", settings.redis_url),
    ):
        if address is None:
            yield server, (f"{variable} is not set", f"Set {variable} to look at a running installation.")


def _not_asked(silent: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    """One finding for each reason why areas were left out."""
    left = [area for area in CHECKS if area not in silent]
    for cause, (why, remedy) in silent.items():
        areas = [area for area in left if cause in NEEDS.get(area, ())]
        left = [area for area in left if area not in areas]
        if areas:
            yield Finding(cause, "unknown", f"Not asked, since {why}: {', '.join(areas)}.", remedy)
