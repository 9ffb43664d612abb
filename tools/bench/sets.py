"""Sets of models: `python -m tools.bench.sets DATA [--only NAME ...]`: trees against stars, and what a budget buys.

For each set of related models, the examples and those below DATA: streams of the models one by one, the set as a tree
(the default), and stars: that of the paper's root, and of every model in a set of up to five, of the root of the fewest
predicted bits in a larger one. All are real bytes. Then sets in 30, 10 and 5 % of the bytes of the model files: the sum
of utilities (`WeightProxy`; of the example networks top-1 on their test images) against that of the same quality for
all models, the highest that fits. With --only those sets alone are measured, and the section is printed, not written.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

import nncodec
from nncodec import EncodedSet, EncoderConfig, Model, SetConfig
from nncodec.adapters.evaluation import EvaluationRequest
from nncodec.analysis.root import root_of_set
from nncodec.analysis.sharing import shared_matrices
from nncodec.encoder.config import MAX_QUALITY, MIN_QUALITY
from nncodec.encoder.rate_control import PLACES_A_DB, Search
from nncodec.encoder.sets.structure import Costs, Node, SetStructure, Shape, plan_structure
from nncodec.encoder.sets.survey import Survey
from nncodec.evaluation import Utility, WeightProxy
from tools.bench.common import XCEPTION, markdown_table, versions, write_section

EXAMPLES = Path(__file__).parents[2] / "examples"
_LAST = ("100-0-65", "102-0-66", "107-0-66", "110-0-65")
_EPOCHS = (
    *("00-0-47", "02-0-52", "05-0-56", "08-0-57", "10-0-58", "14-0-59", "15-0-60", "25-0-60", "32-0-62", "37-0-62"),
    *("43-0-64", "51-0-63", "70-0-63", "97-0-65", *_LAST),
)
_ESPNET = "multi-task/espnetv2-s-1.0/espnetv2-s-1.0-{}.safetensors"
_CUGAN = "multi-task/realcugan-up2x-fp16/up2x-{}.safetensors"
_PPOCR = "pairs/ppocrv3-det-ch-en-onnx/text-detection-{}-ppocrv3-2023may.onnx"
_RESNET = "pairs/resnet56-cifar100-to-digits/ft_{}.npz"
_DIGITS = ("v1", "v2", "variant")
SETS: Final = {
    "digits": {name: EXAMPLES / f"digits-{name}.onnx" for name in _DIGITS},
    "mini-xception, last 5": {name: Path(XCEPTION.format(name)) for name in ("97-0-65", *_LAST)},
    "mini-xception": {name: Path(XCEPTION.format(name)) for name in _EPOCHS},
    "resnet56 digits": {name: Path(_RESNET.format(name)) for name in ("base", "e1", "e2", "e3")},
    "espnetv2": {
        name: Path(_ESPNET.format(name))
        for name in ("city-1024x512", "city-512x256", "pascal-256x256", "pascal-384x384")
    },
    "realcugan": {name: Path(_CUGAN.format(name)) for name in ("conservative", "denoise1x", "no-denoise")},
    "ppocrv3": {name: Path(_PPOCR.format(name)) for name in ("ch", "en")},
}
"""By name: files of the models by name; those of others than the examples are below DATA."""
ASKED: Final = {
    "quality 55": EncoderConfig(quality=55),
    "quality 30": EncoderConfig(quality=30),
    "lossless": EncoderConfig(lossless=True),
    "SNR 25 dB": EncoderConfig(snr=25),
}
SHARES: Final = (0.3, 0.1, 0.05)
MOST_OF_ALL_STARS: Final = 5
_DEFAULTS: Final = SetConfig()


@dataclass(frozen=True)
class Family:
    """A set of models: its name, the models, the bytes of their files."""

    name: str
    models: Mapping[str, Model]
    size: int

    @property
    def utilities(self) -> dict[str, Utility]:
        """What is left of each model: top-1 where there are labelled images, else what the weights say."""
        if self.name != "digits":
            return {name: WeightProxy(model) for name, model in self.models.items()}
        files = {"v1": "digits-test", "v2": "digits-test", "variant": "digits-variant-test"}
        return {
            name: EvaluationRequest(name, EXAMPLES / f"{file}.npz", "top1").utility(self.models[name])
            for name, file in files.items()
        }


class Stars:
    """Real bytes of the models of a set, alone and each predicted from another one as it is decoded alone."""

    def __init__(self, family: Family, config: EncoderConfig) -> None:
        self._models, self._config = list(family.models.values()), config
        self.alone = cache(self._alone)

    def _alone(self, place: int) -> nncodec.Encoded:
        return nncodec.encode_with_report(self._models[place], self._config)

    def separate(self) -> int:
        """Bytes of all streams without any prediction."""
        return sum(len(self.alone(place).data) for place in range(len(self._models)))

    def star(self, root: int) -> int:
        """Bytes of all streams, all but that of `root` predicted from that."""
        reference, total = self.alone(root), len(self.alone(root).data)
        for place, model in enumerate(self._models):
            if place != root:
                total += len(nncodec.encode(model, self._config, [reference.model]))
        return total


def families(data: Path, wanted: Sequence[str]) -> Iterator[Family]:
    """The sets whose files are there; the others are named."""
    for name, files in SETS.items():
        paths = {model: data / path for model, path in files.items()}
        if wanted and name not in wanted:
            continue
        if not all(path.exists() for path in paths.values()):
            sys.stderr.write(f"skipped: {name}: not all of its files are below {data}\n")
            continue
        models = {model: nncodec.load(path) for model, path in paths.items()}
        yield Family(name, models, sum(path.stat().st_size for path in paths.values()))


def structure_row(family: Family, asked: str) -> list[object]:
    """Bytes of one set under one request, as a tree, as stars and one by one."""
    config = ASKED[asked]
    begin = time.process_time()
    tree = nncodec.encode_set_with_report(family.models, SetConfig(encoder=config))
    whole = time.process_time() - begin
    check(family, tree)
    planning, nodes, best_predicted = planned(family, config)
    stars = Stars(family, config)
    streams = sum(len(member.encoded.data) for member in tree.members.values())
    separate, paper = stars.separate(), stars.star(root_of_set(list(family.models.values())).index)
    all_of_them = len(family.models) <= MOST_OF_ALL_STARS
    others = [stars.star(root) for root in (range(len(family.models)) if all_of_them else [best_predicted])]
    predicted = sum(member.predicted_bytes for member in tree.members.values())
    least = min(separate, paper, *others)
    return [
        f"{family.name} ({len(family.models)})",
        asked,
        f"{separate:,}",
        f"{len(tree.data):,}",
        f"{len(tree.data) / separate:.3f}",
        nearness(family, nodes),
        f"{paper / separate:.3f}",
        f"{min(others) / separate:.3f}" + ("" if all_of_them else " (predicted best)"),
        "yes" if streams <= least else f"no: {streams / least:.4f}",
        f"{predicted / streams:.2f}",
        f"{planning / whole:.0%}",
    ]


def check(family: Family, encoded: EncodedSet) -> None:
    """Raises ValueError where a decoder does not get what the encoder expects."""
    decoded = nncodec.decode_set(encoded.data)
    for name in family.models:
        if decoded[name].content_id != encoded.members[name].encoded.model.content_id:
            raise ValueError(f"{family.name}: {name} is not decoded as expected")


def planned(family: Family, config: EncoderConfig) -> tuple[float, list[Node], int]:
    """CPU seconds to plan the tree; the tree; the root of the star of the fewest predicted bits."""
    count = len(family.models)
    begin = time.process_time()
    costs = Costs(Survey(list(family.models.values()), config), count)
    nodes = plan_structure(costs, Shape(SetStructure.TREE, None, _DEFAULTS.depth, _DEFAULTS.parents))
    seconds = time.process_time() - begin
    star = plan_structure(costs, Shape(SetStructure.STAR, None, _DEFAULTS.depth, 1))
    return seconds, nodes, star[0].place


def nearness(family: Family, nodes: Sequence[Node]) -> str:
    """Energy of the matrices over that of their difference from those of the first parent, in dB, all in all."""
    models, energy, change = list(family.models.values()), 0.0, 0.0
    for node in nodes:
        for parent in node.parents[:1]:
            for values, others in shared_matrices(models[node.place], models[parent]):
                energy += float(np.square(values).sum())
                change += float(np.square(values - others).sum())
    return f"{10 * math.log10(energy / change):.1f}" if energy and change else ""


def budget_row(family: Family, share: float) -> list[object]:
    """A set in a share of the bytes of the files, against one quality for all."""
    budget, utilities = round(share * family.size), family.utilities
    measured = utilities if family.name == "digits" else {}
    try:
        spent = nncodec.encode_set_with_report(family.models, SetConfig(max_bytes=budget), utilities=measured)
    except nncodec.EncodeError as error:
        return [family.name, f"{share:.0%}", f"{budget:,}", str(error), *[""] * 5]
    check(family, spent)
    uniform, quality = at_one_quality(family, budget)
    qualities = [] if spent.spending is None else sorted(spent.spending.qualities.values())
    return [
        family.name,
        f"{share:.0%}",
        f"{budget:,}",
        f"{len(spent.data) / budget:.3f}",
        f"{qualities[0]:.1f} to {qualities[-1]:.1f}" if qualities else "lossless",
        shown(utilities, family, spent),
        f"{len(uniform.data) / budget:.3f}",
        f"{quality:.1f}",
        shown(utilities, family, uniform),
    ]


def shown(utilities: Mapping[str, Utility], family: Family, encoded: EncodedSet) -> str:
    """The sum of utilities as shares of the originals'; of the examples each utility too."""
    found = {name: float(utility(encoded.members[name].encoded.model)) for name, utility in utilities.items()}
    total = sum(value / float(utilities[name](family.models[name])) for name, value in found.items())
    each = f" ({', '.join(f'{value:.2%}' for value in found.values())})" if family.name == "digits" else ""
    return f"{total:.4f}{each}"


def at_one_quality(family: Family, budget: int) -> tuple[EncodedSet, float]:
    """The set of the highest quality for all models together that fits, or nearly, and that quality."""
    found: dict[int, EncodedSet] = {}

    def measure(places: int) -> float:
        config = SetConfig(encoder=EncoderConfig(quality=places / PLACES_A_DB))
        found[places] = nncodec.encode_set_with_report(family.models, config)
        return -len(found[places].data)

    weights = sum(tensor.size for model in family.models.values() for tensor in model.tensors)
    search = Search(measure, -budget, 0.01 * budget, -weights / 48 / PLACES_A_DB)
    low, high = (round(quality * PLACES_A_DB) for quality in (MIN_QUALITY, MAX_QUALITY))
    best = search.last(low, high, 30 * PLACES_A_DB)
    if best is None:
        raise ValueError(f"{family.name}: no quality fits {budget} bytes")
    return found[best], best / PLACES_A_DB


def text(structures: list[list[object]], budgets: list[list[object]]) -> str:
    """The section in markdown."""
    head = ["set", "asked", "separate", "set", "set / separate", "near dB", "paper's root", "best star", "tree <= all"]
    spent = ["set", "of the files", "budget", "filled", "qualities", "utility", "uniform: filled", "quality", "utility"]
    return (
        f"## Sets of models\n\n`python -m tools.bench.sets DATA`; {versions()}.\n"
        "*separate*: streams of the models one by one; *set*: the whole file, a tree (up to two parents a model). "
        "Stars are over separate, without the headers of the set itself. *tree <= all*: whether the streams of the "
        "tree take no more than those of any star and the separate ones; else, how much more. *predicted*: bytes of "
        "the streams as planned over real ones. *planning*: CPU time over that of coding the set. Every set was "
        "decoded and compared.\n\n"
        "*near dB*: the energy of the models over that of their differences from their first parents, matrices of the "
        "same names. It says what prediction can save: at high rates 1 bit a weight for every 6 dB, of some 10 at "
        "quality 55 and 6 at quality 30, and nothing of the root. So a set of n models cannot go below 1 / n, and "
        "comes near that only where differences are about as small as the errors that the quality allows. Lossless, "
        "the same bits are saved, but of 32 a weight (16 in realcugan), most of which are noise.\n\n"
        + markdown_table([*head, "predicted", "planning"], structures)
        + "\n### In a budget\n\n"
        "*utility*: the sum over models, each as a share of its original: of the decoded weights (the proxy of SPEC.md "
        "E.17), for the digits top-1 on 540 images, in brackets for each. *uniform*: all models of one quality, that "
        "which fills the budget best.\n\n" + markdown_table(spent, budgets)
    )


def main() -> None:
    """Measure every set and write the section `sets` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    parser.add_argument("--only", action="append", default=[], choices=SETS, metavar="NAME", help="measure this set")
    arguments = parser.parse_args()
    found = list(families(arguments.data, arguments.only))
    nncodec.encode(next(iter(found[0].models.values())), EncoderConfig())  # kernels are compiled before the clock runs
    structures = [structure_row(f, asked) for f in track(found, description="sets", transient=True) for asked in ASKED]
    budgets = [budget_row(f, share) for f in track(found, description="budgets", transient=True) for share in SHARES]
    section = text(structures, budgets)
    if arguments.only:
        sys.stdout.write(section)
    else:
        write_section("sets", section)


if __name__ == "__main__":
    main()
