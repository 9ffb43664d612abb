"""Pruned networks: which weights are left (the mask), what that costs in a stream, and whether it is decoded again.

What the mask costs is measured on real streams: the bytes of the target less those of the target *packed*, from which
the removed weights are left out (and from the reference the same places). It is held to the entropy of the mask, and to
that of the mask given the mask of the reference, each weight by itself and each tensor with its own probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec import EncoderConfig, Model, Tensor
from tools.experiments.cells import percent, whole
from tools.experiments.coding import Coder, paper_config
from tools.experiments.matched import NEAREST, difference
from tools.experiments.results import Table

Bools = npt.NDArray[np.bool_]
NEAR_ENTROPY = 0.02
"""How much more than the conditional entropy a mask may cost, as a share of its entropy without condition."""
_ALLOWED = ("*.weight",)


@dataclass(frozen=True)
class MaskCost:
    """The mask of one target, coded with one reference or none; bytes.

    zeros: share of the weights that are removed. entropy, given: of the mask, and given that of the reference. alone:
    stream of nothing but the mask. main, fast: its part of the target's stream by profile main without trellis, and by
    the fast coder. total: of the former stream.
    """

    name: str
    zeros: float
    entropy: float
    given: float
    alone: int
    main: int
    fast: int
    total: int

    def is_near_entropy(self, cost: int) -> bool:
        """Whether a cost is what it must be, given what the receiver holds."""
        return cost <= self.given + NEAR_ENTROPY * self.entropy


@dataclass(frozen=True)
class ZerosKept:
    """Of the zeros of a target, the share that a decoder finds as zeros, by how it was coded.

    everywhere: by the paper's method, all tensors as differences; NaN without reference.
    """

    name: str
    paper: float
    everywhere: float
    main: float
    nearest: float


def mask_cost(coder: Coder, name: str, target: Model, references: Sequence[Model], q_bits: int) -> MaskCost:
    """What the mask of `target` costs at the paper's step of `q_bits`."""
    config = EncoderConfig(q_bits=q_bits, rounding=NEAREST)
    fast = replace(config, fast=True)
    whole_stream = len(coder.stream(target, config, references))
    only_mask = EncoderConfig(step=1.0, rounding=NEAREST)
    return MaskCost(
        name,
        zeros=share_of_zeros(target),
        entropy=entropy(target),
        given=entropy(target, *references),
        alone=len(coder.stream(mask_of(target), only_mask, [mask_of(each) for each in references])),
        main=whole_stream - _packed_bytes(coder, config, target, references),
        fast=len(coder.stream(target, fast, references)) - _packed_bytes(coder, fast, target, references),
        total=whole_stream,
    )


def _packed_bytes(coder: Coder, config: EncoderConfig, target: Model, references: Sequence[Model]) -> int:
    config = replace(config, include=_ALLOWED)  # what is packed is a vector, which would get a finer step
    return len(coder.stream(packed(target, target), config, [packed(each, target) for each in references]))


def zeros_kept(coder: Coder, name: str, target: Model, references: Sequence[Model], q_bits: int) -> ZerosKept:
    """By the paper's method, by profile main, and by that without trellis, all at the paper's step of `q_bits`."""
    name = f"{name}, q {q_bits}"
    configs = (paper_config(q_bits), EncoderConfig(q_bits=q_bits), EncoderConfig(q_bits=q_bits, rounding=NEAREST))
    paper, *others = (zeros_left(target, coder.decoded(target, config, references)) for config in configs)
    everywhere = [zeros_left(target, by_difference(coder, target, each, configs[0])) for each in references]
    return ZerosKept(name, paper, *(everywhere or [math.nan]), *others)


def by_difference(coder: Coder, target: Model, reference: Model, config: EncoderConfig) -> Model:
    """What a receiver has that adds to `reference` the decoded difference of all tensors."""
    change = coder.decoded(difference(target, reference), config)
    sums = ((each.name, _values(each) + _values(change.by_name[each.name])) for each in reference.tensors)
    return Model(tuple(Tensor.from_numpy(name, values) for name, values in sums))


def zeros_left(target: Model, decoded: Model) -> float:
    """Of the zeros in matrices of `target`, the share that is 0 in `decoded`; NaN where there are none."""
    pairs = [(kept(tensor), kept(decoded.by_name[tensor.name])) for tensor in matrices(target)]
    zeros = sum(int((~mask).sum()) for mask, _ in pairs)
    return sum(int((~mask & ~other).sum()) for mask, other in pairs) / zeros if zeros else float("nan")


def share_of_zeros(model: Model) -> float:
    """Of the weights in matrices."""
    removed = sum(int((~kept(tensor)).sum()) for tensor in matrices(model))
    return removed / sum(tensor.size for tensor in matrices(model))


def entropy(target: Model, *references: Model) -> float:
    """Bytes of the mask of `target`, given the mask of the reference if there is one."""
    bits = 0.0
    for tensor in matrices(target):
        mask = kept(tensor)
        given = kept(references[0].by_name[tensor.name]) if references else np.zeros(mask.shape, np.bool_)
        bits += sum(_bits(mask[given == state]) for state in (False, True))
    return bits / 8


def _bits(mask: Bools) -> float:
    share = float(mask.mean()) if mask.size else 0.0
    sure = share in {0.0, 1.0}
    return 0.0 if sure else -mask.size * float(share * np.log2(share) + (1 - share) * np.log2(1 - share))


def mask_of(model: Model) -> Model:
    """The matrices of `model`, 1.0 for a weight that is left and 0.0 for one that is removed; nothing else."""
    return Model(tuple(Tensor.from_numpy(each.name, kept(each).astype(np.float32)) for each in matrices(model)))


def packed(model: Model, like: Model) -> Model:
    """`model` with only those elements of the matrices, in a row, that are left in `like`; without a topology."""
    return Model(tuple(_packed(tensor, like.by_name[tensor.name]) for tensor in model.tensors))


def _packed(tensor: Tensor, like: Tensor) -> Tensor:
    return Tensor.from_numpy(tensor.name, _values(tensor)[kept(like)]) if len(tensor.shape) > 1 else tensor


def matrices(model: Model) -> list[Tensor]:
    """What is pruned: tensors of rank 2 and more."""
    return [tensor for tensor in model.tensors if len(tensor.shape) > 1]


def kept(tensor: Tensor) -> Bools:
    """True where the weight is left."""
    return np.asarray(_values(tensor) != 0)


def _values(tensor: Tensor) -> npt.NDArray[Any]:
    return tensor.numpy()


def cost_table(caption: str, costs: Sequence[MaskCost]) -> Table:
    """In bytes."""
    head = (
        *("case", "removed", "entropy of the mask", "given the reference's", "mask alone"),
        *("in the stream", "in the fast stream", "stream"),
    )
    rows = tuple((each.name, f"{each.zeros:.0%}", *map(whole, _numbers(each))) for each in costs)
    return Table(caption, head, rows)


def _numbers(each: MaskCost) -> tuple[float, ...]:
    return each.entropy, each.given, each.alone, each.main, each.fast, each.total


def zeros_table(caption: str, found: Sequence[ZerosKept]) -> Table:
    """Shares of zeros that are found again."""
    head = ("case", "paper", "paper, all as DoM", "main", "main without trellis")
    rows = ((each.name, each.paper, each.everywhere, each.main, each.nearest) for each in found)
    return Table(caption, head, tuple((name, *map(percent, shares)) for name, *shares in rows))
