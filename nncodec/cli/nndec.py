"""Command line (informative): nndec: an NMC stream in, a model file out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nncodec.adapters.files import SUFFIXES, format_of_name, save, save_all
from nncodec.adapters.mapping import map_file
from nncodec.cli.common import (
    ExitCode,
    UsageError,
    add_common_arguments,
    add_decoding_arguments,
    add_reference_arguments,
    add_work_arguments,
    limits_of,
    print_json,
    printable,
    refuse_overwriting,
    run,
    view_stream,
    watched_work,
)
from nncodec.cli.references import References
from nncodec.cli.tds import error_line, write_tds
from nncodec.concealment import Gap
from nncodec.conversion import DecodedFile, decode_file
from nncodec.decoder import decode
from nncodec.errors import BitstreamError, ErrorClass, UnknownNameError
from nncodec.model import Model, TensorHeader
from nncodec.reader import open_stream
from nncodec.set_decoder import SetReader
from nncodec.set_stream import is_set
from nncodec.syntax.start import LONGEST_START
from nncodec.work import Work

EPILOG = """\
exit codes: 0 done, 1 the stream was rejected, 2 usage, 3 the stream or the output needs something that is missing

examples:
  nndec model.nmc -o model.onnx
  nndec update.nmc -o new.onnx --ref old.onnx
  nndec model.nmc -o some.npz --tensor conv1.weight --tensor conv1.bias
  nndec set.nmc -o folder                         all models of a set
  nndec set.nmc -o b.onnx --model b               one of them
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line of nndec."""
    parser = argparse.ArgumentParser(
        prog="nndec",
        description="Restore the model that an NMC bitstream holds.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stream", type=Path, metavar="IN.nmc", help="the stream; - for standard input")
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="an .onnx, .safetensors or .npz file, or NAME.safetensors.index.json for shards; for a set a folder",
    )
    output.add_argument(
        "--conformance", action="store_true", help="write a tensor dump to standard output (SPEC.md Annex B.3)"
    )
    parser.add_argument("--tensor", action="append", metavar="NAME", help="decode this tensor only; may be repeated")
    parser.add_argument(
        "--model", action="append", metavar="NAME", help="decode this model of a set only; may be repeated"
    )
    parser.add_argument(
        "--conceal",
        action="store_true",
        help="where slices are damaged, write what is left, and say on stderr what is made up",
    )
    parser.add_argument(
        "--format",
        choices=list(SUFFIXES.values()),
        help="what to write into a folder; default: what each model was made from, as far as its stream says",
    )
    add_reference_arguments(parser)
    add_work_arguments(parser)
    add_common_arguments(parser)
    add_decoding_arguments(parser)
    return parser


def body(arguments: argparse.Namespace) -> None:
    """Restore one model, or those of a set."""
    if arguments.conformance and (arguments.json or arguments.conceal):
        raise UsageError("--conformance goes with neither --json nor --conceal")
    refuse_overwriting(arguments.output, [arguments.stream, *arguments.ref])
    if arguments.tensor and arguments.output and format_of_name(arguments.output) == SUFFIXES[".onnx"]:
        raise UsageError("single tensors have no graph: write them to .safetensors or .npz")
    begin = time.perf_counter()
    data = None if _is_ranged(arguments) else view_stream(arguments.stream)
    if data is not None and is_set(data):
        if arguments.conceal:
            raise UsageError("--conceal is for the stream of one model; this is a set")
        restore_set(arguments, data)
        return
    if arguments.model or arguments.format:
        raise UsageError("--model and --format are for sets; this is the stream of one model")
    if arguments.conformance:
        write_tds([(None, decode_model(arguments, data))], sys.stdout.buffer)
        return
    restored, gaps = conceal_model(arguments) if arguments.conceal else (restore_model(arguments, data), None)
    seconds = time.perf_counter() - begin
    if arguments.json:
        print_json(summary(arguments, restored, seconds) | ({} if gaps is None else {"gaps": [*map(asdict, gaps)]}))
        return
    counted = f"{len(restored.tensors)} tensors, {restored.nbytes:,} bytes"
    sys.stdout.write(f"{arguments.output}: {counted}, {seconds:.1f} s\n")


def _is_ranged(arguments: argparse.Namespace) -> bool:
    """Whether only parts of the file need to be read."""
    if not arguments.tensor or arguments.model or arguments.ref or arguments.refs or str(arguments.stream) == "-":
        return False
    with arguments.stream.open("rb") as file:
        return not is_set(file.read(LONGEST_START))


def restore_model(arguments: argparse.Namespace, data: memoryview | None) -> DecodedFile:
    """Write the model that the arguments name: from file to file, or where single tensors are asked for these."""
    if data is None or arguments.tensor:
        model = decode_model(arguments, data)
        save(model, arguments.output)
        return DecodedFile.of(model)
    limits = limits_of(arguments)
    known = References(arguments.ref, arguments.refs, limits)
    references = known.needed_by(data)
    refuse_overwriting(arguments.output, known.files)
    with watched_work(f"decoding {arguments.stream.name}", arguments.jobs) as work:
        return decode_file(data, arguments.output, references, limits=limits, work=work)


def conceal_model(arguments: argparse.Namespace) -> tuple[DecodedFile, Sequence[Gap]]:
    """Write what is left of a damaged stream, and say what is not."""
    if arguments.tensor or str(arguments.stream) == "-":
        raise UsageError("--conceal restores a whole model, from a file")
    limits = limits_of(arguments)
    references = References(arguments.ref, arguments.refs, limits).needed_by(map_file(arguments.stream))
    with (
        watched_work(f"decoding {arguments.stream.name}", arguments.jobs) as work,
        open_stream(arguments.stream, references, limits) as reader,
    ):
        found = reader.concealed(work)
    save(found.model, arguments.output)
    for gap in found.gaps:
        sys.stderr.write(f"nndec: note: {printable(gap.name)}: bytes {gap.start} to {gap.stop - 1} were lost\n")
    return DecodedFile.of(found.model), found.gaps


def decode_model(arguments: argparse.Namespace, data: memoryview | None) -> Model:
    """The model that the arguments name. Raises UsageError for a tensor name that the stream does not have."""
    limits = limits_of(arguments)
    with watched_work(f"decoding {arguments.stream.name}", arguments.jobs) as work:
        try:
            if data is None:
                with open_stream(arguments.stream, (), limits) as reader:
                    return reader.tensors(arguments.tensor, work)
            references = References(arguments.ref, arguments.refs, limits).needed_by(data)
            return decode(data, references, limits=limits, tensors=arguments.tensor, work=work)
        except UnknownNameError as error:
            raise UsageError(f"{error}; nninfo lists them") from None


def restore_set(arguments: argparse.Namespace, data: memoryview) -> None:
    """Restore models of the set `data`: all, or those that the arguments name."""
    if arguments.tensor:
        raise UsageError("--tensor goes with the stream of one model; this is a set")
    begin = time.perf_counter()
    one_file = arguments.output is not None and format_of_name(arguments.output) is not None
    if one_file and len(arguments.model or ()) != 1:
        raise UsageError(f"{arguments.output} is one file, this is a set: give a folder, or one --model")
    if arguments.format and (one_file or arguments.conformance):
        raise UsageError("--format is for models that are written into a folder")
    with watched_work(f"decoding {arguments.stream.name}", arguments.jobs) as work:
        models = _models_of(arguments, data, work)
        if arguments.conformance:
            write_tds(list(models), sys.stdout.buffer)
            return
        rows = _saved(models, arguments, one_file=one_file)
    seconds = time.perf_counter() - begin
    if arguments.json:
        found = [summary(arguments, restored, seconds) | {"output": str(path)} for path, restored in rows]
        print_json({"models": found})
        return
    for path, restored in rows:
        sys.stdout.write(f"{path}: {len(restored.tensors)} tensors, {restored.nbytes:,} bytes\n")
    sys.stdout.write(f"models restored: {len(rows)}, {seconds:.1f} s\n")


def _models_of(arguments: argparse.Namespace, data: memoryview, work: Work) -> Iterator[tuple[str, Model]]:
    """The models that the arguments name, as they are decoded."""
    limits = limits_of(arguments)
    known = References(arguments.ref, arguments.refs, limits)
    try:
        reader = SetReader(data, known.needed_by(data, arguments.model), limits)
        if arguments.output is not None and format_of_name(arguments.output) is None:
            for file in (f"{name}{suffix}" for name in reader.names for suffix in SUFFIXES):
                refuse_overwriting(arguments.output / file, known.files)
        yield from reader.models(arguments.model, work)
    except UnknownNameError as error:
        raise UsageError(f"{error}; nninfo lists them") from None


def _saved(
    models: Iterator[tuple[str, Model]], arguments: argparse.Namespace, *, one_file: bool
) -> list[tuple[Path, DecodedFile]]:
    """Write models as they come; the files, and what they hold."""
    restored: list[DecodedFile] = []

    def noted() -> Iterator[tuple[str, Model]]:
        for name, model in models:
            restored.append(DecodedFile.of(model))
            yield name, model

    if one_file:
        for _, model in noted():
            save(model, arguments.output)
        paths = [arguments.output]
    else:
        paths = save_all(noted(), arguments.output, arguments.format)
    return list(zip(paths, restored, strict=True))


def summary(arguments: argparse.Namespace, restored: DecodedFile, seconds: float) -> dict[str, Any]:
    """Everything that `--json` prints."""
    return {
        "input": str(arguments.stream),
        "output": str(arguments.output),
        "content_id": None if arguments.tensor else restored.content_id,
        "topology": restored.topology.format.name.lower(),
        "elements": sum(tensor.size for tensor in restored.tensors),
        "bytes": restored.nbytes,
        "seconds": round(seconds, 3),
        "tensors": [tensor_row(*row) for row in zip(restored.tensors, restored.content_ids, strict=True)],
    }


def tensor_row(tensor: TensorHeader, content_id: bytes) -> dict[str, Any]:
    """One tensor for `--json`."""
    return {
        "name": tensor.name,
        "dtype": tensor.dtype.name.lower(),
        "shape": tensor.shape,
        "bytes": tensor.nbytes,
        "content_id": content_id,
    }


def last_words(arguments: argparse.Namespace, error: BaseException) -> str:
    """In conformance mode, the line that tells the runner why a stream was rejected (Annex B.3); else what may help."""
    if arguments.conformance and isinstance(error, BitstreamError):
        return error_line(error) + "\n"
    is_whole = not (arguments.conceal or arguments.tensor or arguments.model or arguments.conformance)
    if is_whole and isinstance(error, BitstreamError) and error.error_class == ErrorClass.UNIT_CRC:
        return "nndec: if only slices are damaged, --conceal writes what is left of the model\n"
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of nndec."""
    return run(make_parser(), body, argv, last_words)


if __name__ == "__main__":
    sys.exit(main() or ExitCode.DONE)
