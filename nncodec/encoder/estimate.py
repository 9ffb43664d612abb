"""SPEC.md clause E.3 (informative): estimates of what a tensor costs, by which the encoder compares."""

from __future__ import annotations

import numpy as np

from nncodec.entropy.binarisation import Levels, words_to_planes


def entropy_bits(levels: Levels) -> float:
    """Order-0 entropy of `levels`, in bits for the whole tensor (paper eq. 8 models the same quantity)."""
    if not levels.size:
        return 0.0
    low, high = int(levels.min()), int(levels.max())
    if high - low < max(4 * levels.size, 2**16):
        counts = np.bincount(levels.astype(np.int64) - low)
        counts = counts[counts > 0]
    else:
        counts = np.unique(levels, return_counts=True)[1]
    return float(-(counts * np.log2(counts / levels.size)).sum())


def plane_bits(words: bytes | memoryview, width: int) -> float:
    """Order-0 entropy of the byte planes of `words`, in bits: what an exact tensor costs, roughly."""
    planes = np.frombuffer(words_to_planes(words, width), np.uint8).reshape(width, -1)
    return sum(entropy_bits(plane.astype(np.int32)) for plane in planes)
