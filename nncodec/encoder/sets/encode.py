"""SPEC.md clause E.15 (informative): the encoding process of sets: models by name in, bytes out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nncodec.analysis.root import root_of_set
from nncodec.encoder.config import DEFAULT_QUALITY, EncoderConfig
from nncodec.encoder.encode import Encoded, EncodeWarning, check_names_and_shapes, encode_with_report
from nncodec.encoder.sets.config import SetConfig
from nncodec.encoder.sets.structure import Costs, Node, SetStructure, Shape, plan_structure
from nncodec.encoder.sets.survey import Survey
from nncodec.encoder.sets.writer import write_set
from nncodec.errors import EncodeError
from nncodec.model import Model
from nncodec.set_stream import name_flaw
from nncodec.tables import Profile
from nncodec.work import Work


@dataclass(frozen=True)
class Member:
    """A model of a set, as coded; the models of it that it may be predicted from; the bytes that were predicted."""

    encoded: Encoded
    parents: tuple[str, ...]
    predicted_bytes: float


@dataclass(frozen=True)
class EncodedSet:
    """A set, and its models by name in the order of their streams."""

    data: bytes
    members: Mapping[str, Member]


def encode_set(
    models: Mapping[str, Model],
    config: SetConfig | None = None,
    references: Sequence[Model] = (),
    work: Work | None = None,
) -> bytes:
    """The set of `models`, two or more, by name.

    With `references`, which a decoder then needs too, models are also predicted from these. Raises EncodeError for
    what the format cannot carry; warns (EncodeWarning) as `encode`.
    """
    encoded = encode_set_with_report(models, config, references, work)
    for name, member in encoded.members.items():
        for notice in member.encoded.report.notices:
            warnings.warn(f"{name}: {notice}", EncodeWarning, stacklevel=2)
    return encoded.data


def encode_set_with_report(
    models: Mapping[str, Model],
    config: SetConfig | None = None,
    references: Sequence[Model] = (),
    work: Work | None = None,
) -> EncodedSet:
    """As `encode_set`, with the decoded models and reports."""
    config = config or SetConfig()
    _check(models, config, references)
    process = SetProcess(models, config, references, work or Work())
    return process.encode()


def _check(models: Mapping[str, Model], config: SetConfig, references: Sequence[Model]) -> None:
    if len(models) < 2:
        raise EncodeError(f"a set has two models or more, not {len(models)}: code one model by itself")
    for name in models:
        flaw = name_flaw(name)
        if flaw is not None:
            raise EncodeError(f"the name of model {name!r} {flaw}")
    for name in (*config.weights, *([] if config.root is None else [config.root])):
        if name not in models:
            raise EncodeError(f"the set has no model {name!r}; it has {', '.join(models)}")
    for model in (*models.values(), *references):
        check_names_and_shapes(model)


class SetProcess:
    """The encoding process of one set."""

    def __init__(self, models: Mapping[str, Model], config: SetConfig, references: Sequence[Model], work: Work) -> None:
        self._names, self._models = list(models), list(models.values())
        self._references, self._work = references, work
        self._config = replace(config, encoder=_settled(config.encoder))

    def encode(self) -> EncodedSet:
        """The set, its models in the order of their predictions."""
        survey = Survey(self._models, self._config.encoder, self._references)
        nodes = plan_structure(Costs(survey, len(self._models)), self._shape())
        return self._code(nodes)

    def _shape(self) -> Shape:
        config, root = self._config, None
        if config.root is not None:
            root = self._names.index(config.root)
        elif config.structure == SetStructure.PAPER:
            root = root_of_set(self._models).index
        return Shape(config.structure, root, config.depth, config.parents)

    def _code(self, nodes: Sequence[Node]) -> EncodedSet:
        members: dict[str, Member] = {}
        for node in nodes:
            parents = tuple(self._names[parent] for parent in node.parents)
            references = [*(members[parent].encoded.model for parent in parents), *self._references]
            encoded = encode_with_report(self._models[node.place], self._config.encoder, references, self._work)
            members[self._names[node.place]] = Member(encoded, parents, node.predicted_bits / 8)
        return EncodedSet(write_set({name: member.encoded.data for name, member in members.items()}), members)


def _settled(config: EncoderConfig) -> EncoderConfig:
    """`config` with the default in place of no request."""
    if config.requests or config.profile == Profile.BASELINE:
        return config
    return replace(config, quality=DEFAULT_QUALITY)
