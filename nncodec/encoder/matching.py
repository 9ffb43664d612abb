"""SPEC.md clause E.3 (informative): which tensors of the reference models may predict which tensor of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nncodec.encoder.config import EncoderConfig
from nncodec.errors import EncodeError
from nncodec.model import Model, Tensor

_MOST_BY_SHAPE = 4
_SMALLEST_TWIN = 32


OWN: Final = -1
"""Stands for the model itself among the references, until they are numbered for good."""


@dataclass(frozen=True)
class Relative:
    """A reference tensor: which model of the references (or OWN), which place in it."""

    parent: int
    place: int
    tensor: Tensor


@dataclass(frozen=True)
class Given:
    """The reference models; originals: by its place, what one was before it was coded with loss."""

    models: Sequence[Model] = ()
    originals: Mapping[int, Model] = field(default_factory=dict)


@dataclass
class Matcher:
    """Finds relatives of tensors. `name_map` gives names in the references for names of the model."""

    given: Given
    name_map: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the references by name, by content and by shape. Raises EncodeError on a mapped name that none has."""
        self._by_content: dict[bytes, Relative] = {}
        self._by_shape: dict[tuple[object, ...], list[Relative]] = {}
        self._places = [{tensor.name: place for place, tensor in enumerate(m.tensors)} for m in self.given.models]
        for parent, model in enumerate(self.given.models):
            for place, tensor in enumerate(model.tensors):
                relative = Relative(parent, place, tensor)
                self._by_content.setdefault(tensor.content_id, relative)
                self._by_shape.setdefault((tensor.dtype, tensor.shape), []).append(relative)
        self._by_original = {
            tensor.content_id: Relative(parent, place, self.given.models[parent].tensors[place])
            for parent, original in self.given.originals.items()
            for place, tensor in enumerate(original.tensors)
        }
        for old in self.name_map.values():
            if not any(old in places for places in self._places):
                raise EncodeError(f"no reference has the tensor {old!r} that the name map asks for")

    def same_content(self, tensor: Tensor) -> Relative | None:
        """A reference tensor with the content of `tensor`; the one of the same name if there is one."""
        if not self._by_content:
            return None
        for relative in self.named(tensor):
            if relative.tensor.content_id == tensor.content_id:
                return relative
        return self._by_content.get(tensor.content_id)

    def same_original(self, tensor: Tensor) -> Relative | None:
        """What became of a tensor with the content of `tensor` in a reference that was coded with loss."""
        return self._by_original.get(tensor.content_id) if self._by_original else None

    def named(self, tensor: Tensor) -> list[Relative]:
        """The reference tensors of the same (or the mapped) name, one a reference at most."""
        name = self.name_map.get(tensor.name, tensor.name)
        return [
            Relative(parent, places[name], self.given.models[parent].tensors[places[name]])
            for parent, places in enumerate(self._places)
            if name in places
        ]

    def shaped(self, tensor: Tensor, place: int) -> list[Relative]:
        """Reference tensors of the same type and shape, nearest in place first: for tensors whose name is new."""
        relatives = self._by_shape.get((tensor.dtype, tensor.shape), [])
        return sorted(relatives, key=lambda relative: abs(relative.place - place))[:_MOST_BY_SHAPE]


def originals(model: Model, config: EncoderConfig) -> dict[int, int]:
    """For each tensor that repeats an earlier one, bit for bit and to be treated alike, the place of the first."""
    first: dict[tuple[object, ...], int] = {}
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, tensor in enumerate(model.tensors):
        if tensor.nbytes >= _SMALLEST_TWIN:
            how = config.may_lose(tensor), config.quantises(tensor), config.quantises_finely(tensor)
            ends = bytes(tensor.data[:_SMALLEST_TWIN]), bytes(tensor.data[-_SMALLEST_TWIN:])
            alike.setdefault((tensor.dtype, tensor.shape, how, ends), []).append(place)
    found = {}
    for key, places in alike.items():
        for place in places if len(places) > 1 else ():
            known = first.setdefault((key, model.tensors[place].content_id), place)
            if known != place:
                found[place] = known
    return found
