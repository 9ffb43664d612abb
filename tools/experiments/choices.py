"""Settings that are found and not chosen: the coarsest that leaves a model its use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nncodec import EncoderConfig, Model
from tools.experiments.coding import Coder
from tools.experiments.tasks import Task

TOLERANCE: Final = 0.005
"""Half a point of utility."""


def coarsest(
    coder: Coder, task: Task, model: Model, configs: Sequence[EncoderConfig], references: Sequence[Model] = ()
) -> EncoderConfig:
    """The first of `configs`, which go from coarse to fine, that takes half a point of utility at most; else the last.

    The utility is that of `model` on `task`.
    """
    least = task.utility(model) - TOLERANCE
    for config in configs:
        if coder.measure(model, config, task, references).utility >= least:
            return config
    return configs[-1]
