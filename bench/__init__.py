"""Benchmarks: commands that measure; no test asserts their figures."""
