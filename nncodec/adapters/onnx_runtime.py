"""SPEC.md Annex D.1 (informative), running: an ONNX graph on arrays, by onnxruntime.

Nothing here is needed to encode or decode. A graph is run on one thread, so that a number does not change from run to
run. onnxruntime executes what the graph says: give it none that you would not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state  # type: ignore[import-untyped]

from nncodec.adapters.onnx_model import PROTO_BYTES_MAX, proto_from_model
from nncodec.errors import EncodeError, UnsupportedModelError
from nncodec.model import Model

Array = npt.NDArray[Any]

BATCH: Final = 64
"""Samples that a graph with a free first axis is given at once."""

ONLY_INPUT: Final = "x"
"""Name that an array may have in place of the name of a graph's only input."""

_TYPES: Final[dict[str, np.dtype[Any]]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(bool)": np.dtype(np.bool_),
    **{f"tensor({name})": np.dtype(name) for name in ("int8", "int16", "int32", "int64")},
    **{f"tensor(u{name})": np.dtype(f"u{name}") for name in ("int8", "int16", "int32", "int64")},
}

_ERRORS: Final = tuple(
    kind for kind in vars(onnxruntime_pybind11_state).values() if isinstance(kind, type) and issubclass(kind, Exception)
)
"""onnxruntime's own exceptions have no common base."""

_NAMELESS: Final = "?"
"""What some exporters call every free axis."""

_ONLY_FATAL: Final = 4


@dataclass(frozen=True, eq=False)
class _Feed:
    """An array on its way to an input: one sample after the other, or the same whole array at each run."""

    array: Array
    by_sample: bool

    def part(self, start: int, stop: int) -> Array:
        """Samples `start` to `stop` - 1; beyond the last one it is repeated."""
        if not self.by_sample:
            return self.array
        return self.array[np.minimum(np.arange(start, stop), len(self.array) - 1)]


class OnnxRunner:
    """An ONNX graph, ready to run.

    Raises UnsupportedModelError where the model has no ONNX graph, or onnxruntime cannot load it; ModelFileError where
    graph and tensors do not belong together.
    """

    def __init__(self, model: Model) -> None:
        proto = proto_from_model(model)
        size = proto.ByteSize()
        if size > PROTO_BYTES_MAX:
            raise UnsupportedModelError(f"a graph of {size} bytes with its weights is too large to be run from memory")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_reuse = False  # it trusts the shapes that a graph claims, and exporters get them wrong
        options.log_severity_level = _ONLY_FATAL  # what goes wrong is said by an exception
        try:
            self._session = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except _ERRORS as error:
            raise UnsupportedModelError(f"onnxruntime cannot load the graph: {error}") from error

    def run(self, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
        """The outputs of the graph, in its order, for N samples.

        arrays: one for each input, by its name; for a graph of one input also `x`. The first axis counts samples; N is
        the length of the first array that has axes. An array that is not of N samples, but has exactly the shape of its
        input (a state, a rate), is given whole at each run. Elements are converted to the type of the input where that
        keeps their kind.

        A graph whose first axis is free gets 64 samples at once, or as many as an array given whole has along an axis
        that the graph calls by the same name. Any other gets as many as its first axis has, the last sample being
        repeated where N is no multiple of it.

        An output has as its first axis the samples, if it does so in each run; otherwise the runs.

        Raises EncodeError where an array is missing or does not fit, or the graph cannot run on it;
        UnsupportedModelError for inputs and outputs that are no tensors of numbers.
        """
        inputs = self._session.get_inputs()
        if not inputs:
            raise UnsupportedModelError("the graph has no inputs: there is nothing to evaluate it on")
        chosen = [_array_for(each, arrays, only=len(inputs) == 1) for each in inputs]
        first = next((index for index, array in enumerate(chosen) if array.ndim), None)
        if first is None or not len(chosen[first]):
            raise EncodeError(f"array for input {inputs[first or 0].name!r}: it holds no samples")
        count, fixed = len(chosen[first]), _batch_size(first, inputs, chosen)
        batch = min(BATCH, count) if fixed is None else fixed
        feeds = {each.name: _feed(each, array, count, batch) for each, array in zip(inputs, chosen, strict=True)}
        starts = range(0, count, batch)
        stops = [min(start + batch, count) if fixed is None else start + batch for start in starts]
        runs = [self._run_once(feeds, *between) for between in zip(starts, stops, strict=True)]
        lengths = [stop - start for start, stop in zip(starts, stops, strict=True)]
        return tuple(_joined(parts, lengths)[:count] for parts in zip(*runs, strict=True))

    def _run_once(self, feeds: Mapping[str, _Feed], start: int, stop: int) -> list[Array]:
        try:
            outputs = self._session.run(None, {name: feed.part(start, stop) for name, feed in feeds.items()})
        except _ERRORS as error:
            raise EncodeError(f"onnxruntime cannot run the graph on samples {start} to {stop - 1}: {error}") from error
        for about, output in zip(self._session.get_outputs(), outputs, strict=True):
            if not (
                isinstance(output, np.ndarray) and (np.issubdtype(output.dtype, np.number) or output.dtype == bool)
            ):
                raise UnsupportedModelError(f"output {about.name!r} of type {about.type} is no tensor of numbers")
        return list(outputs)


def _fixed(dimension: object) -> int | None:
    """The dimension, if the graph fixes it; it names those that are free, or has nothing to say of them."""
    return dimension if isinstance(dimension, int) and dimension > 0 else None


def _batch_size(first: int, inputs: Sequence[Any], arrays: Sequence[Array]) -> int | None:
    """Samples that the input `first` must be given at once; None where it takes any number."""
    own = next(iter(inputs[first].shape), None)
    if _fixed(own) is not None:
        return _fixed(own)
    for about, array in zip(inputs, arrays, strict=True):
        for name, size in list(zip(about.shape, array.shape, strict=False))[1:]:
            if isinstance(own, str) and name == own != _NAMELESS:
                return int(size)
    return None


def _array_for(about: Any, arrays: Mapping[str, Array], *, only: bool) -> Array:  # noqa: ANN401  onnxruntime's NodeArg
    """The array for the input `about`, of its element type."""
    name = ONLY_INPUT if only and about.name not in arrays else about.name
    if name not in arrays:
        hint = f" or {ONLY_INPUT!r}" if only else ""
        raise EncodeError(f"no array {about.name!r}{hint} for the input of the graph; there are: {', '.join(arrays)}")
    dtype = _TYPES.get(about.type)
    if dtype is None:
        raise UnsupportedModelError(f"input {about.name!r} of type {about.type} is no tensor of numbers")
    array = arrays[name]
    cast = array.astype(dtype) if np.can_cast(array.dtype, dtype, "same_kind") else None
    if cast is None or (dtype.kind in "iu" and not np.array_equal(cast, array)):
        raise EncodeError(f"array {name!r} of {array.dtype} does not go into the input {about.name!r} of {dtype}")
    return cast


def _feed(about: Any, array: Array, count: int, batch: int) -> _Feed:  # noqa: ANN401  onnxruntime's NodeArg
    shape = tuple(map(_fixed, about.shape))
    if len(shape) == array.ndim:
        fits = [size in (None, own) for size, own in zip(shape, array.shape, strict=True)]
        if shape and all(fits[1:]) and len(array) == count and shape[0] in (None, batch):
            return _Feed(array, by_sample=True)
        if all(fits) and (not shape or shape[0] is not None):
            return _Feed(array, by_sample=False)
    takes = ", ".join("any" if size is None else str(size) for size in shape)
    raise EncodeError(f"array of shape {array.shape} does not go into the input {about.name!r} of shape ({takes})")


def _joined(parts: Sequence[Array], lengths: Sequence[int]) -> Array:
    """One array of the same output of all runs, which had `lengths` samples."""
    by_sample = all(part.ndim and len(part) == length for part, length in zip(parts, lengths, strict=True))
    if by_sample and len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    if len({part.shape for part in parts}) > 1:
        raise EncodeError("an output has another shape in each run: evaluate the model by a callable of your own")
    return np.stack(parts)
