"""The compiled wheel: with TRACKER_COMPILE=1, mypyc compiles the engine's hot modules to machine code.

    TRACKER_COMPILE=1 pip wheel --no-deps --wheel-dir dist .

It needs a C compiler and half a minute. Without the variable the wheel is pure Python; both wheels have all sources.
An editable installation is never compiled, so no machine code can outlive the source that it was made from.
docs/decisions/0015-speed.md has the gain in speed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "TRACKER_COMPILE"
MODULES = (
    "engine/any_order", "engine/batch", "engine/customer", "engine/engine", "engine/fast_path", "engine/fold",
    "engine/funnel", "engine/instances", "engine/matcher", "engine/transitions", "figures/contribution",
    "figures/fields", "figures/tally", "home", "identity/kinds", "journey/conditions", "planning/decode",
    "planning/plan", "planning/planner", "planning/slices", "records/log",
)  # fmt: skip
NEEDS = ["mypy[mypyc]>=2.1,<3", "setuptools>=77,<90", "msgspec>=0.20,<1", "types-PyYAML>=6,<7"]
# One library holds all modules, so that calls between them are plain C calls. The linker needs a name for it.
LIBRARY = "tracker"
SETUP = """
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify({words!r}, group_name={library!r}, opt_level="3", debug_level="0")
setup(name="compiled", packages=[], ext_modules=modules)
"""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts the compiled modules beside their sources."""

    @property
    def _is_asked(self) -> bool:
        return os.environ.get(VARIABLE, "0") not in ("", "0")

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling."""
        return NEEDS if self._is_asked else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, where it is asked for and the wheel is one to install."""
        if not self._is_asked or version != "standard":
            return
        if not any(map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))):
            self.app.abort(f"{VARIABLE} is set, and there is no C compiler. Install gcc, or unset the variable.")
        self._place = tempfile.TemporaryDirectory()
        for path in compile_in(Path(self._place.name), Path(self.root)):
            build_data["force_include"][str(path)] = str(path.relative_to(self._place.name))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Leave nothing behind."""
        if hasattr(self, "_place"):
            self._place.cleanup()


def compile_in(place: Path, root: Path) -> list[Path]:
    """The libraries, compiled from a copy of the sources in an empty folder; beside the sources they would be left."""
    for package in ("schemas", "tracker"):
        shutil.copytree(root / package, place / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    # The machine code only runs with the version of Python that compiles it.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    options = [f"--config-file={root / 'pyproject.toml'}", f"--python-version={version}"]
    paths = [f"tracker/{name}.py" for name in MODULES]
    (place / "setup.py").write_text(SETUP.format(words=[*options, *paths], library=LIBRARY), encoding="utf-8")
    words = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    done = subprocess.run(words, cwd=place, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The engine could not be compiled:\n{done.stdout}{done.stderr}")
    return [*place.glob("*.so"), *(place / "tracker").rglob("*.so")]
