"""Training runs: what each starts from, what it learns, which epochs are kept. PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tools.experiments.lessons import Lesson
from tools.experiments.networks import Arrays, Network
from tools.experiments.plans import Plan

MOMENTUM: Final = 0.9
WEIGHT_DECAY: Final = 5e-4
_LONGEST_GRADIENT: Final = 5.0


@dataclass(frozen=True)
class Course:
    """How long, and how fast: the rate falls from `rate` to almost 0 along half a cosine.

    frozen_before: all that comes before the layer of this name stays as it is. keeps_zeros: weights that are 0 at the
    start stay 0, as in the retraining of pruned networks.
    """

    epochs: int
    rate: float
    frozen_before: str = ""
    keeps_zeros: bool = False

    def rate_at(self, progress: float) -> float:
        """The rate when `progress` of all steps are made, in [0, 1]."""
        return float(self.rate * (0.01 + 0.99 * (1 + np.cos(np.pi * progress)) / 2))


def initial(plan: Plan, seed: int, start: Arrays) -> dict[str, npt.NDArray[np.float32]]:
    """Weights before training: random by `seed`, but for those of `start` that have the same name and shape."""
    torch.manual_seed(seed)
    network = Network(plan)
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    network.load(start)
    return network.arrays()


def train(
    plan: Plan, start: Arrays, lesson: Lesson, course: Course, seed: int
) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """The weights after each epoch of `course`. One thread, so that a machine gives the same network again.

    Products are taken in bfloat16, sums and weights are fp32: half the time on processors that know how.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = Network(plan).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.load(start)
    network.train()
    if course.frozen_before:
        network.freeze_before(course.frozen_before)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, course.rate, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    restore = _masks(trained) if course.keeps_zeros else lambda: None
    for epoch in range(course.epochs):
        batches = list(lesson.batches(seed * 1000 + epoch))
        for index, batch in enumerate(batches):
            rate = course.rate_at((epoch + index / len(batches)) / course.epochs)
            _step(network, lesson, batch, optimiser, rate)
            restore()
        yield network.arrays()


def _step(
    network: Network, lesson: Lesson, batch: tuple[Tensor, ...], optimiser: torch.optim.Optimizer, rate: float
) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        loss = lesson.loss(network, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_GRADIENT)
    optimiser.step()


def _masks(parameters: list[nn.Parameter]) -> Callable[[], None]:
    """What sets those weights of `parameters` to 0 that are 0 now."""
    masks = [(parameter.data, (parameter.data != 0).float()) for parameter in parameters if parameter.dim() > 1]

    def restore() -> None:
        for values, mask in masks:
            values.mul_(mask)

    return restore


def pruned(arrays: Arrays, density: float) -> dict[str, npt.NDArray[np.float32]]:
    """The share `density` of each weight matrix that is greatest in magnitude; the rest is 0 (Han et al., 2015)."""
    return {name: _pruned(array, density) if array.ndim > 1 else array for name, array in arrays.items()}


def _pruned(array: npt.NDArray[np.float32], density: float) -> npt.NDArray[np.float32]:
    kept = round(array.size * density)
    threshold = np.partition(np.abs(array), array.size - kept, axis=None)[array.size - kept]
    return np.asarray(np.where(np.abs(array) >= threshold, array, np.float32(0)))
