"""SPEC.md Annex A: levels and every bound that a decoder checks before it takes memory.

One rule: a number that bounds untrusted input is written here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

MAX_DIMENSION: Final = 2**48
MAX_UNIT_BYTES: Final = 2**40
MAX_TERMS: Final = 2
MAX_RANK: Final = 64
"""What the syntax has room for; levels allow less."""
MAX_MODEL_NAME_BYTES: Final = 255

ANCILLARY_ROOM: Final = 2**24
"""Bytes of ancillary units before the first slice, or before the index of a set, at most, where these are sought."""
MAX_FEATURE_MASK: Final = 2**32 - 1

MAX_EXPANSION: Final = 2**13
"""No LZMA2 stream decodes to more than this many bytes for each of its own (measured limit: 6,862; clause 9.3)."""

MIN_STEP: Final = 2.0**-512
MAX_STEP: Final = 2.0**512
"""Bounds of a quantisation step; level x step is then finite and exactly defined in binary64."""

MAX_LEVEL_MAGNITUDE: Final = 2**31 - 1


@dataclass(frozen=True)
class Limits:
    """What one stream may declare (Annex A.2); every field is an inclusive maximum.

    elements: of all tensors; tensors; rank; decoded_bytes: of all tensors; name_bytes: of one name; header_bytes:
    topology and tensor table after decompression; parents: reference models; groups: slice groups; slices;
    slice_bytes: one slice before entropy coding; models: of a set. In a set the totals are those of all models.
    """

    level: int
    elements: int
    tensors: int
    rank: int
    decoded_bytes: int
    name_bytes: int
    header_bytes: int
    parents: int
    groups: int
    slices: int
    slice_bytes: int
    models: int


LEVELS: Final = (
    Limits(0, 2**18, 64, 8, 2**20, 64, 2**16, 1, 16, 64, 2**20, 2**3),
    Limits(1, 2**24, 2**12, 8, 2**26, 256, 2**22, 2, 64, 2**10, 2**24, 2**5),
    Limits(2, 2**28, 2**14, 16, 2**30, 1024, 2**24, 4, 256, 2**14, 2**26, 2**7),
    Limits(3, 2**32, 2**16, 16, 2**34, 1024, 2**26, 8, 1024, 2**16, 2**26, 2**10),
    Limits(4, 2**36, 2**20, 32, 2**38, 4096, 2**28, 16, 4096, 2**20, 2**26, 2**16),
)
"""Table A.2."""


def bounds_of(level: int, own: Limits) -> Limits:
    """What a stream of `level` may declare to a decoder that allows `own`: the lower bound of each."""
    pairs = {field.name: (getattr(LEVELS[level], field.name), getattr(own, field.name)) for field in fields(Limits)}
    return Limits(**{name: min(pair) for name, pair in pairs.items()})


DEFAULT_LEVEL: Final = 3
"""The highest level that the decoder accepts unless the caller says otherwise."""
