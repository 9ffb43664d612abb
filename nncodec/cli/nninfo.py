"""Command line (informative): nninfo: what is inside an NMC stream, and where its bytes go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nncodec.cli.common import (
    ExitCode,
    UsageError,
    add_common_arguments,
    add_decoding_arguments,
    add_reference_arguments,
    limits_of,
    print_json,
    printable,
    run,
    view_stream,
)
from nncodec.cli.references import NO_REFERENCE, Link, References
from nncodec.errors import InvalidStreamError
from nncodec.inspection import SetInfo, StreamInfo, inspect, inspect_set
from nncodec.set_decoder import SetReader
from nncodec.set_stream import is_set
from nncodec.stream import Identity, read_identity, read_parents
from nncodec.syntax.descriptors import STREAM, Element

if TYPE_CHECKING:
    from rich.table import Table

EPILOG = "exit codes: 0 done, 1 the stream was rejected, 2 usage, 3 the stream needs something newer"
_LONGEST_VALUE = 48
_WIDE = 10_000
"""Columns where nobody looks at a screen: no name is cut."""


def make_parser() -> argparse.ArgumentParser:
    """The command line of nninfo."""
    parser = argparse.ArgumentParser(
        prog="nninfo", description="Show what an NMC bitstream holds. No weights are decoded.", epilog=EPILOG
    )
    parser.add_argument("stream", type=Path, metavar="IN.nmc", help="the stream; - for standard input")
    parser.add_argument("--model", metavar="NAME", help="show this model of a set")
    parser.add_argument(
        "--syntax", action="store_true", help="every syntax element: offset, width in bits, descriptor, value, clause"
    )
    add_reference_arguments(parser)
    add_common_arguments(parser)
    add_decoding_arguments(parser)
    return parser


def body(arguments: argparse.Namespace) -> None:
    """Show one stream, or what a set holds."""
    data, limits = view_stream(arguments.stream), limits_of(arguments)
    references = References(arguments.ref, arguments.refs, limits)
    if not is_set(data):
        if arguments.model is not None:
            raise UsageError("--model names a model of a set; this is the stream of one model")
        show_stream(arguments, data, references)
        return
    reader = SetReader(data, references.given, limits)
    if arguments.model is None:
        show_set(arguments, reader, references)
    elif arguments.model not in reader.names:
        raise UsageError(f"the set has no model {arguments.model!r}; nninfo lists them")
    else:
        add_parents(arguments, data, references)
        show_stream(arguments, reader.stream(arguments.model), references)


def add_parents(arguments: argparse.Namespace, data: memoryview, references: References) -> None:
    """Have the models of the set at hand that the one asked for is predicted from, as far as these can be decoded."""
    reader = SetReader(data, references.needed_by(data, [arguments.model]), limits_of(arguments))
    for parent in reader.parents(arguments.model):
        try:
            references.add(reader.model(parent), arguments.stream)
        except InvalidStreamError as error:
            if error.error_class not in NO_REFERENCE:
                raise


def show_set(arguments: argparse.Namespace, reader: SetReader, references: References) -> None:
    """Show the models of a set, what they cost, and what they are predicted from."""
    info = inspect_set(reader)
    if not print_elements(arguments, info):
        print_set(info)
        print_chain(references.chain(reader.needs()))


def show_stream(arguments: argparse.Namespace, data: memoryview, references: References) -> None:
    """Show the stream of one model."""
    limits = limits_of(arguments)
    try:
        info = inspect(data, references.needed_by(data) or None, limits)
    except InvalidStreamError as error:
        if error.error_class not in NO_REFERENCE or arguments.syntax:
            raise
        print_identity(arguments, read_identity(data, limits), len(data))
        if not arguments.json:
            print_chain(references.chain(read_parents(data, limits)))
        return
    if not print_elements(arguments, info):
        print_overview(info)
        print_chain(references.chain(read_parents(data, limits)))


def print_elements(arguments: argparse.Namespace, info: StreamInfo | SetInfo) -> bool:
    """Print JSON, or the syntax, if that is asked for; whether it was."""
    if arguments.json:
        print_json(as_json(info, with_syntax=arguments.syntax))
    elif arguments.syntax:
        sys.stdout.writelines(syntax_line(element) + "\n" for element in info.elements)
    return bool(arguments.json or arguments.syntax)


def print_identity(arguments: argparse.Namespace, identity: Identity, size: int) -> None:
    """What can be said of an update whose reference is not at hand."""
    document = {
        "size": size,
        "profile": identity.start.profile.name.lower(),
        "level": identity.start.level,
        "content_id": identity.content_id,
        "parents": [parent.hex() for parent in identity.parents],
        "element_count": identity.start.element_count,
        "decoded_size": identity.start.decoded_size,
    }
    if arguments.json:
        print_json(document)
        return
    sys.stdout.write(
        f"NMC update, {size:,} bytes, of a model of {identity.start.tensor_count} tensors, "
        f"{identity.start.element_count:,} elements\nmodel          {identity.content_id.hex()}\n"
    )
    sys.stdout.write("Its tensor table is taken from the model it needs: give that with --ref or --refs to see it.\n")


def print_chain(chain: Iterable[Link]) -> None:
    """The models that a stream needs, each below what needs it, with the files that hold them."""
    for link in chain:
        where = "not at hand" if link.path is None else str(link.path)
        sys.stdout.write(f"{'  ' * (link.depth - 1)}needs model    {link.content_id.hex()}  ({where})\n")


def as_json(info: StreamInfo | SetInfo, *, with_syntax: bool) -> dict[str, Any]:
    """Everything that `--json` prints."""
    document = asdict(info) | {"bits_per_weight": info.bits_per_weight}
    elements = document.pop("elements")
    if with_syntax:
        document["elements"] = elements
    return document


def syntax_line(element: Element) -> str:
    """One syntax element on one line; offsets inside a compressed body are marked with a plus sign."""
    offset = f"{element.offset}" if element.region == STREAM else f"+{element.offset}"
    value = element.value
    shown = value.name if isinstance(value, IntEnum) else value.hex() if isinstance(value, bytes) else repr(value)
    if len(shown) > _LONGEST_VALUE:
        shown = f"{shown[:_LONGEST_VALUE]}... ({element.size} bytes)"
    head = f"{offset:>10}  {8 * element.size:>6}  {element.clause:<5}  {element.descriptor:<18}"
    return f"{head}  {element.path} = {shown}"


def print_overview(info: StreamInfo) -> None:
    """Totals, where the bytes go, and the tensors, for people."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(
        f"NMC version {info.version}, profile {info.profile}, level {info.level}\n"
        f"model          {info.content_id}\n"
        f"topology       {info.topology_format}, {info.topology_bytes:,} bytes\n"
        f"tensors        {len(info.tensors)}, {info.element_count:,} elements, {info.decoded_size:,} bytes decoded\n"
        f"stream         {info.size:,} bytes, {info.bits_per_weight:.3f} bits/weight",
        markup=False,
    )
    console.print(_unit_table(info))
    console.print(_tensor_table(info))


def print_set(info: SetInfo) -> None:
    """The models of a set, for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(
        f"NMC set, profile {info.profile}, level {info.level}, {len(info.models)} models\n"
        f"tensors        {info.tensor_count}, {info.element_count:,} elements, {info.decoded_size:,} bytes decoded\n"
        f"stream         {info.size:,} bytes, {info.bits_per_weight:.3f} bits/weight",
        markup=False,
    )
    table = Table("model", "bytes", "share", "elements", "predicted from", "content id")
    for column in table.columns[1:4]:
        column.justify = "right"
    for model in info.models:
        parents = ", ".join([*model.parents, *(f"{parent[:12]}..." for parent in model.parents_outside)])
        share = f"{model.size / info.size:.1%}"
        row = (escape(printable(model.name)), f"{model.size:,}", share, f"{model.element_count:,}", escape(parents))
        table.add_row(*row, f"{model.content_id[:12]}...")
    console.print(table)


def _unit_table(info: StreamInfo) -> Table:
    from rich.table import Table

    table = Table("unit", "offset", "bytes", "share", title="where the bytes go", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("start", "0", f"{info.units[0].offset:,}", f"{info.units[0].offset / info.size:.1%}")
    slices = iter(info.slices)
    for unit in info.units:
        label = unit.unit_type
        if label == "slice":
            part = next(slices)
            label = f"slice: {part.symbol_count:,} {part.representation} symbols, {part.entropy_coder}"
        table.add_row(label, f"{unit.offset:,}", f"{unit.size:,}", f"{unit.size / info.size:.1%}")
    return table


def _tensor_table(info: StreamInfo) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("tensor", "type", "shape", "coded as", "step", title="tensors", title_justify="left")
    for tensor in info.tensors:
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        coded = (
            tensor.representation if tensor.prediction == "none" else f"{tensor.prediction}, {tensor.representation}"
        )
        step = "" if tensor.step is None else f"{tensor.step:g}"
        table.add_row(escape(printable(tensor.name)), tensor.dtype, shape, coded, step)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of nninfo."""
    return run(make_parser(), body, argv)


if __name__ == "__main__":
    sys.exit(main() or ExitCode.DONE)
