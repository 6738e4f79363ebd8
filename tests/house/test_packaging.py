import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = {"schemas", "tracker", "streams"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel as it is built for the image."""
    place = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (path,) = place.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_wheel_has_three_packages(wheel) -> None:
    """The wheel has the three packages and nothing else at the top."""
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_package_data_goes_along(wheel) -> None:
    """Every file beside the code of the packages is in the wheel, and so are the journeys and rules that ship."""
    beside = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    journeys = {f"streams/journeys/{path.name}" for path in (ROOT / "examples/journeys").iterdir()}
    rules = {f"streams/deploy/prometheus/rules/{path.name}" for path in (ROOT / "deploy/prometheus/rules").iterdir()}
    assert beside | journeys | rules <= set(wheel.namelist())
    assert not any("secrets" in name for name in wheel.namelist())


def test_packages_are_marked_typed(wheel) -> None:
    """Each package in the wheel is marked as typed, so that a caller's type checker reads its annotations."""
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())


def test_wheel_has_the_command(wheel) -> None:
    """Installing the wheel gives `tracker`, and the licence comes along."""
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "tracker = streams.cli.main:main" in wheel.read(entry).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_names_have_one_owner() -> None:
    """No other installed distribution has packages called schemas, tracker or streams."""
    owners = packages_distributions()
    mine = {"journey-tracker"}
    assert {name: set(owners[name]) for name in PACKAGES if name in owners and set(owners[name]) != mine} == {}


def test_it_is_never_uploaded() -> None:
    """The classifier that indexes refuse is there."""
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_dependencies_have_bounds_and_reasons() -> None:
    """Each dependency has a lower bound, and a line in docs/dependencies.md."""
    told = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    lists = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    for line in (line for lines in lists for line in lines):
        name, bound, _ = line.partition(">=")
        assert bound and f"`{name}`" in told, line
