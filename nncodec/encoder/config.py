"""SPEC.md clause E.1 (informative): what a caller may ask of the encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from numbers import Integral, Real
from typing import Any, Final

import numpy as np

from nncodec.analysis.laplace import PAPER_ROUNDING
from nncodec.errors import EncodeError
from nncodec.limits import MAX_STEP, MIN_STEP
from nncodec.model import Model, Tensor
from nncodec.quantisation import compact_code, decadic_step
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE, EntropyCoder, Profile, StepKind

NEAREST_ROUNDING: Final = 0.5
PAPER_Q_BITS: Final = 8
DEFAULT_S_BITS: Final = 12
DEFAULT_QUALITY: Final = 56.0
"""What is asked of profile MAIN where nothing is: docs/benchmarks.md shows what it does to outputs."""
MIN_QUALITY: Final = -20.0
MAX_QUALITY: Final = 120.0
MAX_SNR: Final = 200.0
REQUESTS_OF_BASELINE: Final = ("lossless", "q_bits")
REQUESTS: Final = (*REQUESTS_OF_BASELINE, "step", "quality", "snr", "mse", "update_snr", "max_bytes")
"""Of these a caller may make one."""
SMALLEST_QUANTISED: Final = 64
"""A tensor of fewer elements is kept exact unless it is included by name: its bytes are few, its errors are not."""


SMALLEST_VECTOR: Final = 16
"""A vector of fewer elements stays exact: it may as well be the sizes or the scales of an operator."""

_MEANINGLESS: Final = {
    "rounding": ("lossless",),
    "include": ("lossless",),
    "fast": ("baseline",),
    "best": ("lossless", "baseline", "fast", "rounding"),
    "least_squares": ("lossless", "baseline"),
}
"""What has no effect beside something else."""
_PAIR: Final = 2
_KINDS: Final[tuple[tuple[tuple[str, ...], Any, Callable[[Any], object], str], ...]] = (
    (("lossless", "fast", "best", "least_squares"), (bool, np.bool_), bool, "True or False"),
    (("q_bits", "s_bits", "max_bytes", "slice_symbols"), Integral, int, "a whole number"),
    (("step", "quality", "snr", "mse", "update_snr", "rounding"), Real, float, "a number"),
    (("profile",), Profile, Profile, "a Profile"),
)
"""Of fields: what they must be, what becomes of them, and its name."""


@dataclass(frozen=True)
class EncoderConfig:
    """How to code a model.

    profile: BASELINE is the method of the paper; MAIN adds free steps and reconstruction offsets.
    One of these says how much is kept; MAIN knows all of them, BASELINE the first two. With none, BASELINE has q_bits
    8, and MAIN DEFAULT_QUALITY:
    lossless: every tensor, bit for bit.
    q_bits: quantise weights with step 10^(q_bits - s_bits).
    step: quantise weights with this step, in units of the weights.
    quality: the same number does about the same damage to any model (clause E.13), from -20 to 120: the SNR in dB of
    its outputs, give or take 20 dB and more. An update keeps at least quality - 35 of its own.
    snr, mse: the coarsest step that leaves this SNR in dB, or this mean squared error, of the floating-point tensors
    of rank 2 and more, and of those that `include` names, together (as in `EncodeReport.matrices`): of the model, with
    references too.
    update_snr: the same for the SNR of the update (as in `EncodeReport.update`); needs a reference.
    max_bytes: the best quality that a stream of so many bytes has room for.
    rounding: the paper's f in [0, 0.5]; 0.4 in BASELINE and 0.5 in MAIN unless set.
    include, exclude: name patterns (as in a shell) of floating-point tensors to quantise, or to keep exact, whatever
    the rule of clause E.2 says; exclude wins.
    slice_symbols: symbols of a slice at most.
    fast: code with rANS only, levels without the trellis (MAIN): far less time, more bytes.
    best: also with the trellis of 64 states, if that is better (MAIN): more time to encode, not to decode, 0.2 to 1.5 %
    fewer bytes.
    least_squares: reconstruct what is left of a difference for the least squared error, not, as MAIN does else, for the
    least error of outputs (clause E.6). Always so where an SNR or a squared error is asked for.
    name_map: pairs (name in the model, name in the references) for tensors that were renamed.

    Raises EncodeError for values that no stream can carry, or that contradict one another.
    """

    profile: Profile = Profile.MAIN
    lossless: bool = False
    q_bits: int | None = None
    s_bits: int = DEFAULT_S_BITS
    step: float | None = None
    quality: float | None = None
    snr: float | None = None
    mse: float | None = None
    update_snr: float | None = None
    max_bytes: int | None = None
    rounding: float | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    slice_symbols: int = 2**22
    fast: bool = False
    best: bool = False
    least_squares: bool = False
    name_map: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Check every value and their combination."""
        for each in fields(self):
            object.__setattr__(self, each.name, _made(each.name, getattr(self, each.name), each.default))
        for name, value in (("q_bits", self.q_bits), ("s_bits", self.s_bits)):
            if value is not None and value not in range(256):
                raise EncodeError(f"{name} {value!r} must be a whole number within 0 to 255")
        self._check_one_request()
        self._check_combination()
        self._check_targets()
        if self.rounding is not None and not 0 <= self.rounding <= NEAREST_ROUNDING:
            raise EncodeError(f"rounding f = {self.rounding} must be within 0 to 0.5")
        step = decadic_step(self.s_bits, self._q_bits) if self.step is None else self.step
        if not (math.isfinite(step) and MIN_STEP <= step <= MAX_STEP):
            raise EncodeError(f"quantisation step {step!r} must be within 2^-512 to 2^512")
        if not 1 <= self.slice_symbols <= 2**22:
            raise EncodeError(f"slice_symbols {self.slice_symbols} must be within 1 to 2^22")

    def _check_one_request(self) -> None:
        if len(self.requests) > 1:
            raise EncodeError(f"{' and '.join(self.requests)} exclude one another: give one of them")
        if self.profile == Profile.BASELINE and not set(self.requests) <= set(REQUESTS_OF_BASELINE):
            what = f"profile baseline knows decadic steps only, not {self.requests[0]}"
            raise EncodeError(f"{what}: give q_bits, or use profile main")

    def _check_combination(self) -> None:
        """Whether everything that was asked for can have an effect."""
        is_set = {name for name in ("lossless", "include", "fast", "best", "least_squares") if getattr(self, name)}
        if self.rounding is not None:
            is_set.add("rounding")
        if self.profile == Profile.BASELINE:
            is_set.add("baseline")
        for name, others in _MEANINGLESS.items():
            for other in others:
                if {name, other} <= is_set:
                    raise EncodeError(f"{name} means nothing with {other}: give one of them")
        if self.s_bits != DEFAULT_S_BITS and self.q_bits is None and (self.profile == Profile.MAIN or self.lossless):
            raise EncodeError("s_bits goes with q_bits: give that too")

    def _check_targets(self) -> None:
        bounds = {"quality": (MIN_QUALITY, MAX_QUALITY), "snr": (0.0, MAX_SNR), "update_snr": (0.0, MAX_SNR)}
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise EncodeError(f"{name} {value!r} must be within {low:g} to {high:g}; lossless keeps everything")
        if self.mse is not None and not (math.isfinite(self.mse) and self.mse > 0):
            raise EncodeError(f"mse {self.mse!r} must be a number above 0; lossless leaves no error")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise EncodeError(f"max_bytes {self.max_bytes!r} must be a whole number above 0")

    @property
    def requests(self) -> list[str]:
        """Which of `REQUESTS` the caller makes."""
        return [name for name in REQUESTS if getattr(self, name) is not None and getattr(self, name) is not False]

    def exactly(self) -> EncoderConfig:
        """This with everything exact, without what is asked for loss."""
        return EncoderConfig(
            self.profile, lossless=True, slice_symbols=self.slice_symbols, fast=self.fast, name_map=self.name_map
        )

    def or_default(self) -> EncoderConfig:
        """This, or with the default quality where profile MAIN is asked for nothing."""
        is_asked = self.requests or self.profile == Profile.BASELINE
        return self if is_asked else replace(self, quality=DEFAULT_QUALITY)

    @property
    def _q_bits(self) -> int:
        return PAPER_Q_BITS if self.q_bits is None else self.q_bits

    @property
    def level_coder(self) -> EntropyCoder:
        """The entropy coder of levels."""
        if self.profile == Profile.BASELINE:
            return EntropyCoder.LZMA2
        return EntropyCoder.RANS if self.fast else EntropyCoder.MIXING

    @property
    def uses_trellis(self) -> bool:
        """Whether matrices are quantised with the trellis."""
        return self.level_coder == EntropyCoder.MIXING and self.rounding is None

    @property
    def f(self) -> float:
        """The rounding in use."""
        if self.rounding is not None:
            return self.rounding
        return PAPER_ROUNDING if self.profile == Profile.BASELINE else NEAREST_ROUNDING

    def quantiser(self, reconstruction_offset: int = 0) -> Quantiser:
        """The quantiser record of the step that was asked for; of a step of 1 where tensors get steps of their own."""
        if self.step is None and self.quality is None:
            return Quantiser(StepKind.DECADIC, self.s_bits, self._q_bits, None, None, reconstruction_offset)
        step = 1.0 if self.step is None else self.step
        code = compact_code(step)
        if code is not None:
            return Quantiser(StepKind.COMPACT, None, None, code, None, reconstruction_offset)
        return Quantiser(StepKind.BINARY64, None, None, None, step, reconstruction_offset)

    def quantises(self, tensor: Tensor) -> bool:
        """Clause E.2: whether `tensor` is to be quantised.

        By rule: at least 64 elements and more than one dimension longer than 1, see `may_lose`.
        """
        if not self.may_lose(tensor):
            return False
        if matches(tensor.name, self.include):
            return tensor.size > 0
        return tensor.size >= SMALLEST_QUANTISED and not is_vector(tensor)

    def quantises_finely(self, tensor: Tensor) -> bool:
        """Clause E.2: whether `tensor` is a vector to be quantised with a finer step of its own (MAIN only)."""
        return (
            self.profile == Profile.MAIN
            and is_vector(tensor)
            and tensor.size >= SMALLEST_VECTOR
            and self.may_lose(tensor)
            and not matches(tensor.name, self.include)
        )

    def may_lose(self, tensor: Tensor) -> bool:
        """Whether `tensor` may be coded with loss at all: a quantisable type, not excluded."""
        return not self.lossless and tensor.dtype in QUANTISABLE and not matches(tensor.name, self.exclude)


def _made(name: str, value: object, default: object) -> object:
    """The value of a field as what it is: numpy's numbers become Python's, lists tuples. Raises EncodeError."""
    if value is None and default is None:
        return None
    for names, kind, make, what in _KINDS:
        if name in names:
            if not isinstance(value, kind) or isinstance(value, (bool, np.bool_)) != (make is bool):
                raise EncodeError(f"{name} {value!r} must be {what}")
            return make(value)
    return _pairs(value) if name == "name_map" else _patterns(name, value)


def _patterns(name: str, value: object) -> tuple[str, ...]:
    """Patterns of names, whatever they come in; a string is not a sequence of its characters."""
    found = tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else (None,)
    if not all(isinstance(each, str) for each in found):
        raise EncodeError(f"{name} {value!r} must be a sequence of patterns, not a string: write ('conv*',)")
    return found


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    """Pairs of names, or a mapping from the names in the model to those in the references."""
    items: object = value.items() if isinstance(value, Mapping) else value
    pairs = list(items) if isinstance(items, Iterable) and not isinstance(items, (str, bytes)) else [None]
    found = [tuple(pair) if isinstance(pair, (tuple, list)) else () for pair in pairs]
    if not all(len(pair) == _PAIR and all(isinstance(each, str) for each in pair) for pair in found):
        raise EncodeError(f"name_map {value!r} must be pairs of names, new and old: write (('new', 'old'),)")
    return tuple((new, old) for new, old in found)


def check_patterns(config: EncoderConfig, models: Iterable[Model]) -> None:
    """Whether every pattern matches some tensor: one that does not is a slip. Raises EncodeError."""
    names = {tensor.name for model in models for tensor in model.tensors}
    for option in ("include", "exclude"):
        for pattern in getattr(config, option):
            if names and not any(matches(name, (pattern,)) for name in names):
                raise EncodeError(f"{option} {pattern!r} matches no tensor: nninfo lists names, * stands for any part")


def is_vector(tensor: Tensor) -> bool:
    """Whether one dimension at most is longer than 1: a bias, a scale or a statistic, whatever its rank."""
    return sum(dim > 1 for dim in tensor.shape) <= 1


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` matches one of the shell-style `patterns`, case-sensitively."""
    return bool(patterns) and any(fnmatchcase(name, pattern) for pattern in patterns)
