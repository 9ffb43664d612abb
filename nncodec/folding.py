"""SPEC.md clauses 8.4 and 9.2.3: signed integers folded into unsigned ones, and back.

Zero, minus one, one, minus two and so on are folded into 0, 1, 2, 3 and so on.
Signed and unsigned words of one width are the same bits here (two's complement), so all arithmetic is unsigned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.kernel import kernel, numba

Words = npt.NDArray[np.unsignedinteger[Any]]


def fold(words: Words) -> Words:
    """Folded form of `words`, which hold two's complement; of the same dtype."""
    if numba() is not None:
        folded = np.empty_like(words)
        fold_all(words.view(f"i{words.itemsize}"), 8 * words.itemsize - 1, folded)
        return folded
    signs = words.view(f"i{words.itemsize}") >> (8 * words.itemsize - 1)  # all ones or none
    folded = words << words.dtype.type(1)
    folded ^= signs.view(words.dtype)
    return folded


@kernel
def fold_all(words, top, folded):  # type: ignore[no-untyped-def]
    """As `fold`, of signed words whose highest bit is `top`."""
    for i in range(len(words)):
        folded[i] = (words[i] << 1) ^ (words[i] >> top)


def unfold(folded: Words) -> Words:
    """Inverse of `fold`."""
    one = folded.dtype.type(1)
    words = folded & one
    np.negative(words, out=words)
    words ^= folded >> one
    return words
