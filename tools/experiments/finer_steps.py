"""The paper's quantiser at steps between its decades, which it does not have: what its curve would be if it had.

Models scaled by a power of two, which is exact in floating point, are coded by the paper's mode and scaled back: that
makes a step of 10^(q-12) / 2^k. What the paper's mode keeps exact stays so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nncodec import Model, Tensor
from tools.experiments.coding import Coded, Coder, Judge, paper_config

FINER: Final = ((10, 8), (10, 4), (10, 2), (11, 8), (11, 4))
"""q, and by what its step is divided: from 0.00125 to 0.025, where the utility of our updates is lost."""


@dataclass(frozen=True)
class _Scaled:
    """`judge` for models that are multiplied by `factor`."""

    judge: Judge
    factor: int

    @property
    def key(self) -> str:
        """As of a task."""
        return f"{self.judge.key} x {self.factor}"

    def utility(self, model: Model) -> float:
        """Of the model scaled back."""
        return self.judge.utility(scaled(model, 1 / self.factor))

    def departure(self, model: Model, original: Model) -> float:
        """Of both scaled back."""
        return self.judge.departure(scaled(model, 1 / self.factor), scaled(original, 1 / self.factor))


def finer_point(coder: Coder, task: Judge, models: tuple[Model, Model], step: tuple[int, int]) -> Coded:
    """The operating point of an update, from models[1] to models[0], at a step of `FINER`."""
    q, factor = step
    config = paper_config(q)
    target, reference = (scaled(model, factor) for model in models)
    point = coder.measure(target, config, _Scaled(task, factor), [reference])
    return replace(point, setting=f"{point.setting} / {factor}")


def scaled(model: Model, factor: float) -> Model:
    """`model` with all that is floating point multiplied by `factor`, a power of two."""
    return Model(tuple(_scaled(tensor, factor) for tensor in model.tensors), model.topology)


def _scaled(tensor: Tensor, factor: float) -> Tensor:
    values = tensor.numpy()
    if not np.issubdtype(values.dtype, np.floating):
        return tensor
    return Tensor.from_numpy(tensor.name, (values.astype(np.float64) * factor).astype(values.dtype))
