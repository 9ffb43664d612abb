"""SPEC.md clause 6.4: model parameter set: what a model refers to, and how its slice groups are coded."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c
from construct_typed import Context, DataclassMixin, DataclassStruct, csfield

from nncodec.limits import LEVELS
from nncodec.syntax.descriptors import ByteString, Enumerated, Leb128, Session, Signed, Step, Unsigned
from nncodec.syntax.door import parse
from nncodec.syntax.units import Unit
from nncodec.tables import CONTENT_ID_BYTES, EntropyCoder, Representation, StepKind

CLAUSE = "6.4"


def _is_decadic(context: Context) -> bool:
    return bool(context.step_kind == StepKind.DECADIC)


def _is_compact(context: Context) -> bool:
    return bool(context.step_kind == StepKind.COMPACT)


def _is_binary64(context: Context) -> bool:
    return bool(context.step_kind == StepKind.BINARY64)


@dataclass(frozen=True)
class Quantiser(DataclassMixin):
    """Quantisation parameters (clause 6.4.2); clause 8.1 says what they mean."""

    step_kind: StepKind = csfield(Enumerated(StepKind))
    s_bits: int | None = csfield(c.If(_is_decadic, Unsigned(8)))
    q_bits: int | None = csfield(c.If(_is_decadic, Unsigned(8)))
    step_code: int | None = csfield(c.If(_is_compact, Unsigned(16)))
    step_value: float | None = csfield(c.If(_is_binary64, Step()))
    reconstruction_offset: int = csfield(Signed(8))


QUANTISER = DataclassStruct(Quantiser)


@dataclass(frozen=True)
class SliceGroup(DataclassMixin):
    """Tensors that are coded one after another in the same way (clause 6.4.1)."""

    representation: Representation = csfield(Enumerated(Representation))
    entropy_coder: EntropyCoder = csfield(Enumerated(EntropyCoder))
    quantiser: Quantiser | None = csfield(c.If(c.this.representation != Representation.EXACT, QUANTISER))


SLICE_GROUP = DataclassStruct(SliceGroup)


@dataclass(frozen=True)
class ModelParameterSet(DataclassMixin):
    """Reference models by content id, and the slice groups."""

    parent_count: int = csfield(Leb128(LEVELS[-1].parents))
    parents: list[bytes] = csfield(c.Array(c.this.parent_count, ByteString(CONTENT_ID_BYTES, "32")))
    topology_parent: int = csfield(Leb128(LEVELS[-1].parents))
    group_count: int = csfield(Leb128(LEVELS[-1].groups))
    groups: list[SliceGroup] = csfield(c.Array(c.this.group_count, SLICE_GROUP))


MODEL_PARAMETER_SET = DataclassStruct(ModelParameterSet)


def parse_model_parameter_set(unit: Unit, session: Session) -> ModelParameterSet:
    """The record that `unit` holds. Raises InvalidStreamError."""
    return parse(MODEL_PARAMETER_SET, bytes(unit.payload), session)
