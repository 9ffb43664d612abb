"""What the paper's statistics are of: versions of one network, networks of other tasks, and models of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import nncodec
from nncodec import Model
from tools.bench.common import XCEPTION
from tools.experiments.context import Context
from tools.experiments.weights import Floats, matrices_of, shared_with, weights

VERSIONS: Final = ("V1", "V2", "V3")
TASKS: Final = {"retrieval": "vgg-retrieval", "detection": "vgg-detection"}
TEXT: Final = """\
V1 is `vgg-cifar` before training, V2 after {middle} epochs, V3 after {last}: the classification network, with
whose convolutions the networks for retrieval and detection began. All figures are over the matrices, which are the
floating-point tensors of rank 2 and more; a difference of tasks is over the tensors that both have in one shape."""
REAL_TEXT: Final = "Mini-xception networks are epochs of one training run of others, on FER2013."
WITHOUT_REAL: Final = "The folder of real models is absent, so mini-xception is left out."
_REAL_PAIRS: Final = (("110-0-65", "107-0-66"), ("97-0-65", "70-0-63"))


class Pair(NamedTuple):
    """A model and its reference; models hold matrices alone, those that both have in one shape."""

    name: str
    model: Model
    base: str
    reference: Model

    @property
    def title(self) -> str:
        """The name of the difference."""
        return f"{self.name} − {self.base}"

    @property
    def difference(self) -> Floats:
        """The difference of models, 1-D."""
        return weights(self.model, self.reference)


def versions(context: Context) -> dict[str, Model]:
    """V1, V2, V3."""
    epochs = _epochs(context)
    return {name: context.zoo.model("vgg-cifar", e, context.seed) for name, e in zip(VERSIONS, epochs, strict=True)}


def tasks(context: Context) -> dict[str, Model]:
    """The networks of other tasks, as trained."""
    return {name: context.zoo.model(run, context.zoo.epochs(run)[-1], context.seed) for name, run in TASKS.items()}


def in_time(models: Mapping[str, Model]) -> list[Pair]:
    """V2 against V1, V3 against V2."""
    return [_pair(models, "V2", "V1"), _pair(models, "V3", "V2")]


def between_tasks(models: Mapping[str, Model]) -> list[Pair]:
    """Networks of other tasks against V3."""
    return [_pair(models, name, "V3") for name in TASKS]


def real(context: Context) -> Iterator[Pair]:
    """Versions of mini-xception, if their folder is there."""
    if context.data is not None and real_path(context.data, _REAL_PAIRS[0][0]).exists():
        for names in _REAL_PAIRS:
            new, old = (nncodec.load(real_path(context.data, name)) for name in names)
            title, base = (f"xception {name.partition('-')[0]}" for name in names)
            yield _pair({title: new, base: old}, title, base)


def text(context: Context) -> str:
    """What V1, V2, V3 are, and whether real models join."""
    _, middle, last = _epochs(context)
    return f"{TEXT.format(middle=middle, last=last)} {REAL_TEXT if any(real(context)) else WITHOUT_REAL}"


def late_epoch(epochs: Sequence[int]) -> int:
    """The last but one of the paper's versions: of `epochs`, ascending, the last within three quarters."""
    return max(epoch for epoch in epochs[:-1] if 4 * epoch <= 3 * epochs[-1])


def _epochs(context: Context) -> tuple[int, int, int]:
    epochs = context.zoo.epochs("vgg-cifar")
    return epochs[0], epochs[len(epochs) // 2], epochs[-1]


def _pair(models: Mapping[str, Model], name: str, base: str) -> Pair:
    model, reference = (matrices_of(models[each]) for each in (name, base))
    return Pair(name, shared_with(model, reference), base, shared_with(reference, model))


def real_path(data: Path, name: str) -> Path:
    """The file of an epoch of mini-xception."""
    return data / XCEPTION.format(name)
