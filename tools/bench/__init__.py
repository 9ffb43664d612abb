"""Benchmarks: each module is a command of its own; results go into docs/benchmarks.md."""
