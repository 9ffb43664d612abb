"""SPEC.md clauses 8.4 and 9.2.3: signed integers folded into unsigned ones, and back.

Zero, minus one, one, minus two and so on are folded into 0, 1, 2, 3 and so on.
Signed and unsigned words of one width are the same bits here (two's complement), so all arithmetic is unsigned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.unsignedinteger[Any]]


def fold(words: Words) -> Words:
    """Folded form of `words`, which hold two's complement; of the same dtype."""
    one, top = words.dtype.type(1), words.dtype.type(8 * words.itemsize - 1)
    return (words << one) ^ (np.zeros_like(words) - (words >> top))


def unfold(folded: Words) -> Words:
    """Inverse of `fold`."""
    one = folded.dtype.type(1)
    return (folded >> one) ^ (np.zeros_like(folded) - (folded & one))
