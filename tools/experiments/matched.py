"""One target, one reference: alone and as a difference, in the paper's way, and in ours at the same error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from tools.experiments.cells import decibels, percent, ratio, whole
from tools.experiments.coding import Coded, Coder, paper_config
from tools.experiments.results import Table
from tools.experiments.summary import minus
from tools.experiments.tasks import Task

LATTICE_SNR: Final = 100.0
"""In dB: beyond it, nothing but the last bits of float32 is lost; the target itself stands on multiples of the step."""
EQUAL_SNR: Final = 1.0
"""In dB: errors that differ by no more count as equal."""
NEAREST: Final = 0.5
"""The rounding f without bias; to ask for it is to ask for no trellis."""
POINT: Final = 0.01
"""One point of a utility."""


@dataclass(frozen=True)
class Case:
    """A target and the reference that the receiver holds; name: in the paper's way, target–reference."""

    name: str
    target: Model
    reference: Model
    task: Task


@dataclass(frozen=True)
class Match:
    """One case at one step of the paper.

    alone, update: by the paper's method, without and with the reference; in_difference: the share of the weights that
    `update` codes as a difference; everywhere: bytes where all tensors are coded so. main_alone, main: by profile main
    with the error that `update` has, without reference, and with it; fast: bytes with it by the fast coder, which has
    no trellis.
    """

    case: Case
    q_bits: int
    alone: Coded
    update: Coded
    in_difference: float
    everywhere: int
    main_alone: Coded
    main: Coded
    fast: int

    @property
    def helps(self) -> bool:
        """Whether weights are coded as differences, in fewer bytes than alone, and utility is at most a point worse."""
        is_smaller = self.in_difference > 0 and self.update.size < self.alone.size
        return is_smaller and self.update.utility >= self.alone.utility - POINT

    @property
    def is_equal(self) -> bool:
        """Whether main has the error that was asked for, with and without reference."""
        return all(_as_near(each.snr, self.update.snr) for each in (self.main_alone, self.main))


def _as_near(snr: float, other: float) -> bool:
    return min(snr, other) > LATTICE_SNR or abs(snr - other) <= EQUAL_SNR


def match(coder: Coder, case: Case, q_bits: int) -> Match:
    """Code and measure."""
    paper, references = paper_config(q_bits), [case.reference]
    update = coder.measure(case.target, paper, case.task, references)
    main, fast = same_error(update, q_bits), same_error(update, q_bits, fast=True)
    return Match(
        case,
        q_bits,
        alone=coder.measure(case.target, paper, case.task),
        update=update,
        in_difference=share_in_difference(coder.stream(case.target, paper, references), case),
        everywhere=len(coder.stream(difference(case.target, case.reference), paper)),
        main_alone=coder.measure(case.target, main, case.task),
        main=coder.measure(case.target, main, case.task, references),
        fast=len(coder.stream(case.target, fast, references)),
    )


def same_error(point: Coded, q_bits: int, *, fast: bool = False) -> EncoderConfig:
    """What to ask of profile main for the SNR that `point` has; the least squared error.

    Beyond `LATTICE_SNR`, where the target stands on multiples of the paper's step: for that step, and no trellis.
    """
    if point.snr > LATTICE_SNR:
        return EncoderConfig(q_bits=q_bits, rounding=NEAREST, fast=fast, least_squares=True)
    return EncoderConfig(snr=max(round(point.snr, 2), 0.0), fast=fast)


def difference(target: Model, reference: Model) -> Model:
    """The DoM of the paper's algorithm 1, of two models that have the same tensors of float32; no topology."""
    return Model(tuple(_difference(tensor, reference.by_name[tensor.name]) for tensor in target.tensors))


def _difference(tensor: Tensor, other: Tensor) -> Tensor:
    one, two = (np.asarray(each.numpy(), np.float32) for each in (tensor, other))
    return Tensor.from_numpy(tensor.name, one - two)


def share_in_difference(stream: bytes, case: Case) -> float:
    """Of the weights of the matrices, those that the stream predicts from the reference, copies included."""
    matrices = [each for each in nncodec.inspect(stream, [case.reference]).tensors if len(each.shape) > 1]
    predicted = sum(math.prod(each.shape) for each in matrices if each.prediction != "none")
    return predicted / sum(math.prod(each.shape) for each in matrices)


def weights_kept(model: Model) -> int:
    """Bytes of the elements that are not 0, at their own width."""
    return sum(int((tensor.numpy() != 0).sum()) * tensor.nbytes // max(tensor.size, 1) for tensor in model.tensors)


def paper_table(caption: str, matches: Iterable[Match], number: str = "") -> Table:
    """What the paper's method takes, alone and as a difference, step by step."""
    head = (
        *("case", "q_bits", "alone: bytes", "ratio", "utility", "SNR, dB", "DoM: bytes", "ratio", "utility", "SNR, dB"),
        *("coded as DoM", "DoM ÷ alone", "all as DoM: bytes"),
    )
    return Table(caption, head, tuple(map(_paper_row, matches)), number)


def _paper_row(each: Match) -> tuple[str, ...]:
    points = [
        text
        for point in (each.alone, each.update)
        for text in (whole(point.size), ratio(point.ratio), percent(point.utility), decibels(point.snr))
    ]
    quotient = ratio(each.update.size / each.alone.size)
    return each.case.name, str(each.q_bits), *points, f"{each.in_difference:.0%}", quotient, whole(each.everywhere)


def main_table(caption: str, matches: Iterable[Match], number: str = "") -> Table:
    """What profile main takes at the error that the paper's difference has."""
    head = (
        *("case", "SNR, dB: paper", "main", "alone: bytes", "ratio", "DoM: bytes", "ratio", "DoM ÷ alone"),
        *("DoM ÷ paper's", "fast DoM: bytes", "÷ paper's", "utility", "K-L: main", "K-L: paper"),
    )
    return Table(caption, head, tuple(map(_main_row, matches)), number)


def _main_row(each: Match) -> tuple[str, ...]:
    sizes = [whole(each.main_alone.size), ratio(each.main_alone.ratio), whole(each.main.size), ratio(each.main.ratio)]
    quotients = [ratio(each.main.size / other.size) for other in (each.main_alone, each.update)]
    fast = [whole(each.fast), ratio(each.fast / each.update.size)]
    name = f"{each.case.name}, q {each.q_bits}"
    use = [percent(each.main.utility), *(f"{point.departure:.1e}" for point in (each.main, each.update))]
    return name, decibels(each.update.snr), decibels(each.main.snr), *sizes, *quotients, *fast, *map(minus, use)


def by_case(matches: Sequence[Match]) -> dict[str, list[Match]]:
    """Matches by name of their case, in order."""
    found: dict[str, list[Match]] = {}
    for each in matches:
        found.setdefault(each.case.name, []).append(each)
    return found
