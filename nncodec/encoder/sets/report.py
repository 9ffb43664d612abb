"""SPEC.md clause E.15 (informative): what becomes of a set: its bytes, its models, and how a budget was spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nncodec.encoder.encode import Encoded
from nncodec.encoder.sets.allocation import OperatingPoint


@dataclass(frozen=True)
class Member:
    """A model of a set, as coded; the models of it that it may be predicted from; the bytes that were predicted."""

    encoded: Encoded
    parents: tuple[str, ...]
    predicted_bytes: float


@dataclass(frozen=True)
class Spending:
    """How a budget was spent (clause E.17).

    By name of the model: qualities; utilities, as shares of that of the original (of `WeightProxy` where none was
    given). utility: their weighted sum. curve: bytes and weighted sum of utilities, as expected, of the best choices
    for other budgets, ascending.
    """

    qualities: Mapping[str, float]
    utilities: Mapping[str, float]
    utility: float
    curve: tuple[OperatingPoint, ...] = field(repr=False)


@dataclass(frozen=True)
class EncodedSet:
    """A set, its models by name in the order of their streams, and how its budget was spent, if it had one."""

    data: bytes
    members: Mapping[str, Member]
    spending: Spending | None = None
