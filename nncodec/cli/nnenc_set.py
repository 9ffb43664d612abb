"""Command line (informative): nnenc of several models: a set."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from nncodec.adapters.atomic import replace_on_success
from nncodec.adapters.evaluation import EvaluationRequest
from nncodec.adapters.files import load, model_name, size_of
from nncodec.cli.common import UsageError, print_json, warn_if_slow, watched_work
from nncodec.cli.plots import check_plot, draw_curve
from nncodec.cli.references import References
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.sets.config import SetConfig
from nncodec.encoder.sets.encode import encode_set_with_report
from nncodec.encoder.sets.report import EncodedSet
from nncodec.encoder.sets.structure import SetStructure
from nncodec.errors import EncodeError
from nncodec.evaluation import Utility
from nncodec.limits import LEVELS
from nncodec.model import Model

Value = TypeVar("Value")

DEFAULTS = SetConfig()
_OF_SETS = ("structure", "root", "depth", "parents", "weight", "eval", "plot")


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that go with several models."""
    sets = parser.add_argument_group(
        "sets", "With several models OUT.nmc is a set. Each is called by its file, or as NAME=FILE says."
    )
    sets.add_argument(
        "--structure",
        choices=[structure.value for structure in SetStructure],
        help="what the models are predicted from: one another so that the predicted bytes of all are the fewest (tree, "
        "the default); one root (star; paper: the root of the paper's eq. 11); nothing (separate)",
    )
    sets.add_argument("--root", metavar="NAME", help="the model that is predicted from none of the others")
    sets.add_argument("--depth", type=int, metavar="N", help=f"predictions in a row, at most; default {DEFAULTS.depth}")
    sets.add_argument(
        "--parents", type=int, metavar="N", help=f"models that one is predicted from; default {DEFAULTS.parents}"
    )
    sets.add_argument(
        "--weight", action="append", default=[], metavar="NAME=W", help="importance of a model for --max-bytes; else 1"
    )
    sets.add_argument(
        "--eval",
        action="append",
        default=[],
        metavar="NAME=DATA.npz[:METRIC]",
        help="what --max-bytes is to keep of a model: top1, top5, map, mse or kl of its outputs on these arrays, which "
        "are called as the inputs of the graph (x, if it has one), labels and boxes",
    )
    sets.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the rate-utility curve of --max-bytes: .svg, .png"
    )


def refuse_set_arguments(arguments: argparse.Namespace) -> None:
    """Raises UsageError where one model comes with arguments of sets."""
    given = [name for name in _OF_SETS if getattr(arguments, name) not in (None, [])]
    if given:
        raise UsageError(f"--{given[0]} is for sets: give several models")


def named_paths(arguments: argparse.Namespace) -> dict[str, Path]:
    """The model files by name. Raises UsageError where two have the same."""
    found: dict[str, Path] = {}
    for text in arguments.models:
        name, separator, path = str(text).partition("=")
        named = bool(separator) and not Path(text).exists()
        key, file = (name, Path(path)) if named else (model_name(Path(text)), Path(text))
        if key in found:
            raise UsageError(f"{found[key]} and {file} are both called {key!r}: write NAME=FILE for one of them")
        found[key] = file
    return found


def set_config_of(arguments: argparse.Namespace, config: EncoderConfig) -> SetConfig:
    """The configuration that the arguments ask for. Raises UsageError where they contradict one another."""
    if arguments.max_bytes is None and (arguments.weight or arguments.eval or arguments.plot):
        raise UsageError("--weight, --eval and --plot say how --max-bytes is spent: give that too")
    structure = DEFAULTS.structure if arguments.structure is None else SetStructure(arguments.structure)
    try:
        return SetConfig(
            encoder=config,
            structure=structure,
            root=arguments.root,
            depth=DEFAULTS.depth if arguments.depth is None else arguments.depth,
            parents=DEFAULTS.parents if arguments.parents is None else arguments.parents,
            max_bytes=arguments.max_bytes,
            weights=_distinct("--weight", [_weight(text) for text in arguments.weight]),
        )
    except EncodeError as error:
        raise UsageError(str(error)) from None


def _weight(text: str) -> tuple[str, float]:
    name, separator, weight = text.rpartition("=")
    try:
        return name, float(weight if separator else "none")
    except ValueError:
        raise UsageError(f"--weight {text!r}: write it as NAME=NUMBER") from None


def encode_models(arguments: argparse.Namespace, config: EncoderConfig) -> None:
    """Code a set."""
    paths = named_paths(arguments)
    wanted = set_config_of(arguments, config)
    if arguments.plot is not None:
        check_plot(arguments.plot)
    begin = time.perf_counter()
    models = {name: load(path) for name, path in paths.items()}
    utilities = _utilities(arguments, models)
    if config.uses_trellis:
        warn_if_slow(sum(tensor.size for model in models.values() for tensor in model.tensors))
    references = References(arguments.ref, arguments.refs, LEVELS[-1]).given
    with watched_work(f"coding {len(models)} models", arguments.jobs) as work:
        encoded = encode_set_with_report(models, wanted, references, work, utilities)
    with replace_on_success(arguments.output) as temporary:
        temporary.write_bytes(encoded.data)
    _draw(arguments, encoded)
    for name, member in encoded.members.items():
        for notice in member.encoded.report.notices:
            sys.stderr.write(f"nnenc: note: {name}: {notice}\n")
    seconds = time.perf_counter() - begin
    if arguments.json:
        print_json(summary(arguments, encoded, seconds))
    else:
        print_set(arguments, encoded, sum(size_of(path, models[name]) for name, path in paths.items()), seconds)


def _distinct(option: str, pairs: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    """The pairs by name. Raises UsageError where one model is named twice."""
    found: dict[str, Value] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{option} names {name!r} twice")
        found[name] = value
    return found


def evaluation_files(arguments: argparse.Namespace) -> list[Path]:
    """The files of `--eval`. Raises UsageError for what names none."""
    return [request.path for request in _evaluations(arguments)]


def _evaluations(arguments: argparse.Namespace) -> list[EvaluationRequest]:
    try:
        return [EvaluationRequest.parse(text) for text in arguments.eval]
    except EncodeError as error:
        raise UsageError(f"--eval {error}") from None


def _utilities(arguments: argparse.Namespace, models: dict[str, Model]) -> dict[str, Utility]:
    requests = _distinct("--eval", [(request.name, request) for request in _evaluations(arguments)])
    for name in requests:
        if name not in models:
            raise UsageError(f"--eval {name}: no such model; there are {', '.join(models)}")
    return {name: _utility(request, models[name]) for name, request in requests.items()}


def _utility(request: EvaluationRequest, model: Model) -> Utility:
    try:
        return request.utility(model)
    except EncodeError as error:
        raise EncodeError(f"--eval {request.name}={request.path}: {error}") from error


def _draw(arguments: argparse.Namespace, encoded: EncodedSet) -> None:
    if arguments.plot is None:
        return
    if encoded.spending is None:
        sys.stderr.write("nnenc: note: the set fits without loss: there is no curve to draw\n")
        return
    draw_curve(encoded, arguments.plot)


def summary(arguments: argparse.Namespace, encoded: EncodedSet, seconds: float) -> dict[str, Any]:
    """Everything that `--json` prints."""
    spending = encoded.spending
    return {
        "output": str(arguments.output),
        "bytes": len(encoded.data),
        "seconds": round(seconds, 3),
        "models": [
            {
                "name": name,
                "parents": member.parents,
                "bytes": member.encoded.report.bytes,
                "predicted_bytes": round(member.predicted_bytes),
                "quality": member.encoded.config.quality,
                "snr_db": member.encoded.report.matrices.snr_db,
                "utility": None if spending is None else spending.utilities[name],
                "content_id": member.encoded.model.content_id,
            }
            for name, member in encoded.members.items()
        ],
        "curve": None if spending is None else spending.curve,
    }


def print_set(arguments: argparse.Namespace, encoded: EncodedSet, size: int, seconds: float) -> None:
    """One line for each model and one for the set, for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("model", "predicted from", "bytes", "predicted", "quality", "SNR dB", "utility")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, member in encoded.members.items():
        report, quality = member.encoded.report, member.encoded.config.quality
        utility = "" if encoded.spending is None else f"{encoded.spending.utilities[name]:.4f}"
        snr = "exact" if report.matrices.snr_db is None else f"{report.matrices.snr_db:.1f}"
        parents = escape(", ".join(member.parents))
        numbers = (f"{report.bytes:,}", f"{member.predicted_bytes:,.0f}", "" if quality is None else f"{quality:g}")
        table.add_row(escape(name), parents, *numbers, snr, utility)
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(table)
    total = len(encoded.data)
    sys.stdout.write(
        f"{arguments.output}: {total:,} bytes, {size / total:.2f}x smaller than the files, {seconds:.1f} s\n"
    )
