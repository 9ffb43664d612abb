"""Small sets of models for the tests of their encoder: relatives of one another, and strangers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from nncodec import Model, Tensor
from tests.strategies import models, names, tensors

SHAPES = {"a.weight": (40, 30), "b.weight": (24, 40), "bias": (40,)}


def random_model(seed: int, scale: float = 0.1) -> Model:
    """Two matrices and a vector, of Gaussian weights."""
    generator = np.random.default_rng(seed)
    return model_of({name: scale * generator.standard_normal(shape) for name, shape in SHAPES.items()})


def model_of(arrays: dict[str, np.ndarray]) -> Model:
    """A model of FLOAT32 tensors."""
    return Model(tuple(Tensor.from_numpy(name, array.astype(np.float32)) for name, array in arrays.items()))


def arrays_of(model: Model) -> dict[str, np.ndarray]:
    """The tensors of a model as FLOAT64, by name."""
    return {tensor.name: tensor.numpy().astype(np.float64) for tensor in model.tensors}


def changed(model: Model, seed: int, amount: float) -> Model:
    """`model` trained on: every weight off by `amount` of a typical one."""
    generator = np.random.default_rng(seed)
    return model_of(
        {
            name: values + amount * values.std() * generator.standard_normal(values.shape)
            for name, values in arrays_of(model).items()
        }
    )


def chain(length: int, amount: float = 0.1, seed: int = 0) -> dict[str, Model]:
    """Models each of which is the one before it, trained on."""
    found = [random_model(seed)]
    for number in range(1, length):
        found.append(changed(found[-1], 100 * seed + number, amount))
    return {f"m{number}": model for number, model in enumerate(found)}


@st.composite
def relatives(draw: st.DrawFn) -> dict[str, Model]:
    """Two to four models: of one drawn model, with tensors changed, renamed, replaced or left out; or strangers."""
    first = draw(models(max_tensors=4))
    found = [first]
    for _ in range(draw(st.integers(1, 3))):
        other = draw(models(max_tensors=3)) if draw(st.integers(0, 4)) == 0 else _altered(draw, first)
        found.append(other)
    labels = draw(st.lists(st.sampled_from(["a", "b", "größe", "x y", "z.w"]), unique=True, min_size=4, max_size=4))
    return dict(zip(labels, found, strict=False))


def _altered(draw: st.DrawFn, model: Model) -> Model:
    found: dict[str, Tensor] = {}
    for tensor in model.tensors:
        kind = draw(st.sampled_from(["same", "same", "noise", "renamed", "replaced", "missing"]))
        for new in _alternatives(draw, tensor, kind):
            found.setdefault(new.name, new)
    return Model(tuple(found.values()), model.topology)


def _alternatives(draw: st.DrawFn, tensor: Tensor, kind: str) -> Sequence[Tensor]:
    if kind == "missing":
        return []
    if kind == "renamed":
        return [Tensor(draw(names()), tensor.dtype, tensor.shape, tensor.data)]
    if kind == "replaced":  # of another shape or element type, mostly
        return [draw(tensors(name=st.just(tensor.name)))]
    if kind == "noise":
        return [draw(tensors([tensor.dtype], name=st.just(tensor.name), shape=st.just(tensor.shape)))]
    return [tensor]
