"""SPEC.md clause 8.3: prediction from a reference model, and reconstruction.

The paper's Algorithm 1 (difference of models), aligned by tensor instead of by layer number, and with its inputs left
as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.model import Model, Tensor
from nncodec.quantisation import dequantise, step_of
from nncodec.rounding import Float64s, round_to, widen
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE, DType

CLAUSE = "8.3"

Levels = npt.NDArray[np.int32]


def resolve_parents(parents: Sequence[bytes], references: Sequence[Model]) -> list[Model]:
    """The reference model of each parent id, in the order of `parents`.

    Raises InvalidStreamError (REF_MISSING where no reference is given, REF_MISMATCH where none given has the id).
    """
    if not parents:
        return []
    if not references:
        what = f"the stream is predicted from model {parents[0].hex()}, and no reference was given"
        raise InvalidStreamError(ErrorClass.REF_MISSING, what, clause=CLAUSE)
    given = {reference.content_id: reference for reference in references}
    for parent in parents:
        if parent not in given:
            ids = ", ".join(content_id.hex() for content_id in given)
            what = f"the stream is predicted from model {parent.hex()}; given: {ids}"
            raise InvalidStreamError(ErrorClass.REF_MISMATCH, what, clause=CLAUSE)
    return [given[parent] for parent in parents]


def reference_tensor(parent: Model, reference: int, name: str) -> Tensor:
    """Tensor of `parent` that `reference` names: 0 the one called `name`, k the one at position k - 1.

    Raises InvalidStreamError (VALUE_RANGE) where there is none.
    """
    tensor = parent.by_name.get(name) if reference == 0 else None
    if 0 < reference <= len(parent.tensors):
        tensor = parent.tensors[reference - 1]
    if tensor is None:
        what = f"tensor {name!r}: the parent has no tensor {reference or name!r}"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause=CLAUSE)
    return tensor


def predict(reference: Tensor, shape: tuple[int, ...]) -> Float64s:
    """8.3.1: the elements of `reference` as binary64, cropped and zero-padded along every axis to `shape`; flat.

    Elements that are not finite predict 0. Raises InvalidStreamError (VALUE_RANGE) where rank or type does not allow.
    """
    if reference.dtype not in QUANTISABLE or len(reference.shape) != len(shape):
        what = f"tensor {reference.name!r} ({reference.dtype.name}, rank {len(reference.shape)}) cannot predict {shape}"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause=CLAUSE)
    values = widen(reference.data, reference.dtype).reshape(reference.shape)
    prediction = np.zeros(shape)
    common = tuple(slice(0, min(ours, theirs)) for ours, theirs in zip(shape, reference.shape, strict=True))
    prediction[common] = np.where(np.isfinite(values[common]), values[common], 0.0)
    return prediction.ravel()


def reconstruct(levels: Levels, quantiser: Quantiser, prediction: Float64s | None, dtype: DType) -> bytes:
    """8.3.3: the bytes of a tensor from its levels: dequantise, add the prediction if there is one, round to `dtype`.

    `levels` and `prediction` are flat and row-major. At most three operations in binary64, in this order.
    """
    values = dequantise(levels, step_of(quantiser), quantiser.reconstruction_offset)
    if prediction is not None:
        values = prediction + values
    return round_to(values, dtype)


def copied(reference: Tensor, name: str) -> Tensor:
    """8.3.2: the reference tensor under the name it has in the model that is decoded."""
    return Tensor(name, reference.dtype, reference.shape, reference.data)
