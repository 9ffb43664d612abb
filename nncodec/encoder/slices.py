"""SPEC.md clause E.10 (informative): what is done to a slice: its levels chosen, and coded by each coder to be tried.

A slice is coded by whoever is free: tasks and results can be pickled, and share no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.difference import differ, exponents
from nncodec.encoder.rans_model import Material, model_of
from nncodec.encoder.runs import Decoded, Run, decoded_runs
from nncodec.encoder.sums import Sums
from nncodec.entropy.binarisation import FOLDED_BYTES, Levels, levels_to_folded
from nncodec.entropy.mixing.coder import Area
from nncodec.entropy.payload import encode_levels, encode_words
from nncodec.entropy.rans.coder import WordArea
from nncodec.entropy.rans.coder import encode_words as encode_by_rans
from nncodec.limits import MAX_EXPANSION
from nncodec.prediction import WordPredictor
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import DType, EntropyCoder, LevelWidth

_TRIED_WHOLE = 1 << 21
_SAMPLED = 1 << 17

Payloads = dict[EntropyCoder, bytes]
Coded = tuple[Payloads, list[Decoded]]
"""The payloads of a slice under each coder that is worth trying, and what becomes of its tensor parts with levels."""


@dataclass(frozen=True)
class LevelPart:
    """A tensor part with levels: what they are chosen from, or they themselves, and what a decoder does with them."""

    run: Run
    area: Area
    width: LevelWidth
    quantiser: Quantiser
    levels: npt.NDArray[np.signedinteger[Any]] | None

    def found(self) -> Levels:
        """The levels."""
        return self.run.levels() if self.levels is None else self.levels.astype(np.int32, copy=False)


@dataclass(frozen=True)
class LevelTask:
    """A slice of levels and the coders to try.

    measures: the distortion is asked for. decodes: what decoders make of it is asked for at all.
    """

    coders: tuple[EntropyCoder, ...]
    parts: list[LevelPart]
    size: int
    is_fast: bool
    measures: bool
    decodes: bool = True

    def coded(self) -> Coded:
        """The levels, coded and decoded."""
        levels = np.concatenate([part.found() for part in self.parts])
        decoded = self._decoded(levels) if self.decodes else []
        payloads = {coder: self._payload(coder, levels) for coder in self.coders}
        return _believable(payloads, self.size), decoded

    def _decoded(self, levels: Levels) -> list[Decoded]:
        runs, quantisers = [part.run for part in self.parts], [part.quantiser for part in self.parts]
        return decoded_runs(runs, levels, quantisers, measures=self.measures)

    def _payload(self, coder: EntropyCoder, levels: Levels) -> bytes | None:
        if coder != EntropyCoder.RANS:
            ends = accumulate((part.area.count for part in self.parts), initial=0)
            cut = (levels[begin:end] for begin, end in pairwise(ends))
            parts = [(found, part.area, part.width) for found, part in zip(cut, self.parts, strict=True)]
            return encode_levels(parts, coder)
        words = levels_to_folded(levels)
        areas = [WordArea(part.area.count) for part in self.parts]
        return _by_rans(Material(words, areas, FOLDED_BYTES, None, self.is_fast))


@dataclass(frozen=True)
class WordPart:
    """A tensor part of exact words, and what predicts them."""

    data: npt.NDArray[np.uint8]
    prediction: WordPredictor | None


@dataclass(frozen=True)
class WordTask:
    """A slice of exact words of `width` bytes and the coders to try."""

    coders: tuple[EntropyCoder, ...]
    parts: list[WordPart]
    width: int
    dtype: DType
    is_fast: bool

    @property
    def size(self) -> int:
        """Bytes of the words."""
        return sum(part.data.size for part in self.parts)

    def coded(self) -> Coded:
        """The words, coded; decoding gives them back."""
        data, areas = self._words()
        payloads: dict[EntropyCoder, bytes | None] = {}
        for coder in self.coders:
            if coder != EntropyCoder.LZMA2 or self._is_promising(data, payloads.get(EntropyCoder.RANS)):
                payloads[coder] = self._payload(coder, data, areas)
        return _believable(payloads, self.size), []

    def _words(self) -> tuple[memoryview, list[WordArea]]:
        """What is coded: the words as they are, or their differences."""
        if all(part.prediction is None for part in self.parts):
            areas = [WordArea(part.data.size // self.width) for part in self.parts]
            data = [part.data for part in self.parts]
            return (data[0] if len(data) == 1 else np.concatenate(data)).data, areas
        found, areas = [], []
        for part in self.parts:
            predicted = part.prediction.words() if part.prediction is not None else bytes(part.data.size)
            found.append(differ(part.data.data, predicted, self.dtype, self.width))
            areas.append(WordArea(part.data.size // self.width, exponents(predicted, self.dtype, self.width)))
        return memoryview(b"".join(found)), areas

    def _payload(self, coder: EntropyCoder, data: memoryview, areas: Sequence[WordArea]) -> bytes | None:
        if coder != EntropyCoder.RANS:
            return encode_words(data, self.width, coder)
        words = np.frombuffer(data, f"<u{self.width}").astype(f"u{self.width}", copy=False)
        is_difference = self.parts[0].prediction is not None
        return _by_rans(Material(words, areas, self.width, None if is_difference else self.dtype, self.is_fast))

    def _is_promising(self, data: memoryview, rans: bytes | None) -> bool:
        """Whether LZMA2, which is slow, may beat rANS: tried whole if the slice is short, else on a sample of it."""
        if rans is None or self.size <= _TRIED_WHOLE:
            return True
        begin = self.size // 2 // self.width * self.width
        sample = data[begin : begin + _SAMPLED]
        return len(encode_words(sample, self.width, EntropyCoder.LZMA2)) * self.size < len(rans) * len(sample)


def _by_rans(material: Material) -> bytes | None:
    found = model_of(material)
    return None if found is None else encode_by_rans(material.words, material.areas, found.head, found.known)


def _believable(payloads: dict[EntropyCoder, bytes | None], size: int) -> Payloads:
    """Without those that there are not, or that no decoder takes (9.3, 9.4)."""
    found = {coder: payload for coder, payload in payloads.items() if payload is not None}
    return {coder: payload for coder, payload in found.items() if size <= MAX_EXPANSION * len(payload)}


def code_slice(task: LevelTask | WordTask) -> Coded:
    """Do the work of a task."""
    return task.coded()


@dataclass(frozen=True)
class SurveyTask:
    """Tensor parts with levels of which the sums of clause E.6 are asked for; keeps: the levels too."""

    runs: list[Run]
    keeps: bool


def survey_slice(task: SurveyTask) -> list[tuple[Sums, npt.NDArray[np.signedinteger[Any]] | None]]:
    """The sums of each part, and its levels in the narrowest type."""
    found = []
    for run in task.runs:
        levels = run.levels()
        found.append((run.sums(levels), _narrow(levels) if task.keeps else None))
    return found


def _narrow(levels: Levels) -> npt.NDArray[np.signedinteger[Any]]:
    low, high = int(levels.min(initial=0)), int(levels.max(initial=0))
    kinds: tuple[type[np.signedinteger[Any]], ...] = (np.int8, np.int16)
    fitting = [kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max]
    return levels.astype(fitting[0]) if fitting else levels
