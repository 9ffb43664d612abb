"""SPEC.md clause 3.5: rounding binary64 to an element type: to nearest, ties to even, subnormals kept, no flush."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.tables import DType

Float64s = npt.NDArray[np.float64]

_NATIVE: dict[DType, np.dtype[Any]] = {
    DType.FLOAT64: np.dtype("<f8"),
    DType.FLOAT32: np.dtype("<f4"),
    DType.FLOAT16: np.dtype("<f2"),
}


def round_to(values: Float64s, dtype: DType) -> bytes:
    """Little-endian bytes of `values` in a quantisable `dtype`. `values` holds no NaN; overflow gives infinity."""
    if dtype == DType.BFLOAT16:
        return _bfloat16_bits(values).astype("<u2").tobytes()
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(_NATIVE[dtype]).tobytes()


def widen(data: bytes | memoryview, dtype: DType) -> Float64s:
    """The elements in `data` of a quantisable `dtype` as binary64, exactly; 1-D."""
    return widen_elements(elements_of(data, dtype), dtype)


def elements_of(data: bytes | memoryview, dtype: DType) -> npt.NDArray[Any]:
    """The elements in `data` of a quantisable `dtype`, not copied; 1-D. Those of bfloat16, which numpy lacks, as u2."""
    return np.frombuffer(data, _NATIVE.get(dtype, np.dtype("<u2")))


def widen_elements(elements: npt.NDArray[Any], dtype: DType) -> Float64s:
    """What `elements_of` gives as binary64, exactly."""
    if dtype == DType.BFLOAT16:
        elements = (elements.astype(np.uint32) << np.uint32(16)).view(np.float32)
    with np.errstate(invalid="ignore"):  # raised by a signalling NaN
        return elements.astype(np.float64)


def all_are_finite(elements: npt.NDArray[Any], dtype: DType) -> bool:
    """Whether none of what `elements_of` gives is NaN or infinite."""
    return bool(np.isfinite(widen_elements(elements, dtype) if dtype == DType.BFLOAT16 else elements).all())


def _bfloat16_bits(values: Float64s) -> npt.NDArray[np.uint32]:
    # Rounding twice (to binary32, then to bfloat16) is not rounding once. Rounding first to odd - cut off, and set the
    # last bit if anything was cut - keeps what the second rounding needs to know.
    with np.errstate(over="ignore", under="ignore"):
        nearest = values.astype(np.float32)
    bits = nearest.view(np.uint32)
    wide = nearest.astype(np.float64)
    odd = (bits - (np.abs(wide) > np.abs(values))) | (wide != values)
    bits = np.where(np.isinf(values), bits, odd).astype(np.uint32)
    return (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
