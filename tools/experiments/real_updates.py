"""E5 on models of others: epochs of one training run of which there are weights and no data to test on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import nncodec
from nncodec import EncoderConfig, Model
from tools.experiments.coding import PAPER, Coder, snr
from tools.experiments.context import Context
from tools.experiments.results import Table
from tools.experiments.updates import LEAST_SNR
from tools.experiments.versions import real_path

MISSING: Final = "The folder of real models is absent, so the column of mini-xception is left out."
_PAIRS: Final = (("107-0-66", "110-0-65"), ("102-0-66", "107-0-66"), ("70-0-63", "97-0-65"), ("25-0-60", "110-0-65"))
"""Epoch and accuracy, by the names of the files."""


def table(context: Context) -> Table | None:
    """Bytes at equal SNR of the update, for several intervals; None without the folder."""
    data = context.data
    if data is None or not real_path(data, "").parent.is_dir():
        return None
    pairs = _PAIRS[:1] if context.is_reduced else _PAIRS
    rows = [row for pair in context.track(pairs, "E5 real updates") for row in _rows(context, data, pair)]
    caption = (
        "Mini-xception on FER2013, epochs of one run that others trained: bytes at equal SNR of the update, for each q "
        "that leaves anything of it. The reference is pristine; there are no data to measure a utility on."
    )
    head = ("update", "paper", "SNR of update, dB", "paper, bytes", "of fp32", "main, bytes", "of fp32", "main ÷ paper")
    return Table(caption, head, tuple(rows))


def _rows(context: Context, data: Path, pair: tuple[str, str]) -> list[tuple[str, ...]]:
    old, new = (nncodec.load(real_path(data, each)) for each in pair)
    name = " → ".join(each.partition("-")[0] for each in pair)
    configs = PAPER[4:5] if context.is_reduced else PAPER[1:]
    rows = (_row(context.coder, config, old, new) for config in configs)
    return [(name, *row) for row in rows if row]


def _row(coder: Coder, paper: EncoderConfig, old: Model, new: Model) -> tuple[str, ...]:
    """One of the paper's streams and main's of the same SNR; empty where the step leaves nothing of the update."""
    kept = round(snr(new, coder.decoded(new, paper, [old]), old), 2)
    if kept < LEAST_SNR:
        return ()
    sizes = [
        len(coder.stream(new, config, [old])) for config in (paper, EncoderConfig(update_snr=kept, unbiased=False))
    ]
    told = [text for size in sizes for text in (f"{size:,}", f"{size / new.nbytes:.2%}")]
    return f"q {paper.q_bits}", f"{kept:.1f}", *told, f"{sizes[1] / sizes[0]:.2f}"
