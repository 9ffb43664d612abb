"""SPEC.md clause 3.3 (informative): many leb128 at a time, as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def leb128_bytes(maximum: int) -> int:
    """Bytes of the leb128 of a number up to `maximum`, at most."""
    return max(1, -(-maximum.bit_length() // 7))


def read_leb128s(data: bytes, most: int, maximum: int) -> tuple[Integers, int]:
    """The first numbers in `data`, `most` at most, up to one that breaks a rule or the `maximum`; and their bytes."""
    octets, longest = np.frombuffer(data, np.uint8), leb128_bytes(maximum)
    ends = np.flatnonzero(octets < 128)[:most] + 1
    begins = np.append(0, ends)[: ends.size]
    sizes, values = ends - begins, np.zeros(ends.size, np.int64)
    for place in range(min(longest, int(sizes.max(initial=0)))):
        (longer,) = np.nonzero(sizes > place)
        values[longer] |= (octets[begins[longer] + place].astype(np.int64) & 127) << (7 * place)
    is_wrong = (sizes > longest) | ((sizes > 1) & (octets[ends - 1] == 0)) | (values > maximum)
    right = int(np.argmax(is_wrong)) if is_wrong.any() else ends.size
    return values[:right], int(ends[right - 1]) if right else 0


def write_leb128s(values: Integers, maximum: int) -> bytes:
    """The bytes of all `values`. Raises ValueError where one is not within 0 to `maximum`."""
    if values.size and not 0 <= values.min() <= values.max() <= maximum:
        raise ValueError(f"{values.min()} or {values.max()} is not in 0..{maximum}")
    sizes = np.ones(values.size, np.int64)
    for more in range(1, leb128_bytes(maximum)):
        sizes += values >> (7 * more) > 0
    begins, octets = np.cumsum(sizes) - sizes, np.zeros(int(sizes.sum()), np.uint8)
    for place in range(leb128_bytes(maximum)):
        (longer,) = np.nonzero(sizes > place)
        goes_on = (sizes[longer] > place + 1).astype(np.int64) << 7
        octets[begins[longer] + place] = (values[longer] >> (7 * place)) & 127 | goes_on
    return octets.tobytes()
