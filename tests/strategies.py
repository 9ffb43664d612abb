"""Hypothesis strategies for tensors, topologies and models, for every room.

Element bytes come from a seed rather than from hypothesis byte by byte: tensors of thousands of elements stay cheap,
and a failing example still shrinks (to fewer elements, seed 0, which is all zeros).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from nncodec.model import NO_TOPOLOGY, Model, Tensor, Topology, data_bytes, element_count
from nncodec.tables import DTYPE_BITS, DType, TopologyFormat

FLOAT_SCALE = 0.05
"""Standard deviation of weight-like floats: what trained networks look like."""

_NUMPY_FLOATS = {DType.FLOAT64: "<f8", DType.FLOAT32: "<f4", DType.FLOAT16: "<f2"}


def names(min_size: int = 1, max_size: int = 12) -> st.SearchStrategy[str]:
    """Tensor names: any Unicode without surrogates, NUL, slashes and astral characters included."""
    anything = st.text(st.characters(codec="utf-8"), min_size=min_size, max_size=max_size)
    usual = st.sampled_from(["conv1.weight", "bn.running_var", "/model/0/Conv.bias", "größe", "层.权重", "🙂"])
    return st.one_of(usual, anything)


def shapes(max_elements: int = 200) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of 0 to 5 dimensions with at most `max_elements` elements; 0-d and dimensions of 0 and 1 are common."""
    dims = st.lists(st.one_of(st.sampled_from([0, 1, 1, 2, 3]), st.integers(0, 24)), max_size=5).map(tuple)
    return dims.map(lambda shape: _cropped(shape, max_elements))


def tensors(
    dtypes: Sequence[DType] = tuple(DType),
    *,
    name: st.SearchStrategy[str] | None = None,
    shape: st.SearchStrategy[tuple[int, ...]] | None = None,
) -> st.SearchStrategy[Tensor]:
    """Tensors of `dtypes` (all by default); floats are weight-like, all zeros, or any bits (NaN, infinities)."""
    return st.builds(
        _tensor,
        names() if name is None else name,
        st.sampled_from(list(dtypes)),
        shapes() if shape is None else shape,
        st.integers(0, 2**32 - 1),
        st.sampled_from(["weights", "bits", "zeros", "sparse"]),
    )


def topologies() -> st.SearchStrategy[Topology]:
    """None, or any bytes under either format tag: to everyone but the adapters they are opaque."""
    some = st.builds(
        Topology,
        st.sampled_from([TopologyFormat.ONNX, TopologyFormat.SAFETENSORS_METADATA]),
        st.binary(max_size=80),
    )
    return st.one_of(st.just(NO_TOPOLOGY), some)


def models(
    dtypes: Sequence[DType] = tuple(DType),
    *,
    max_tensors: int = 6,
    topology: st.SearchStrategy[Topology] | None = None,
    name: st.SearchStrategy[str] | None = None,
) -> st.SearchStrategy[Model]:
    """Models of 0 to `max_tensors` tensors of distinct names."""
    several = st.lists(tensors(dtypes, name=name), max_size=max_tensors, unique_by=lambda tensor: tensor.name)
    return st.builds(Model, several.map(tuple), topologies() if topology is None else topology)


def random_data(dtype: DType, shape: tuple[int, ...], seed: int, kind: str = "weights") -> bytes:
    """Data of a tensor of `dtype` and `shape`: "weights", any "bits", "zeros" or "sparse" (mostly zeros)."""
    random = np.random.default_rng(seed)
    if dtype == DType.STRING:
        return _strings(random, element_count(shape))
    size = data_bytes(dtype, shape) or 0
    if kind == "zeros" or seed == 0:
        return bytes(size)
    if kind == "weights" and dtype in _NUMPY_FLOATS:
        values = random.normal(0.0, FLOAT_SCALE, element_count(shape))
        return values.astype(_NUMPY_FLOATS[dtype]).tobytes()
    if kind == "weights" and dtype == DType.BOOL:
        return random.integers(0, 2, size, np.uint8).tobytes()
    data = random.integers(0, 256, size, np.uint8)
    if kind == "sparse":
        data[random.random(size) < 0.9] = 0
    return data.tobytes()


def _tensor(name: str, dtype: DType, shape: tuple[int, ...], seed: int, kind: str) -> Tensor:
    return Tensor(name, dtype, shape, random_data(dtype, shape, seed, kind))


def _strings(random: np.random.Generator, count: int) -> bytes:
    """Strings of 0 to 9 bytes of UTF-8 without NUL."""
    texts = ["".join(map(chr, random.integers(1, 0x2FF, random.integers(0, 5)))).encode() for _ in range(count)]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _cropped(shape: tuple[int, ...], max_elements: int) -> tuple[int, ...]:
    while element_count(shape) > max_elements:
        shape = shape[:-1]
    return shape


def packed_padding_bits(tensor: Tensor) -> int:
    """Unused bits in the last byte of a tensor of 4- or 2-bit elements; 0 for other tensors."""
    return -(tensor.size * DTYPE_BITS[tensor.dtype]) % 8
