"""SPEC.md clause E.15 (informative): the encoding process of sets: models by name in, bytes out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from nncodec.analysis.root import root_of_set
from nncodec.encoder.config import DEFAULT_QUALITY, EncoderConfig, check_patterns
from nncodec.encoder.encode import EncodeWarning, Process, Wanted, check_names_and_shapes
from nncodec.encoder.matching import Given
from nncodec.encoder.sets.budget import Purse, Qualities, predicted_at, spend, uniform_quality
from nncodec.encoder.sets.config import SetConfig
from nncodec.encoder.sets.report import EncodedSet, Member, Spending
from nncodec.encoder.sets.structure import Costs, Node, SetStructure, Shape, plan_structure
from nncodec.encoder.sets.survey import Survey
from nncodec.encoder.sets.writer import check_names, set_overhead, write_set
from nncodec.errors import EncodeError
from nncodec.evaluation import Utility, WeightProxy, measured
from nncodec.model import Model
from nncodec.work import Work

_ROOM_TO_TRY: Final = 1.03
"""How much over its budget a set may be predicted to be, and yet be coded without loss to see."""


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
    utilities: Mapping[str, Utility] | None = None,
) -> EncodedSet:
    """As `encode_set`, with the decoded models and reports.

    utilities: what `max_bytes` of `config` is to be spent for, by name of the model; for models without one, what
    `WeightProxy` measures, as expected. What they raise is not touched.
    """
    config = config or SetConfig()
    _check(models, config, references)
    for name in utilities or {}:
        _check_name(name, models)
    process = SetProcess(models, config, references, work or Work())
    return process.encode() if config.max_bytes is None else process.spend(config.max_bytes, utilities or {})


def _check(models: Mapping[str, Model], config: SetConfig, references: Sequence[Model]) -> None:
    check_names(models)
    for name in (*config.weights, *([] if config.root is None else [config.root])):
        _check_name(name, models)
    for model in (*models.values(), *references):
        check_names_and_shapes(model)
    check_patterns(config.encoder, models.values())
    _check_name_map(config.encoder, [*models.values(), *references])


def _check_name(name: str, models: Mapping[str, Model]) -> None:
    if name not in models:
        raise EncodeError(f"the set has no model {name!r}; it has {', '.join(models)}")


def _check_name_map(config: EncoderConfig, models: Sequence[Model]) -> None:
    known = {tensor.name for model in models for tensor in model.tensors}
    for _, old in config.name_map:
        if old not in known:
            raise EncodeError(f"no model has the tensor {old!r} that the name map asks for")


class SetProcess:
    """The encoding process of one set."""

    def __init__(self, models: Mapping[str, Model], config: SetConfig, references: Sequence[Model], work: Work) -> None:
        self._names, self._models = list(models), list(models.values())
        self._references, self._work = references, work
        self._config = replace(config, max_bytes=None, encoder=config.encoder.or_default())

    def encode(self) -> EncodedSet:
        """The set, its models in the order of their predictions."""
        _, nodes = self._planned(self._config.encoder)
        return self.code(nodes, [self._config.encoder] * len(nodes))

    def spend(self, budget: int, utilities: Mapping[str, Utility]) -> EncodedSet:
        """The set in `budget` bytes: without loss if that fits, else with the most utility."""
        exact = self._config.encoder.exactly()
        _, nodes = self._planned(exact)
        if sum(node.predicted_bits for node in nodes) <= 8 * _ROOM_TO_TRY * budget:
            coded = self.code(nodes, [exact] * len(nodes))
            if len(coded.data) <= budget:
                return coded
        purse = self._purse(budget, utilities)
        coded, qualities, curve = spend(
            purse,
            lambda qualities: self._code_at(purse, qualities),
            lambda coded: self._total(self._utilities_of(coded, utilities)),
        )
        kept = self._utilities_of(coded, utilities)
        named = dict(zip(self._names, qualities, strict=True))
        return replace(coded, spending=Spending(named, kept, self._total(kept), curve))

    def _total(self, utilities: Mapping[str, float]) -> float:
        return sum(self._weight(name) * utility for name, utility in utilities.items())

    def _weight(self, name: str) -> float:
        return self._config.weights.get(name, 1.0)

    def _utilities_of(self, coded: EncodedSet, utilities: Mapping[str, Utility]) -> dict[str, float]:
        """What is left of each model, as a share of its original."""
        found = {}
        for name, model in zip(self._names, self._models, strict=True):
            utility = utilities.get(name, WeightProxy(model))
            decoded = coded.members[name].encoded.model
            found[name] = measured(utility, decoded, name) / measured(utility, model, name)
        return found

    def _purse(self, budget: int, utilities: Mapping[str, Utility]) -> Purse:
        """The structure is that which suits the quality that all models together have room for."""
        survey, nodes = self._planned(self._config.encoder)
        quality = uniform_quality(budget, survey, nodes, self._config.encoder.quality or DEFAULT_QUALITY)
        survey, nodes = self._planned(replace(self._config.encoder, quality=quality))
        return Purse(
            budget=budget,
            survey=survey,
            quality=quality,
            nodes=nodes,
            names=self._names,
            weights=[self._weight(name) for name in self._names],
            overhead=set_overhead(self._names),
            utilities={self._names.index(name): self._shares(name, each) for name, each in utilities.items()},
        )

    def _shares(self, name: str, utility: Utility) -> Callable[[float], float]:
        """What `utility` says of the model `name` under a quality, without references, as a share of the original."""
        model = self._models[self._names.index(name)]
        whole = measured(utility, model, name)
        if whole <= 0:
            raise EncodeError(f"{name!r}: the utility of the original is {whole:g}, of which there are no shares")
        process = Process(model, Given(), self._work)
        config = replace(self._config.encoder, fast=True, best=False, name_map=())
        return lambda quality: measured(utility, process.decoded(replace(config, quality=quality)), name) / whole

    def _planned(self, config: EncoderConfig) -> tuple[Survey, list[Node]]:
        survey = Survey(self._models, config, self._references)
        return survey, plan_structure(Costs(survey, len(self._models)), self._shape())

    def _shape(self) -> Shape:
        config, root = self._config, None
        if config.root is not None:
            root = self._names.index(config.root)
        elif config.structure == SetStructure.PAPER:
            root = root_of_set(self._models).index
        return Shape(config.structure, root, config.depth, config.parents)

    def _code_at(self, purse: Purse, qualities: Qualities) -> EncodedSet:
        configs = [replace(self._config.encoder, quality=quality) for quality in qualities]
        return self.code(predicted_at(purse.survey, purse.nodes, purse.quality, qualities), configs)

    def code(self, nodes: Sequence[Node], configs: Sequence[EncoderConfig]) -> EncodedSet:
        """The set; configs: of the models, by place."""
        members: dict[str, Member] = {}
        for node in nodes:
            parents = tuple(self._names[parent] for parent in node.parents)
            references = [*(members[parent].encoded.model for parent in parents), *self._references]
            config = _with_names_of(configs[node.place], references)
            given = Given(references, self._no_worse(node, configs))
            encoded = Process(self._models[node.place], given, self._work, Wanted(model=True)).encoded(config)
            members[self._names[node.place]] = Member(encoded, parents, node.predicted_bits / 8)
        return EncodedSet(write_set({name: member.encoded.data for name, member in members.items()}), members)

    def _no_worse(self, node: Node, configs: Sequence[EncoderConfig]) -> dict[int, Model]:
        """What the parents of `node`, by their number, were before they were coded: of those coded as well as it is."""
        asked = configs[node.place].quality or 0.0
        good = [parent for parent in node.parents if (configs[parent].quality or 0.0) >= asked]
        return {node.parents.index(parent): self._models[parent] for parent in good}


def _with_names_of(config: EncoderConfig, references: Sequence[Model]) -> EncoderConfig:
    """`config` with that part of the set's name map that is about `references`."""
    known = {tensor.name for reference in references for tensor in reference.tensors}
    return replace(config, name_map=tuple((new, old) for new, old in config.name_map if old in known))
