"""What is installed here: versions, and variables of the environment that nobody reads."""

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version

from streams.build import engine_build
from streams.doctor.finding import Finding, Inquiry, Result
from streams.settings.settings import unknown


def variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look like settings and are none."""
    for name, near in unknown(environ).items():
        remedy = f"Did you mean {near}?" if near else "deploy/env/reference.env lists all."
        yield Finding("settings", "warning", f"{name} is set, and is not a variable of the tracker.", remedy)


def versions(inquiry: Inquiry) -> Iterator[Result]:
    """Python, the engine, and each dependency against the range that is needed."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("journey-tracker") or ()]
    except PackageNotFoundError:
        yield "warning", "The project is not installed, so its dependencies are unknown.", "Start it with ./run."
        return
    mine = [each for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    good = []
    for each in mine:
        try:
            found = version(each.name)
        except PackageNotFoundError:
            yield "problem", f"{each.name} is not installed.", "Start the tracker with ./run, or install it again."
            continue
        if each.specifier.contains(found, prereleases=True):
            good.append(f"{each.name} {found}")
        else:
            remedy = "Start the tracker with ./run, which keeps its environment up to date."
            yield "problem", f"{each.name} {found} is installed, {each.specifier} is needed.", remedy
    python = f"Python {sys.version.split()[0]}, the engine is {engine_build()}"
    yield "ok", f"{python}; {', '.join(good) if inquiry.in_full else f'{len(good)} dependencies in their ranges'}", ""
