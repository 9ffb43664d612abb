"""A channel that flips bits, and what receivers hold when a damaged stream has come in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import nncodec
from nncodec import BitstreamError, Gap, Model, Tensor


@dataclass(frozen=True)
class Sent:
    """A stream on its way. references: what the receiver decodes it with; whole: the model when nothing is lost."""

    stream: bytes
    references: tuple[Model, ...]
    whole: Model

    @staticmethod
    def of(stream: bytes, references: Sequence[Model] = ()) -> Sent:
        """The same, decoded here."""
        return Sent(stream, tuple(references), nncodec.decode(stream, references))


@dataclass(frozen=True)
class Received:
    """What came out. model: None where the stream was lost as a whole. undetected: whether damage passed unseen."""

    model: Model | None
    gaps: tuple[Gap, ...]
    undetected: bool


def flipped(stream: bytes, rate: float, rng: np.random.Generator) -> bytes:
    """`stream` after a channel that flips each bit with probability `rate`, independently."""
    data = np.frombuffer(stream, np.uint8).copy()
    bits = rng.choice(8 * data.size, rng.binomial(8 * data.size, rate), replace=False)
    np.bitwise_xor.at(data, bits // 8, (1 << bits % 8).astype(np.uint8))
    return data.tobytes()


def received(sent: Sent, arrived: bytes) -> Received:
    """What the public API makes of the bytes that arrived: all of it, all but some slices, or nothing."""
    if arrived == sent.stream:
        return Received(sent.whole, (), undetected=False)
    accepted = _accepts(arrived, sent.references)
    try:
        with nncodec.open(io.BytesIO(arrived), sent.references) as reader:
            found = reader.concealed()
    except BitstreamError:
        return Received(None, (), accepted)
    return Received(found.model, found.gaps, accepted or not _agree(found.model, sent.whole, found.gaps))


def filled(model: Model, gaps: Iterable[Gap], older: Model) -> Model:
    """`model` with what lay in `gaps` as in the tensors of `older` that have the same name."""
    data = {tensor.name: bytearray(tensor.data) for tensor in model.tensors}
    for gap in gaps:
        data[gap.name][gap.start : gap.stop] = older.by_name[gap.name].data[gap.start : gap.stop]
    tensors = [Tensor(each.name, each.dtype, each.shape, bytes(data[each.name])) for each in model.tensors]
    return Model(tuple(tensors), model.topology)


def nothing(model: Model) -> Model:
    """The graph of `model` with all weights 0: what a receiver that never got them can do is guess."""
    tensors = [Tensor(each.name, each.dtype, each.shape, bytes(each.nbytes)) for each in model.tensors]
    return Model(tuple(tensors), model.topology)


def draws(sent: Sent, rate: float, count: int, seed: int) -> Iterator[Received]:
    """What is received in `count` independent transmissions."""
    for draw in range(count):
        yield received(sent, flipped(sent.stream, rate, np.random.default_rng([seed, draw])))


def remembered(utility: Callable[[Model], float]) -> Callable[[Model], float]:
    """`utility`, asked once for each content: many transmissions end in the same model."""
    known: dict[bytes, float] = {}

    def of(model: Model) -> float:
        if model.content_id not in known:
            known[model.content_id] = utility(model)
        return known[model.content_id]

    return of


def _accepts(arrived: bytes, references: Sequence[Model]) -> bool:
    """Whether a decoder that conceals nothing takes the bytes."""
    try:
        nncodec.decode(arrived, references)
    except BitstreamError:
        return False
    return True


def _agree(model: Model, whole: Model, gaps: Iterable[Gap]) -> bool:
    """Whether the two are the same outside of `gaps`."""
    return filled(model, gaps, whole).content_id == whole.content_id
