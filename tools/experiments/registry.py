"""Which experiments there are, in the order of the report. To add one is to add a line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.experiments.context import Context
    from tools.experiments.results import Section

EXPERIMENTS: Final = {
    "E1": "histograms.run",
    "E2": "rate_distortion.run",
    "E3": "divergences.run",
    "E4": "scenarios.run",
    "E5": "sequential.run",
    "E6": "intervals.run",
    "E7": "transparent.run",
    "E8": "partial.run",
    "E9": "quantised_reference.run",
    "E10": "pruned.run",
    "E11": "sets.run",
    "E12-corrupted": "corrupted.run",
    "E12-eq10": "budget.run",
    "E12-bit-errors": "robustness.run",
    "E12-topologies": "topologies.run",
    "F1": "update_bias.run",
    "F2": "position.run",
    "F3": "lzma_loss.run",
    "F4": "coder_cost.run",
}
"""Key of the section -> module of this package, and the function in it that takes a Context and gives the Section.

A module is imported when its experiment begins: what one needs (torch, say), the others need not.
"""


def module_of(key: str) -> str:
    """Dotted name of the module that holds experiment `key`."""
    return f"{__package__}.{EXPERIMENTS[key].partition('.')[0]}"


def experiment(key: str) -> Callable[[Context], Section]:
    """The function that runs experiment `key`."""
    function: Callable[[Context], Section] = getattr(
        importlib.import_module(module_of(key)), EXPERIMENTS[key].partition(".")[2]
    )
    return function
