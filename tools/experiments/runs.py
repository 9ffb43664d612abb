"""The training runs of the experiments: from what each starts, on what, for how long. No PyTorch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from tools.experiments.plans import (
    RESNET,
    TINY,
    VGG,
    Plan,
    resnet_classifier,
    resnet_retriever,
    vgg_classifier,
    vgg_detector,
    vgg_retriever,
)

LATE: Final = (0, 5, 10, 15, 20)
TINY_EPOCHS: Final = (0, 3, 6)
TINY_RATE: Final = 0.1


@dataclass(frozen=True)
class Run:
    """One training run.

    plan: name of the network. data: "cifar", "fashion" or "joint". lesson: "classify", "retrieve" or "detect". kept:
    epochs that are kept, the last of which ends the run. start: name of the run whose last network it begins with.
    density: share of weights that is left before training. frozen_before: the first layer that is trained.
    """

    plan: str
    data: str
    lesson: str
    kept: tuple[int, ...] = LATE
    rate: float = 0.02
    start: str = ""
    density: float = 1.0
    frozen_before: str = ""

    @property
    def epochs(self) -> int:
        """How long it takes."""
        return self.kept[-1]


RUNS: Final[Mapping[str, Run]] = MappingProxyType(
    {
        "vgg-cifar": Run("vgg", "cifar", "classify", tuple(range(21))),
        "vgg-fashion": Run("vgg", "fashion", "classify"),
        "vgg-joint": Run("vgg-20", "joint", "classify"),
        "vgg-retrieval": Run("vgg-retriever", "cifar", "retrieve", rate=0.05, start="vgg-cifar"),
        "vgg-detection": Run("vgg-detector", "cifar", "detect", (0, 2, 3, 5, 10), rate=0.01, start="vgg-cifar"),
        "vgg-pruned50": Run("vgg", "cifar", "classify", (0, 5, 9, 10), rate=0.005, start="vgg-cifar", density=0.5),
        "vgg-pruned20": Run("vgg", "cifar", "classify", (0, 5, 9, 10), rate=0.005, start="vgg-pruned50", density=0.2),
        "resnet-cifar": Run("resnet", "cifar", "classify", (0, 10, 20), rate=0.05),
        "resnet-retrieval": Run("resnet-retriever", "cifar", "retrieve", rate=0.05, start="resnet-cifar"),
        "resnet-frozen": Run(
            "resnet-retriever", "cifar", "retrieve", rate=0.05, start="resnet-cifar", frozen_before="stage3"
        ),
    }
)
"""By name; each stands behind the one that it starts from."""


def plan_of(run: Run, *, is_tiny: bool) -> Plan:
    """The network of `run`."""
    vgg, resnet = (TINY, TINY) if is_tiny else (VGG, RESNET)
    plans = {
        "vgg": lambda: vgg_classifier(vgg, 10),
        "vgg-20": lambda: vgg_classifier(vgg, 20),
        "vgg-retriever": lambda: vgg_retriever(vgg),
        "vgg-detector": lambda: vgg_detector(vgg, 10),
        "resnet": lambda: resnet_classifier(resnet, 10),
        "resnet-retriever": lambda: resnet_retriever(resnet),
    }
    return plans[run.plan]()


def tiny(run: Run) -> Run:
    """The same in miniature, for tests."""
    return replace(run, kept=TINY_EPOCHS, rate=TINY_RATE)
