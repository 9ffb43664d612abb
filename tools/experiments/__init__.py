"""The experiments of the paper on networks trained here: `python -m tools.experiments --help`."""
