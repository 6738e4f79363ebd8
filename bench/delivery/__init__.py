"""The delivery benchmark: `python -m bench.delivery` (docs/benchmarks.md says how to read it)."""
