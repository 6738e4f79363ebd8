"""Benchmarks: measured by command, asserted nowhere."""
