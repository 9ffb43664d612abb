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
from nncodec.limits import LEVELS
from nncodec.model import Model

EXIT_REJECTED, EXIT_UNSUPPORTED = 1, 3


def decode_files(stream: str, references: Sequence[str]) -> Model:
    """The model of the stream at a path. Raises BitstreamError."""
    models: list[Model] = []
    for path in references:
        models.append(decode(Path(path).read_bytes(), models, limits=LEVELS[-1]))
    return decode(Path(stream).read_bytes(), models, limits=LEVELS[-1])


def refuse(error: BitstreamError) -> int:
    """Say why a stream is not decoded; returns the exit code."""
    sys.stderr.write(f"{error}\n{error_line(error)}\n")
    return EXIT_UNSUPPORTED if isinstance(error, UnsupportedStreamError) else EXIT_REJECTED


def main(argv: Sequence[str]) -> int:
    """Entry point."""
    try:
        model = decode_files(argv[0], argv[1:])
    except BitstreamError as error:
        return refuse(error)
    write_tds(model, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
