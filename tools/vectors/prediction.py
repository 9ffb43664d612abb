"""Prediction from reference tensors (SPEC.md clauses 8.3.2 to 8.3.6 and 8.4), element by element, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import TypeVar

from tools.vectors import wire
from tools.vectors.arithmetic import FORMATS, ZERO, Number, decode, plus, reconstruct, rounded, times
from tools.vectors.draft import COMPLEX_WORD, Item, Term, half

T = TypeVar("T")
Source = Callable[[tuple[int, ...]], "tuple[int, ...] | None"]


def aligned(values: Sequence[T], dims: Sequence[int], term: Term, target: Sequence[int], zero: T) -> list[T]:
    """8.3.2: what stands at each place of `target`: an element of a reference of shape `dims`, or `zero`."""
    places = (_place(index, dims, term) for index in product(*map(range, target)))
    return [zero if place is None else values[place] for place in places]


def _place(index: tuple[int, ...], dims: Sequence[int], term: Term) -> int | None:
    """Position in memory of the element that stands at `index`; None for a zero."""
    places = list(index)
    for axis, positions in ((0, term.rows), (1, term.columns)):
        if positions:
            places[axis] = positions[places[axis]] - 1
    axes = term.axes or tuple(range(len(dims)))
    source = [0] * len(dims)
    for place, axis in zip(places, axes, strict=True):
        if not 0 <= place < dims[axis]:
            return None
        source[axis] = place
    flat = 0
    for place, dim in zip(source, dims, strict=True):
        flat = flat * dim + place
    return flat


def numbers(sources: Sequence[Item], target: Item) -> list[Number]:
    """8.3.3: the prediction of `target` from one reference for each of its terms."""
    total: list[Number | None] | None = None
    for source, term in zip(sources, target.terms, strict=True):
        values = aligned(decode(source.data, FORMATS[source.dtype]), source.dims, term, target.dims, ZERO)
        if term.gains:
            values = [times(value, gain) for value, gain in zip(values, _gains(term, target.dims), strict=True)]
        total = list(values) if total is None else [plus(*pair) for pair in zip(total, values, strict=True)]
    return [ZERO if value is None or value.magnitude is None else value for value in total or ()]


def _gains(term: Term, dims: Sequence[int]) -> Iterator[Number]:
    """The gain of every element."""
    gains = [decode(half(gain), FORMATS["float16"])[0] or ZERO for gain in term.gains]
    for index in product(*map(range, dims)):
        yield gains[0] if len(gains) == 1 else gains[index[0]]


def copied_words(source: Item, term: Term, dims: Sequence[int]) -> bytes:
    """8.3.5: the elements of `source`, aligned, bit for bit."""
    if not term.mapped and tuple(dims) == source.dims:
        return source.data
    size = wire.DTYPES[source.dtype][1] // 8
    elements = [source.data[at : at + size] for at in range(0, len(source.data), size)]
    return b"".join(aligned(elements, source.dims, term, dims, bytes(size)))


def differing(sources: Item | Sequence[Item], target: Item, group_quantiser: bytes) -> Item:
    """`target`, a tensor of levels, predicted from `sources` by its terms; its data is worked out here."""
    sources = [sources] if isinstance(sources, Item) else sources
    quantiser = target.quantiser or group_quantiser
    data = reconstruct(target.levels or (), quantiser, target.dtype, numbers(sources, target))
    return replace(target, data=data, prediction=wire.PREDICT_REFERENCE)


def exactly_differing(sources: Item | Sequence[Item], target: Item) -> Item:
    """`target`, an exact tensor, predicted from `sources` by its terms; its folded differences are worked out here."""
    sources = [sources] if isinstance(sources, Item) else sources
    is_float = target.dtype in FORMATS
    if is_float:
        predicted = rounded(numbers(sources, target), target.dtype)
    else:
        predicted = copied_words(sources[0], target.terms[0], target.dims)
    size = word_bytes(target.dtype)
    pairs = zip(_words(target.data, size), _words(predicted, size), strict=True)
    folded = [_folded(word, base, 8 * size, is_float=is_float) for word, base in pairs]
    coded = b"".join(word.to_bytes(size, "little") for word in folded)
    return replace(target, coded=coded, prediction=wire.PREDICT_REFERENCE)


def word_bytes(dtype: str) -> int:
    """7.2: bytes of a symbol of an exact tensor."""
    return COMPLEX_WORD.get(dtype, max(1, wire.DTYPES[dtype][1] // 8))


def _words(data: bytes, size: int) -> list[int]:
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def _folded(word: int, base: int, bits: int, *, is_float: bool) -> int:
    """8.4, in integers of any size: values in order, their distance, turned and folded."""
    if not is_float:
        return wire.zigzag(_centred(word - base, bits))
    distance = _rank(word, bits) - _rank(base, bits)
    if base >> (bits - 1):
        distance = -distance
    return wire.zigzag(_centred(distance, bits))


def _rank(word: int, bits: int) -> int:
    """Place of a floating-point word in the order of values: -0 is -1, +0 is 0."""
    magnitude = word & (2 ** (bits - 1) - 1)
    return -1 - magnitude if word >> (bits - 1) else magnitude


def _centred(value: int, bits: int) -> int:
    """`value` modulo 2^bits, from -2^(bits - 1) on."""
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
