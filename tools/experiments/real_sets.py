"""Related networks of others (the data folder's `multi-task/`), as sets: bytes at equal error of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nncodec
from nncodec import EncoderConfig, Model, SetConfig, SetStructure
from tools.experiments.cells import decibels, ratio, whole
from tools.experiments.coding import paper_config
from tools.experiments.context import Context
from tools.experiments.results import Table
from tools.experiments.weights import matrices_of, squares

FOLDERS: Final[Mapping[str, str]] = {
    "espnetv2": "multi-task/espnetv2-s-1.0",
    "realcugan": "multi-task/realcugan-up2x-fp16",
}
NEAR_SNR: Final = 30.0
"""In dB: of the paper's steps the one is taken whose error is nearest to this."""
Q_BITS: Final = (8, 9, 10)
PAPERS: Final = (SetStructure.SEPARATE, SetStructure.PAPER)


@dataclass(frozen=True)
class RealSet:
    """A set at one error of all its matrices; bytes by structure, in the paper's mode and in main's.

    snr: of the paper's star; main_snr: of main's tree, which was asked for the same mean squared error.
    """

    name: str
    count: int
    raw: int
    q_bits: int
    snr: float
    main_snr: float
    paper: Mapping[SetStructure, int]
    main: Mapping[SetStructure, int]


def said(data: Path | None) -> str:
    """What the text of the section says of them."""
    if data is None:
        return "Real sets are left out: there was no data folder."
    return (
        "*Real sets*: four ESPNetv2 (two tasks, two sizes of image each) and three Real-CUGAN (strengths of denoising, "
        "fp16), without their tasks, so at equal error: at that of the paper's steps whose star is nearest to "
        f"{NEAR_SNR:g} dB of SNR over all matrices of the set, and by main at the same mean squared error."
    )


def measure_real_sets(context: Context) -> list[RealSet]:
    """All that are in the data folder."""
    if context.data is None or context.is_reduced:
        return []
    folders = {name: context.data / folder for name, folder in FOLDERS.items() if (context.data / folder).is_dir()}
    return [measure(name, models_in(folder)) for name, folder in context.track(list(folders.items()), "real sets")]


def models_in(folder: Path) -> dict[str, Model]:
    """By name of the file."""
    return {path.stem: nncodec.load(path) for path in sorted(folder.glob("*.safetensors"))}


def measure(name: str, models: Mapping[str, Model]) -> RealSet:
    """One set."""
    stars = {q_bits: nncodec.decode_set(coded(models, paper_config(q_bits), SetStructure.PAPER)) for q_bits in Q_BITS}
    q_bits = min(stars, key=lambda each: abs(set_snr(models, stars[each]) - NEAR_SNR))
    paper = {structure: coded(models, paper_config(q_bits), structure) for structure in PAPERS}
    config = EncoderConfig(mse=mean_squared_error(models, stars[q_bits]))
    main = {structure: coded(models, config, structure) for structure in SetStructure}
    return RealSet(
        name,
        count=len(models),
        raw=sum(model.nbytes for model in models.values()),
        q_bits=q_bits,
        snr=set_snr(models, stars[q_bits]),
        main_snr=set_snr(models, nncodec.decode_set(main[SetStructure.TREE])),
        paper={structure: len(data) for structure, data in paper.items()},
        main={structure: len(data) for structure, data in main.items()},
    )


def coded(models: Mapping[str, Model], config: EncoderConfig, structure: SetStructure) -> bytes:
    """The whole set."""
    return nncodec.encode_set(models, SetConfig(encoder=config, structure=structure))


def set_snr(models: Mapping[str, Model], others: Mapping[str, Model]) -> float:
    """SNR in dB over the matrices of all models."""
    energy = sum(squares(models[name]) for name in models)
    error = sum(squares(models[name], others[name]) for name in models)
    return 10 * math.log10(energy / error) if error else math.inf


def mean_squared_error(models: Mapping[str, Model], others: Mapping[str, Model]) -> float:
    """Over the matrices of all models."""
    weights = sum(tensor.size for model in models.values() for tensor in matrices_of(model).tensors)
    return sum(squares(models[name], others[name]) for name in models) / weights


def table(sets: list[RealSet]) -> Table:
    """Bytes."""
    head = (
        *("set", "fp bytes", "q_bits", "SNR, dB: paper", "main", "paper, separate", "paper, star", "÷ separate"),
        *("main, separate", "main, paper's star", "main, star", "main, tree", "tree ÷ separate", "main ÷ paper"),
    )
    return Table("Real sets at equal mean squared error of their matrices.", head, tuple(map(_row, sets)))


def _row(each: RealSet) -> tuple[str, ...]:
    separate, star = (each.paper[structure] for structure in PAPERS)
    sizes = [each.main[structure] for structure in (SetStructure.SEPARATE, SetStructure.PAPER, SetStructure.STAR)]
    tree = each.main[SetStructure.TREE]
    return (
        *(
            f"{each.name} ({each.count})",
            whole(each.raw),
            str(each.q_bits),
            decibels(each.snr),
            decibels(each.main_snr),
        ),
        *(whole(separate), whole(star), ratio(star / separate)),
        *map(whole, (*sizes, tree)),
        *(ratio(tree / sizes[0]), ratio(tree / star)),
    )
