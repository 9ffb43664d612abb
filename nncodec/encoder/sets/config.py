"""SPEC.md clause E.15 (informative): what a caller may ask of the encoder of sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.sets.structure import SetStructure
from nncodec.errors import EncodeError
from nncodec.tables import Profile


@dataclass(frozen=True)
class SetConfig:
    """How to code a set of models.

    encoder: how each model is coded; without a request all have the default quality.
    structure: what they are predicted from.
    root: name of the model that is predicted from none of the others; None: the one of the fewest predicted bits, or
    for PAPER the one of eq. 11.
    depth: predictions in a row, at most; parents: models that one model is predicted from, at most.
    max_bytes: the most utility that the set has room for in so many bytes (clause E.17); then `encoder` makes no
    request of its own. weights: importance of models in that, 1 for those that are not named.

    Raises EncodeError for values that make no sense, or that contradict one another.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    structure: SetStructure = SetStructure.TREE
    root: str | None = None
    depth: int = 8
    parents: int = 2
    max_bytes: int | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value and their combination."""
        for name, value, most in (("depth", self.depth, 2**16), ("parents", self.parents, 16)):
            if not 1 <= value <= most:
                raise EncodeError(f"{name} {value} must be within 1 to {most}")
        if self.encoder.max_bytes is not None or self.encoder.update_snr is not None:
            what = "max_bytes" if self.encoder.update_snr is None else "update_snr"
            raise EncodeError(
                f"{what} of each model has no meaning in a set: max_bytes of SetConfig is that of the set"
            )
        if self.max_bytes is not None:
            self._check_budget()
        if self.structure == SetStructure.SEPARATE and self.root is not None:
            raise EncodeError("structure separate has no root")
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise EncodeError(f"weight {weight} of model {name!r} must be a number of at least 0")

    def _check_budget(self) -> None:
        if self.max_bytes is not None and self.max_bytes < 1:
            raise EncodeError(f"max_bytes {self.max_bytes!r} must be a whole number above 0")
        if self.encoder.requests or self.encoder.profile == Profile.BASELINE:
            raise EncodeError("max_bytes decides on the quality of every model: make no other request (profile main)")
