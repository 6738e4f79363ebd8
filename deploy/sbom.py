"""The image's bill of materials: CycloneDX, of what is installed, with the hashes of the lock.

    python -m deploy.sbom /opt/tracker/bin/python deploy/runtime.lock /opt/tracker/sbom.cdx.json

It fails where a package is installed that is not in the lock, or in another version. `cyclonedx-py` finds names,
licences and what needs what; the hashes are the lock's.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deploy.lock import ROOT, Pin, pins


def installed(python: str) -> dict[str, Any]:
    """The bill of materials of an environment, without hashes. Raises CalledProcessError."""
    words = ["environment", python, "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    form = ["--output-reproducible", "--sv", "1.6", "--of", "JSON", "-o", "-"]
    done = subprocess.run([sys.executable, "-m", "cyclonedx_py", *words, *form], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def with_hashes(bill: dict[str, Any], locked: Iterable[Pin]) -> dict[str, Any]:
    """The bill with the hashes of the lock. Raises ValueError that names every package that is not the lock's."""
    by_name = {pin.name: pin for pin in locked}
    strangers = []
    for component in bill["components"]:
        pin = by_name.get(re.sub(r"[-_.]+", "-", component["name"]).lower())
        if pin is None or pin.version != component["version"]:
            strangers.append(f"{component['name']} {component['version']}")
            continue
        wheels = {
            "type": "distribution",
            "url": component["purl"],
            "comment": "one of these wheels",
            "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
        }
        component.setdefault("externalReferences", []).append(wheels)
    if strangers:
        raise ValueError(f"installed, but not in the lock: {', '.join(strangers)}")
    return bill


def main(words: Sequence[str]) -> int:
    """Write the bill of an environment."""
    python, lock, target = words
    try:
        bill = with_hashes(installed(python), pins(Path(lock).read_text(encoding="utf-8")))
    except ValueError as problem:
        print(f"error: {problem}\nremedy: Install from the lock, or renew it: python -m deploy.lock", file=sys.stderr)
        return 1
    Path(target).write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
