"""E5 on models of others: epochs of one training run of which there are weights and no data to test on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nncodec
from tools.experiments.coding import PAPER, snr
from tools.experiments.context import Context
from tools.experiments.results import Claim, Table
from tools.experiments.summary import verdict_of
from tools.experiments.updates import LEAST_SNR, MOST_OF_PAPER, update_config
from tools.experiments.versions import real_path

MISSING: Final = "The folder of real models is absent, so the column of mini-xception is left out."
TEXT: Final = (
    "Epochs of a network that others trained, mini-xception on FER2013, join at equal SNR of the update: there are no "
    "data to measure a utility on."
)
_PAIRS: Final = (("107-0-66", "110-0-65"), ("102-0-66", "107-0-66"), ("70-0-63", "97-0-65"), ("25-0-60", "110-0-65"))
"""Epoch and accuracy, by the names of the files."""
_USEFUL_SNR: Final = 15.0
"""In dB: up to here updates are compared by the claim, as in the sweep of main."""


@dataclass(frozen=True)
class RealUpdate:
    """One of the paper's streams, and main's at the same `snr` of the update; sizes and `raw` in bytes."""

    name: str
    q: int
    snr: float
    raw: int
    paper: int
    main: int


def measure(context: Context) -> list[RealUpdate]:
    """Several intervals at each q that leaves anything of the update; none without the folder."""
    data = context.data
    if data is None or not real_path(data, "").parent.is_dir():
        return []
    pairs = _PAIRS[:1] if context.is_reduced else _PAIRS
    return [each for pair in context.track(pairs, "E5 real updates") for each in _of_pair(context, data, pair)]


def _of_pair(context: Context, data: Path, pair: tuple[str, str]) -> Iterator[RealUpdate]:
    old, new = (nncodec.load(real_path(data, each)) for each in pair)
    name = " → ".join(each.partition("-")[0] for each in pair)
    for paper in PAPER[4:5] if context.is_reduced else PAPER[4:]:
        kept = round(snr(new, context.coder.decoded(new, paper, [old]), old), 2)
        if kept >= LEAST_SNR:
            sizes = [len(context.coder.stream(new, config, [old])) for config in (paper, update_config(kept))]
            yield RealUpdate(name, paper.q_bits or 0, kept, new.nbytes, *sizes)


def table(found: Sequence[RealUpdate]) -> Table:
    """All that was measured."""
    rows = tuple(
        (
            each.name,
            f"q_bits {each.q}",
            f"{each.snr:.1f}",
            f"{each.paper:,}",
            f"{each.paper / each.raw:.2%}",
            f"{each.main:,}",
            f"{each.main / each.raw:.2%}",
            f"{each.main / each.paper:.2f}",
        )
        for each in found
    )
    head = ("update", "paper", "SNR of update, dB", "paper, bytes", "of fp32", "main, bytes", "of fp32", "main ÷ paper")
    return Table("Mini-xception: bytes at equal SNR of the update, the reference being pristine.", head, rows)


def claim(found: Sequence[RealUpdate]) -> Claim:
    """About the coarse updates among them."""
    ratios = {f"{each.name} at {each.snr:.1f} dB": each.main / each.paper for each in found if each.snr <= _USEFUL_SNR}
    told = "; ".join(f"{name}: {ratio:.2f}" for name, ratio in ratios.items())
    statement = (
        f"On real epochs profile main needs at most {MOST_OF_PAPER:g} of the bytes of the paper's mode at equal SNR of "
        f"the update, up to {_USEFUL_SNR:g} dB."
    )
    outcomes = (ratio <= MOST_OF_PAPER for ratio in ratios.values())
    return Claim(statement, f"Main ÷ paper: {told or 'no stream is so coarse'}.", verdict_of(outcomes), "target")
