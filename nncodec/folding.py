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
    if numba() is not None and words.dtype.isnative:
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
    words = folded.copy()
    unfold_in_place(words)
    return words


def unfold_in_place(words: Words) -> None:
    """The same, where the folded words stand."""
    if numba() is not None and words.dtype.isnative:
        unfold_all(words)
        return
    one = words.dtype.type(1)
    signs = words & one
    np.negative(signs, out=signs)
    words >>= one
    words ^= signs


@kernel
def unfold_all(words):  # type: ignore[no-untyped-def]
    """As `unfold_in_place`."""
    for i in range(len(words)):
        words[i] = ~(words[i] >> 1) if words[i] & 1 else words[i] >> 1
