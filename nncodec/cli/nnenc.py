"""Command line (informative): nnenc: model files in, an NMC stream out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nncodec.adapters.files import format_of_name, load, size_of
from nncodec.cli.common import (
    ExitCode,
    UsageError,
    add_common_arguments,
    add_reference_arguments,
    add_work_arguments,
    print_json,
    refuse_overwriting,
    run,
    warn_if_slow,
    watched_work,
)
from nncodec.cli.nnenc_set import (
    add_set_arguments,
    encode_models,
    evaluation_files,
    named_paths,
    refuse_set_arguments,
)
from nncodec.cli.references import References
from nncodec.conversion import encode_file
from nncodec.encoder.config import DEFAULT_QUALITY, DEFAULT_S_BITS, MAX_QUALITY, MIN_QUALITY, REQUESTS, EncoderConfig
from nncodec.encoder.encode import EncodedFile
from nncodec.encoder.report import TensorReport
from nncodec.encoder.steps import UPDATE_ALLOWANCE_DB
from nncodec.errors import EncodeError
from nncodec.limits import LEVELS
from nncodec.tables import Profile

EPILOG = """\
exit codes: 0 done, 1 the model was rejected, 2 usage, 3 the model needs something the format or a package lacks

examples:
  nnenc model.onnx -o model.nmc                   a quality at which outputs hardly change
  nnenc model.onnx -o model.nmc --quality 30      smaller, and the outputs further off
  nnenc model.onnx -o model.nmc --max-bytes 100000
  nnenc model.onnx -o model.nmc --q-bits 9        steps of 10^(9-12) = 0.001
  nnenc model.onnx -o model.nmc --lossless
  nnenc new.onnx -o update.nmc --ref old.onnx     only what changed
  nnenc a.onnx b.onnx c.onnx -o set.nmc           a set, each predicted from the one that suits it
  nnenc a.onnx b.onnx -o set.nmc --max-bytes 500000 --eval a=test.npz:top1
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line of nnenc."""
    parser = argparse.ArgumentParser(
        prog="nnenc",
        description="Code a trained neural network as an NMC bitstream.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="an .onnx, .safetensors (or the index of its shards) or .npz file; several make a set",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.nmc")
    parser.add_argument("--profile", choices=[profile.name.lower() for profile in Profile], default="main")
    _add_quality(parser)
    parser.add_argument(
        "--preset",
        choices=["fast", "default", "best"],
        default="default",
        help="fast: less time and more bytes; best: more time and fewer bytes, decoded as fast (profile main)",
    )
    parser.add_argument("--include", action="append", default=[], metavar="GLOB", help="quantise these tensors")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="keep these tensors exact")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NEW=OLD",
        help="the tensor NEW is called OLD in the references; may be repeated",
    )
    add_set_arguments(parser)
    add_reference_arguments(parser)
    add_work_arguments(parser)
    add_common_arguments(parser)
    return parser


def _add_quality(parser: argparse.ArgumentParser) -> None:
    quality = parser.add_argument_group(
        "quality", f"How much is kept, by one of these; --quality {DEFAULT_QUALITY:g} if none is given (profile main)."
    )
    one = quality.add_mutually_exclusive_group()
    one.add_argument(
        "--quality",
        type=float,
        metavar="Q",
        help=f"the same number does about the same damage to any model: {MIN_QUALITY:g} to {MAX_QUALITY:g}, the "
        "relative errors of its tensors together in -dB; with --ref the update keeps at least quality "
        f"Q - {UPDATE_ALLOWANCE_DB:g} of its own",
    )
    one.add_argument("--snr", type=float, metavar="DB", help="SNR of the weights (of the model, with --ref too), in dB")
    one.add_argument("--mse", type=float, metavar="X", help="mean squared error of the weights at most")
    one.add_argument("--update-snr", type=float, metavar="DB", help="SNR of the update against the first --ref, in dB")
    one.add_argument("--max-bytes", type=int, metavar="N", help="the best quality in a file of at most N bytes")
    one.add_argument("--q-bits", type=int, metavar="N", help="step 10^(N - s_bits); 8 by default in profile baseline")
    one.add_argument("--step", type=float, metavar="X", help="step in units of the weights")
    one.add_argument("--lossless", action="store_true", help="keep every tensor bit for bit")
    quality.add_argument("--s-bits", type=int, metavar="N", help="decades of amplification; default 12")
    quality.add_argument(
        "--least-squares",
        action="store_true",
        help="decode differences for the least squared error, not (as by default) for the least error of outputs",
    )
    quality.add_argument("--rounding", type=float, metavar="F", help="f in [0, 0.5]; default 0.4 baseline, 0.5 main")


def config_of(arguments: argparse.Namespace) -> EncoderConfig:
    """The configuration that the arguments ask for. Raises UsageError where they contradict one another."""
    profile = Profile[arguments.profile.upper()]
    requests = {name: getattr(arguments, name) for name in REQUESTS}
    if len(arguments.models) > 1:
        requests["max_bytes"] = None  # that of the set
    if arguments.map and not arguments.ref and len(arguments.models) == 1:
        raise UsageError("--map says what tensors are called in a reference: name that by --ref")
    if arguments.update_snr is not None and not arguments.ref:
        raise UsageError("--update-snr is that of an update: name what is updated by --ref, or ask for --snr")
    try:
        return EncoderConfig(
            profile=profile,
            s_bits=DEFAULT_S_BITS if arguments.s_bits is None else arguments.s_bits,
            rounding=arguments.rounding,
            fast=arguments.preset == "fast",
            best=arguments.preset == "best",
            least_squares=arguments.least_squares,
            include=tuple(arguments.include),
            exclude=tuple(arguments.exclude),
            name_map=tuple(_name_pair(text) for text in arguments.map),
            **requests,
        )
    except EncodeError as error:
        raise UsageError(str(error)) from None


def _name_pair(text: str) -> tuple[str, str]:
    new, separator, old = text.partition("=")
    if not separator:
        raise UsageError(f"--map {text!r}: write it as NEW=OLD")
    return new, old


def check_files(arguments: argparse.Namespace) -> None:
    """Raises UsageError where the files that are named make no sense together."""
    if str(arguments.output) == "-" or "-" in arguments.models:
        raise UsageError("nnenc reads and writes files, which it may need more than once: name them")
    if format_of_name(arguments.output) is not None:
        raise UsageError(f"{arguments.output} is the name of a model file: give the stream one that ends in .nmc")
    is_set = len(arguments.models) > 1
    models = named_paths(arguments).values() if is_set else map(Path, arguments.models)
    inputs = [*models, *arguments.ref, *evaluation_files(arguments)]
    for output in (arguments.output, arguments.plot):
        refuse_overwriting(output, inputs)
    if arguments.plot == arguments.output:
        raise UsageError(f"{arguments.output} can be the stream or the picture: name two files")
    if arguments.refs and not arguments.ref:
        raise UsageError("--refs finds what the files of --ref are predicted from: name a reference by --ref")


def body(arguments: argparse.Namespace) -> None:
    """Code one model, or a set."""
    check_files(arguments)
    config = config_of(arguments)
    if len(arguments.models) > 1:
        encode_models(arguments, config)
        return
    refuse_set_arguments(arguments)
    arguments.model = Path(arguments.models[0])
    begin = time.perf_counter()
    model = load(arguments.model)
    arguments.input_bytes = size_of(arguments.model, model)
    if config.uses_trellis:
        warn_if_slow(sum(tensor.size for tensor in model.tensors))
    references = References(arguments.ref, arguments.refs, LEVELS[-1]).given
    with watched_work(f"coding {arguments.model.name}", arguments.jobs) as work:
        encoded = encode_file(model, arguments.output, config, references, work)
    seconds = time.perf_counter() - begin
    for notice in encoded.report.notices:
        sys.stderr.write(f"nnenc: note: {notice}\n")
    if arguments.json:
        print_json(summary(arguments, encoded, seconds))
    else:
        print_line(arguments, encoded, seconds)


def summary(arguments: argparse.Namespace, encoded: EncodedFile, seconds: float) -> dict[str, Any]:
    """Everything that `--json` prints."""
    report = encoded.report
    return {
        "input": str(arguments.model),
        "output": str(arguments.output),
        "input_bytes": arguments.input_bytes,
        "bytes": report.bytes,
        "elements": report.elements,
        "bits_per_weight": report.bits_per_weight,
        "mse": report.matrices.mse,
        "snr_db": report.matrices.snr_db,
        "update_snr_db": None if report.update is None else report.update.snr_db,
        "seconds": round(seconds, 3),
        "lossless": encoded.config.lossless,
        "quality": encoded.config.quality,
        "steps": encoded.report.steps,
        "profile": arguments.profile,
        "level": report.level,
        "content_id": encoded.content_id,
        "bytes_by_part": report.bytes_by_part,
        "notices": report.notices,
        "tensors": [tensor_row(row) for row in report.tensors],
    }


def tensor_row(row: TensorReport) -> dict[str, Any]:
    """One tensor for `--json`."""
    distortion = row.distortion
    return {
        "name": row.name,
        "dtype": row.dtype,
        "shape": row.shape,
        "representation": row.representation,
        "prediction": row.prediction,
        "step": row.step,
        "estimated_bits": row.estimated_bits,
        "mse": None if distortion is None else distortion.mse,
        "snr_db": None if distortion is None else distortion.snr_db,
        "notice": row.notice,
    }


def print_line(arguments: argparse.Namespace, encoded: EncodedFile, seconds: float) -> None:
    """One line for people."""
    report = encoded.report
    snr = report.matrices.snr_db
    kept = "exact" if snr is None else f"SNR {snr:.1f} dB"
    if report.update is not None and report.update.snr_db is not None:
        kept += f", update SNR {report.update.snr_db:.1f} dB"
    ratio = arguments.input_bytes / max(report.bytes, 1)
    change = f"{ratio:.2f}x smaller" if ratio >= 1 else f"{1 / ratio:.2f}x larger"
    sys.stdout.write(
        f"{arguments.output}: {report.bytes:,} bytes, {change} than {arguments.model.name}, "
        f"{report.bits_per_weight:.3f} bits/weight, {settled(arguments, encoded)}, {kept}, {seconds:.1f} s\n"
    )


def settled(arguments: argparse.Namespace, encoded: EncodedFile) -> str:
    """What was settled on: the quality, marked where nobody asked for it, and the steps."""
    config, steps = encoded.config, encoded.report.steps
    if config.lossless:
        return "lossless"
    words = []
    if config.quality is not None:
        asked = arguments.quality is not None or arguments.max_bytes is not None
        words.append(f"quality {config.quality:g}" + ("" if asked else " (default)"))
    if steps is not None:
        words.append(f"step {steps[0]:.3g}" if steps[0] == steps[1] else f"steps {steps[0]:.3g} to {steps[1]:.3g}")
    return ", ".join(words) or "all exact"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of nnenc."""
    return run(make_parser(), body, argv)


if __name__ == "__main__":
    sys.exit(main() or ExitCode.DONE)
