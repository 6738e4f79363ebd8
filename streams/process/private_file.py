"""A file that its owner alone may read, replaced whole or not at all."""

import os
from pathlib import Path
from typing import Final

MODE: Final = 0o600


def replace(path: Path, content: bytes) -> None:
    """Write the file. Whoever reads it, also after a crash, sees the old content or the new one. Raises OSError."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
