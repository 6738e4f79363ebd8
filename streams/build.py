"""How the engine of this installation was built: from source alone, or compiled (docs/engine.md)."""

from importlib.util import find_spec


def engine_build() -> str:
    """`compiled` or `pure Python`; nothing of the engine is imported for it."""
    spec = find_spec("tracker.engine.customer")
    is_source = spec is None or spec.origin is None or spec.origin.endswith(".py")
    return "pure Python" if is_source else "compiled"
