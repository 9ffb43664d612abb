"""SPEC.md clause E.1 (informative): what a caller may ask of the encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from nncodec.errors import EncodeError
from nncodec.limits import MAX_STEP, MIN_STEP
from nncodec.model import Tensor
from nncodec.quantisation import compact_code, decadic_step
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE, EntropyCoder, Profile, StepKind

PAPER_ROUNDING: Final = 0.4
NEAREST_ROUNDING: Final = 0.5
SMALLEST_QUANTISED: Final = 64
"""A tensor of fewer elements is kept exact unless it is included by name: its bytes are few, its errors are not."""


SMALLEST_VECTOR: Final = 16
"""A vector of fewer elements stays exact: it may as well be the sizes or the scales of an operator."""


@dataclass(frozen=True)
class EncoderConfig:
    """How to code a model.

    profile: BASELINE is the method of the paper; MAIN adds free steps and reconstruction offsets.
    lossless: keep every tensor bit for bit. Otherwise weights are quantised with step 10^(q_bits - s_bits), or with
    `step` (in units of the weights, MAIN only).
    rounding: the paper's f in [0, 0.5]; 0.4 in BASELINE and 0.5 in MAIN unless set.
    include, exclude: name patterns (as in a shell) of floating-point tensors to quantise, or to keep exact, whatever
    the rule of clause E.2 says; exclude wins.
    slice_symbols: symbols of a slice at most.
    fast: code with rANS only, levels without the trellis (MAIN): far less time, more bytes.
    unbiased: scale what is left of a difference so that the update is not shrunk (MAIN, clause E.6); without it the
    squared error is the least.
    name_map: pairs (name in the model, name in the references) for tensors that were renamed.

    Raises EncodeError for values that no stream can carry, or that contradict one another.
    """

    profile: Profile = Profile.MAIN
    lossless: bool = False
    q_bits: int = 8
    s_bits: int = 12
    step: float | None = None
    rounding: float | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    slice_symbols: int = 2**22
    fast: bool = False
    unbiased: bool = True
    name_map: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Check every value and their combination."""
        for name, value in (("q_bits", self.q_bits), ("s_bits", self.s_bits)):
            if value not in range(256):
                raise EncodeError(f"{name} {value!r} must be a whole number within 0 to 255")
        if self.rounding is not None and not 0 <= self.rounding <= NEAREST_ROUNDING:
            raise EncodeError(f"rounding f = {self.rounding} must be within 0 to 0.5")
        if self.step is not None and self.profile == Profile.BASELINE:
            raise EncodeError("profile baseline knows decadic steps only: give q_bits, or use profile main")
        step = decadic_step(self.s_bits, self.q_bits) if self.step is None else self.step
        if not (math.isfinite(step) and MIN_STEP <= step <= MAX_STEP):
            raise EncodeError(f"quantisation step {step!r} must be within 2^-512 to 2^512")
        if not 1 <= self.slice_symbols <= 2**22:
            raise EncodeError(f"slice_symbols {self.slice_symbols} must be within 1 to 2^22")

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
        """The quantiser record of the step that was asked for."""
        if self.step is None:
            return Quantiser(StepKind.DECADIC, self.s_bits, self.q_bits, None, None, reconstruction_offset)
        code = compact_code(self.step)
        if code is not None:
            return Quantiser(StepKind.COMPACT, None, None, code, None, reconstruction_offset)
        return Quantiser(StepKind.BINARY64, None, None, None, self.step, reconstruction_offset)

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


def is_vector(tensor: Tensor) -> bool:
    """Whether one dimension at most is longer than 1: a bias, a scale or a statistic, whatever its rank."""
    return sum(dim > 1 for dim in tensor.shape) <= 1


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` matches one of the shell-style `patterns`, case-sensitively."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
