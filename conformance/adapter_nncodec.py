"""nncodec as a decoder under test: `adapter_nncodec.py IN [REF ...]` (contract: SPEC.md Annex B.3).

References are NMC streams; each may be predicted from those before it. Levels up to the highest are accepted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from nncodec.cli.tds import error_line, write_tds
from nncodec.decoder import decode
from nncodec.errors import BitstreamError, UnsupportedStreamError
from nncodec.limits import LEVELS, Limits
from nncodec.model import Model
from nncodec.set_decoder import decode_set
from nncodec.set_stream import is_set

Decoded = list[tuple[str | None, Model]]
"""The models of a stream: one without a name, or those of a set with theirs."""

EXIT_REJECTED, EXIT_UNSUPPORTED = 1, 3


def decode_stream(data: bytes, references: Sequence[bytes] = ()) -> Decoded:
    """What `data`, a stream or a set of models, decodes to; each reference may need those before it."""
    models: list[Model] = []
    for reference in references:
        models.append(decode(reference, models, limits=LEVELS[-1]))
    return decode_given(data, models)


def decode_given(data: bytes, references: Sequence[Model], limits: Limits = LEVELS[-1]) -> Decoded:
    """What `data`, a stream or a set of models, decodes to with these reference models. Raises BitstreamError."""
    if is_set(data):
        return list(decode_set(data, references, limits=limits).items())
    return [(None, decode(data, references, limits=limits))]


def decode_files(stream: str, references: Sequence[str]) -> Decoded:
    """What the stream at a path decodes to. Raises BitstreamError."""
    return decode_stream(Path(stream).read_bytes(), [Path(path).read_bytes() for path in references])


def refuse(error: BitstreamError) -> int:
    """Say why a stream is not decoded; returns the exit code."""
    sys.stderr.write(f"{error}\n{error_line(error)}\n")
    return EXIT_UNSUPPORTED if isinstance(error, UnsupportedStreamError) else EXIT_REJECTED


def main(argv: Sequence[str]) -> int:
    """Entry point."""
    try:
        models = decode_files(argv[0], argv[1:])
    except BitstreamError as error:
        return refuse(error)
    write_tds(models, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
