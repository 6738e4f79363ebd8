"""How the engine of this installation was built: pure Python, or compiled (docs/engine.md)."""

from importlib.util import find_spec


def engine_build() -> str:
    """`compiled` or `pure Python`, found without importing the engine."""
    spec = find_spec("tracker.engine.customer")
    is_source = spec is None or spec.origin is None or spec.origin.endswith(".py")
    return "pure Python" if is_source else "compiled"
