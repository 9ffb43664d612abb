"""SPEC.md clause E.10 (informative): how a slice is put before the rANS coder: binarisations, contexts, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from nncodec.difference import exponent_fields
from nncodec.encoder.estimate import trailing_zeros
from nncodec.encoder.frequencies import Integers, fit_table
from nncodec.encoder.merging import merged, table_bits, tables_bits
from nncodec.entropy.rans.binarisation import Binarisation, Kind, Tokens, Words, tokens_of
from nncodec.entropy.rans.coder import STATE_BYTES, Exponents, Known, WordArea
from nncodec.entropy.rans.head import CodingSet, Head, has_room
from nncodec.entropy.rans.kernels import ACTIVITIES
from nncodec.entropy.rans.lanes import Activities, activities
from nncodec.entropy.rans.narrow import Integers as Narrow
from nncodec.entropy.rans.narrow import counted, counted_within, looked_up
from nncodec.limits import MAX_EXPANSION
from nncodec.tables import EXPONENT_BITS, DType

Kept = TypeVar("Kept", bound=np.generic)

SYMBOLS_OF_A_LANE: Final = 4096
BYTES_OF_A_LANE: Final = 2048
MOST_LANES: Final = 4096
_SIDES = 32
_ROOM_ABOVE = 4
_CENTRE = 16
"""Where the mean exponent of an area is put, so that areas of any scale share tables."""
_FEW = 128
"""So few words are not worth a search for a model: a table is as long as all that it saves."""
_PRECISION = 3
_SMALLEST_OF_ITS_OWN = 4096
_MOST_OF_THEIR_OWN = 48
_SAMPLE = 1024
_SET_ENTRY_BITS = 40.0
_MOST_DISTINCT = 4096
_ACTIVITY_CONTEXTS = 4
_LEVEL_CONTEXTS = 16
_SURELY_BELIEVED = 4
"""So many times what a decoder asks for, estimated payloads are long enough, whatever estimates are worth."""
_MOST_TRIED = 1 << 17
_MOST_COUNTED = 1 << 14


@dataclass(frozen=True)
class Material:
    """What a slice holds: the words of `areas`, of `width` bytes.

    dtype: of exact words that are no differences; None for levels and differences, whose sign is the lowest bit.
    """

    words: Words
    areas: Sequence[WordArea]
    width: int
    dtype: DType | None
    is_fast: bool

    @cached_property
    def parts(self) -> list[Words]:
        """The words, area by area."""
        ends = accumulate((area.count for area in self.areas), initial=0)
        return [self.words[begin:end] for begin, end in pairwise(ends)]


@dataclass(frozen=True)
class Draft:
    """A set before its tables: which areas it has, and how their words become tokens."""

    how: Binarisation
    areas: tuple[int, ...]
    sides: int = 1


@dataclass(frozen=True)
class _Laid:
    """A slice as its drafts see it: tokens and, where they matter, activities of all areas; and the base of each.

    counts: for each draft, how often each token occurs.
    """

    tokens: list[Tokens]
    counts: list[Integers]
    met: Activities | None
    bases: list[int]
    lanes: int
    start: int


@dataclass(frozen=True)
class Modelled:
    """How the rANS coder codes a slice, and what is known of its words."""

    head: Head
    known: Known


def model_of(material: Material) -> Modelled | None:
    """How the rANS coder codes `material`; None where that asks for more than so few symbols may have."""
    tokeniser, count = _Tokeniser(material), len(material.words)
    if material.dtype is None or count > _FEW:
        found = _modelled(material, list(_drafts(material, tokeniser)), tokeniser)
        if has_room(found.head, count):
            return found
    if material.dtype is None:
        return None
    simplest = Draft(_plain(material, 0)[0], tuple(range(len(material.areas))))
    found = _modelled(material, [simplest], tokeniser)
    return found if has_room(found.head, count) else None


def _modelled(material: Material, drafts: Sequence[Draft], tokeniser: _Tokeniser) -> Modelled:
    laid = _lay(material, drafts, tokeniser)
    contexts = [_contexts(material, *each, laid) for each in zip(drafts, laid.counts, strict=True)]
    count, largest = len(material.words), max(max(np.count_nonzero(tables, 1)) for _, tables in contexts)
    scale = min(max(9, count.bit_length() - 4, int(largest).bit_length() + 2), 12 if largest < 512 else 15)
    sets = tuple(
        replace(each, tables=tuple(fit_table(counts, scale, _PRECISION) for counts in tables))
        for each, tables in contexts
    )
    number = {area: place for place, draft in enumerate(drafts) for area in draft.areas}
    areas = tuple((number[area], base) for area, base in enumerate(tokeniser.bases))
    head = Head(laid.lanes, scale, _PRECISION, laid.start, sets, areas, ())
    return Modelled(head, Known(_joined(laid.tokens), laid.met))


def _joined(parts: Sequence[npt.NDArray[Kept]]) -> npt.NDArray[Kept]:
    """All parts as one; not a copy where there is one."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _bases(material: Material) -> list[int]:
    """For each area the exponent that its contexts, or its tokens, are told from."""
    bases: list[int] = []
    for words, area in zip(material.parts, material.areas, strict=True):
        base = None
        if material.dtype is None and area.exponents is not None:
            base = _base_of_difference(words, area.exponents)
        elif material.dtype in EXPONENT_BITS:
            base = _base_of_floats(words, material.dtype, material.width)
        bases.append((bases[-1] if bases else 0) if base is None else base)
    return bases


def _base_of_difference(words: Words, exponents: Exponents) -> int | None:
    """An update has one size; in units of the last place that is its exponent less that of the prediction."""
    changed = words > 0
    if not changed.any():
        return None
    lengths = np.frexp(words[changed].astype(np.float64))[1]
    return round(float((lengths + exponents[changed]).mean())) + _ROOM_ABOVE - _SIDES


def _base_of_floats(words: Words, dtype: DType, width: int) -> int | None:
    exponents = exponent_fields(words[:: max(words.size // _MOST_COUNTED, 1)], dtype, width)
    exponents = exponents[exponents > 0]
    return round(float(exponents.mean())) - _CENTRE if exponents.size else None


def _drafts(material: Material, tokeniser: _Tokeniser) -> Iterator[Draft]:
    everything = tuple(range(len(material.areas)))
    if material.dtype is None:
        sides = _SIDES if any(area.exponents is not None for area in material.areas) else 1
        drafts = [Draft(how, everything, sides) for how in _folded(material)]
        yield from _split(material, tokeniser, _best_of(material, tokeniser.bases, drafts))
        return
    parts, rest = material.parts, []
    for area, words in enumerate(parts):
        palette = _palette(words, material.width)
        if palette is not None:
            yield Draft(Binarisation(Kind.PALETTE, material.width, palette=palette), (area,))
        else:
            rest.append(area)
    by_zeros: dict[int, list[int]] = {}
    for area in rest:
        by_zeros.setdefault(trailing_zeros(parts[area]), []).append(area)
    for zeros, areas in by_zeros.items():
        drafts = [Draft(how, tuple(areas)) for how in _plain(material, zeros)]
        yield from _split(material, tokeniser, _best_of(material, tokeniser.bases, drafts))


def _folded(material: Material) -> list[Binarisation]:
    mantissas = (1,) if material.is_fast else (0, 1, 2)
    return [Binarisation(Kind.FOLDED, material.width, mantissa) for mantissa in mantissas]


def _plain(material: Material, zeros: int) -> list[Binarisation]:
    """Ways to make tokens of words whose `zeros` lowest bits are 0."""
    bits = 8 * material.width
    if material.dtype in EXPONENT_BITS:
        low = bits - 1 - EXPONENT_BITS[material.dtype]
        tried = {min(mantissa, low, 13 - (bits - low)) for mantissa in ((2,) if material.is_fast else (1, 2, 3))}
        return [
            Binarisation(Kind.FLOATING, material.width, mantissa, low=low - mantissa, zeros=min(zeros, low - mantissa))
            for mantissa in sorted(tried)
        ]
    if material.width == 1:
        return [Binarisation(Kind.FLOATING, 1)]
    return [Binarisation(Kind.SIGNED, material.width, 2)]


def _palette(words: Words, width: int) -> tuple[int, ...] | None:
    """The words that occur, where they are so few that a list of them pays; None otherwise."""
    if width == 1 or not words.size:
        return None
    sample = words[:: max(words.size // _SAMPLE, 1)]
    if words.size > _SAMPLE and np.unique(sample).size > sample.size // 2:
        return None
    found, counts = np.unique(words, return_counts=True)
    if found.size > min(_MOST_DISTINCT, words.size // 2 + 1):
        return None
    bits = table_bits(counts) + 2.0 * found.size * max(8 * width - np.log2(found.size), 1)
    return tuple(int(word) for word in found) if bits < words.size * (8 * width - 6) else None


def _best_of(material: Material, bases: list[int], drafts: list[Draft]) -> Draft:
    """The draft of the fewest bits, by what comes first of the slice."""
    if len(drafts) == 1:
        return drafts[0]
    return min(drafts, key=lambda draft: _draft_bits(material, bases, draft))


def _draft_bits(material: Material, bases: list[int], draft: Draft) -> float:
    parts, room, raw = material.parts, _MOST_TRIED, 0.0
    histograms = np.zeros((draft.sides, draft.how.alphabet), np.int64)
    widths = draft.how.widths()
    for area in draft.areas:
        words = parts[area][:room]
        room -= words.size
        tokens = tokens_of(words, draft.how, bases[area])
        rows = _rows(material.areas[area], bases[area], draft)[: words.size]
        histograms += _histograms(rows, tokens, draft.sides, draft.how.alphabet)
        raw += float(widths[tokens].sum())
        if room == 0:
            break
    return tables_bits(histograms) + raw


def _rows(area: WordArea, base: int, draft: Draft) -> Integers:
    """The side context of each symbol of an area."""
    if area.exponents is None or draft.sides == 1:
        return np.zeros(area.count, np.int64)
    return np.clip(area.exponents.astype(np.int64) - base, 0, draft.sides - 1)


def _histograms(contexts: Narrow | int, tokens: Tokens, count: int, alphabet: int) -> Integers:
    if count == 1 or isinstance(contexts, int):
        return counted(tokens, alphabet).reshape(1, alphabet)
    return counted_within(contexts, tokens, (count, alphabet))


def _split(material: Material, tokeniser: _Tokeniser, draft: Draft) -> Iterator[Draft]:
    """The draft, or several for areas whose tokens are spread differently."""
    parts = material.parts
    by_size = sorted(draft.areas, key=lambda area: -parts[area].size)
    apart = [area for area in by_size[:_MOST_OF_THEIR_OWN] if parts[area].size >= _SMALLEST_OF_ITS_OWN]
    groups: list[tuple[int, ...]] = [(area,) for area in apart]
    rest = set(draft.areas) - set(apart)
    if rest:
        groups.append(tuple(sorted(rest)))
    if len(groups) == 1 or (material.is_fast and material.dtype is not None):
        yield draft
        return
    counts = [tokeniser.counts(draft, group) for group in groups]
    places = merged(np.stack(counts).astype(np.int64), _SET_ENTRY_BITS)
    for place in range(max(places) + 1):
        areas = sorted(area for group, its in zip(groups, places, strict=True) if its == place for area in group)
        yield replace(draft, areas=tuple(areas))


class _Tokeniser:
    """Makes the tokens of areas, for each binarisation once; bases: that of each area."""

    def __init__(self, material: Material) -> None:
        self.bases = _bases(material)
        self._parts = material.parts
        self._found: dict[Binarisation, dict[int, Tokens]] = {}
        self._counts: dict[tuple[Binarisation, int], Integers] = {}

    def tokens(self, draft: Draft) -> dict[int, Tokens]:
        """The tokens of every area of a draft; those of numbers, which have no base, all at once."""
        found = self._found.setdefault(draft.how, {})
        missing = [area for area in draft.areas if area not in found]
        if draft.how.kind == Kind.FLOATING:
            found |= {area: tokens_of(self._parts[area], draft.how, self.bases[area]) for area in missing}
        elif missing:
            together = tokens_of(_joined([self._parts[area] for area in missing]), draft.how, 0)
            ends = accumulate((self._parts[area].size for area in missing), initial=0)
            cut = (together[begin:end] for begin, end in pairwise(ends))
            found |= dict(zip(missing, cut, strict=True))
        return {area: found[area] for area in draft.areas}

    def counts(self, draft: Draft, areas: Sequence[int]) -> Integers:
        """How often each token occurs in some areas of a draft, together."""
        tokens, total = self.tokens(draft), np.zeros(draft.how.alphabet, np.int64)
        for area in areas:
            key = draft.how, area
            if key not in self._counts:
                self._counts[key] = counted(tokens[area], draft.how.alphabet)
            total += self._counts[key]
        return total


def _lay(material: Material, drafts: Sequence[Draft], tokeniser: _Tokeniser) -> _Laid:
    """Tokens of all areas, and the activities they meet."""
    how = {area: draft.how for draft in drafts for area in draft.areas}
    parts = material.parts
    found: dict[int, Tokens] = {}
    for draft in drafts:
        found |= tokeniser.tokens(draft)
    tokens = [found[area] for area in range(len(parts))]
    counts = [tokeniser.counts(draft, draft.areas) for draft in drafts]
    lanes = _lane_count(drafts, counts, material.width * len(material.words))
    if all(_context_counts(material, draft) == (1,) for draft in drafts):
        return _Laid(tokens, counts, None, tokeniser.bases, lanes, 0)
    of_token = {draft.how: draft.how.classes().astype(np.uint8) for draft in drafts}
    classes = _joined([looked_up(of_token[how[area]], part) for area, part in enumerate(tokens)])
    start = int(classes.mean())
    return _Laid(tokens, counts, activities(classes, lanes, start), tokeniser.bases, lanes, start)


def _lane_count(drafts: Sequence[Draft], counts: Sequence[Integers], size: int) -> int:
    """Enough lanes to keep a decoder without compiled code busy, but few enough that their states cost little.

    Where words of `size` bytes may take too little for a decoder to believe it (9.4), their states alone are enough.
    """
    bits, symbols = 0.0, 0
    for draft, its in zip(drafts, counts, strict=True):
        bits += table_bits(its) + float((its * draft.how.widths()).sum())
        symbols += int(its.sum())
    lanes = min(symbols // SYMBOLS_OF_A_LANE, int(bits / 8) // BYTES_OF_A_LANE, MOST_LANES)
    least = -(-size // MAX_EXPANSION)
    if bits / 8 < _SURELY_BELIEVED * least:
        return 1 << (-(-least // STATE_BYTES) - 1).bit_length()
    return 1 << (max(lanes, 1).bit_length() - 1)


def _contexts(material: Material, draft: Draft, counts: Integers, laid: _Laid) -> tuple[CodingSet, Integers]:
    """The set of a draft without its tables, and how often each token occurs in each of these; `counts`: in all."""
    if draft.sides == 1 and _context_counts(material, draft) == (1,):
        return CodingSet(draft.how, 1, (), (0,), ()), counts.reshape(1, -1)
    tokens = _joined([laid.tokens[area] for area in draft.areas])
    found = []
    for wanted in _context_counts(material, draft):
        inner, thresholds = _inner_contexts(draft, laid, wanted)
        count = draft.sides * (len(thresholds) + 1)
        contexts = _side_contexts(material, draft, laid) * (len(thresholds) + 1) + inner
        histograms = _histograms(contexts, tokens, count, draft.how.alphabet)
        chosen = merged(histograms)
        tables = np.zeros((max(chosen) + 1, draft.how.alphabet), np.int64)
        np.add.at(tables, chosen, histograms)
        found.append((CodingSet(draft.how, draft.sides, thresholds, tuple(chosen), ()), tables))
    return min(found, key=lambda each: tables_bits(each[1]))


def _side_contexts(material: Material, draft: Draft, laid: _Laid) -> Integers | int:
    """The context that the exponents of predictions give to each symbol of the draft; 0 for all where there is one."""
    if draft.sides == 1:
        return 0
    return np.concatenate([_rows(material.areas[area], laid.bases[area], draft) for area in draft.areas])


def _inner_contexts(draft: Draft, laid: _Laid, wanted: int) -> tuple[Narrow | int, tuple[int, ...]]:
    """The context that its activity gives to each symbol, and the thresholds: `wanted` contexts of about one size."""
    if wanted == 1 or laid.met is None:
        return 0, ()
    met = laid.met
    if len(draft.areas) < len(laid.tokens):
        ends = np.cumsum([tokens.size for tokens in laid.tokens])
        met = _joined([met[ends[area] - laid.tokens[area].size : ends[area]] for area in draft.areas])
    below = np.cumsum(counted(met, ACTIVITIES))
    cuts = np.searchsorted(below, np.arange(1, wanted) * met.size // wanted, side="right")
    thresholds = np.unique(cuts[below[cuts] > below[np.argmax(below > 0)]])
    inner = looked_up(np.searchsorted(thresholds, np.arange(ACTIVITIES), side="right").astype(np.uint8), met)
    return inner, tuple(thresholds.tolist())


def _context_counts(material: Material, draft: Draft) -> tuple[int, ...]:
    """How many contexts by activity are tried."""
    if draft.how.kind == Kind.PALETTE:
        return (1,)
    if material.dtype is None and draft.sides == 1:
        return (_LEVEL_CONTEXTS,)
    return (1,) if material.is_fast else (1, _ACTIVITY_CONTEXTS)
