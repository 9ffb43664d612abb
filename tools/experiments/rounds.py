"""Models on their way between cloud, edges and devices: who holds what, and what each link carries, round by round.

Everybody holds decoded models: what is trained on, and what is predicted from, has been through the codec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nncodec import EncoderConfig, Model, Tensor
from tools.experiments.coding import Coder

Arrays = dict[str, npt.NDArray[np.float64]]
Utility = Callable[[Model], float]
Turns = Iterable[int]
"""Numbers of the rounds."""


class Tuner(Protocol):
    """Who trains a model on; a Zoo is one."""

    def fine_tuned(self, model: Model, shard: tuple[int, int], seed: int) -> Model:
        """`model` after one epoch on part shard[0] of shard[1] of the training data."""


@dataclass(frozen=True)
class Way:
    """How models are sent.

    update: as differences from what the receiver holds; whole: alone. sends_whole: whether they are always sent alone.
    feedback: what the codec takes from the models on a link is added to the next one on this link before it is coded.
    """

    label: str
    update: EncoderConfig
    whole: EncoderConfig
    sends_whole: bool = False
    feedback: bool = False


@dataclass(frozen=True)
class Parcel:
    """One model on one link; size: bytes sent; alone: bytes that it would have taken without reference."""

    turn: int
    link: str
    size: int
    alone: int


@dataclass(frozen=True)
class Journey:
    """What happened along one way. utilities: after each round; raw: bytes of the tensors of a model."""

    way: Way
    utilities: tuple[float, ...]
    parcels: tuple[Parcel, ...]
    raw: int

    @property
    def links(self) -> list[str]:
        """All links that carried something, in the order in which they did."""
        return list(dict.fromkeys(parcel.link for parcel in self.parcels))

    def sent(self, links: Iterable[str]) -> int:
        """Bytes on these links in all rounds."""
        return sum(parcel.size for parcel in self._on(links))

    def ratio(self, links: Iterable[str]) -> float:
        """The tensors' own bytes over those sent, on these links in all rounds."""
        parcels = self._on(links)
        return self.raw * len(parcels) / sum(parcel.size for parcel in parcels)

    def last(self) -> Journey:
        """The last round alone."""
        turn = self.parcels[-1].turn
        parcels = tuple(parcel for parcel in self.parcels if parcel.turn == turn)
        return replace(self, utilities=self.utilities[-1:], parcels=parcels)

    def _on(self, links: Iterable[str]) -> list[Parcel]:
        chosen = set(links)
        return [parcel for parcel in self.parcels if parcel.link in chosen]


class Post:
    """Codes, counts, decodes: all models of one journey pass through here."""

    def __init__(self, coder: Coder, way: Way) -> None:
        self._coder, self._way = coder, way
        self._parcels: list[Parcel] = []
        self._kept_back: dict[str, Arrays] = {}

    def send(self, model: Model, held: Model, turn: int, links: Sequence[str]) -> Model:
        """What arrives of `model` where `held` is held; the same stream on all `links`."""
        wanted = moved(model, self._kept_back.get(links[0], {}))
        references = () if self._way.sends_whole else (held,)
        config = self._way.whole if self._way.sends_whole else self._way.update
        size = len(self._coder.stream(wanted, config, references))
        alone = len(self._coder.stream(wanted, self._way.whole))
        self._parcels += [Parcel(turn, link, size, alone) for link in links]
        decoded = self._coder.decoded(wanted, config, references)
        if self._way.feedback:
            self._kept_back[links[0]] = difference(wanted, decoded)
        return decoded

    def journey(self, utilities: Sequence[float], raw: int) -> Journey:
        """All that was sent."""
        return Journey(self._way, tuple(utilities), tuple(self._parcels), raw)


def to_device(post: Post, versions: Iterable[tuple[int, Model]], held: Model, utility: Utility) -> Journey:
    """The cloud sends version after version, each in its round, to a device that holds the one before."""
    utilities = []
    for turn, version in versions:
        held = post.send(version, held, turn, ["cloud → device"])
        utilities.append(utility(held))
    return post.journey(utilities, held.nbytes)


@dataclass(frozen=True)
class Cooperation:
    """Edges that train: how many, who trains for them, the model that all hold at first, what utility is, a seed."""

    edges: int
    tuner: Tuner
    start: Model
    utility: Utility
    seed: int

    def trained(self, model: Model, edge: int, turn: int) -> Model:
        """`model` after it was trained on at an edge."""
        return self.tuner.fine_tuned(model, (edge, self.edges), 1000 * self.seed + turn)


def by_cloud(post: Post, together: Cooperation, turns: Turns) -> Journey:
    """All edges train the global model; the cloud averages what it decodes, and sends that to all of them."""
    held, utilities = together.start, []
    edges = range(together.edges)
    for turn in turns:
        trained = [together.trained(held, edge, turn) for edge in edges]
        arrived = [post.send(trained[edge], held, turn, [f"edge {edge} → cloud"]) for edge in edges]
        held = post.send(averaged(arrived), held, turn, [f"cloud → edge {edge}" for edge in edges])
        utilities.append(together.utility(held))
    return post.journey(utilities, held.nbytes)


def by_ring(post: Post, together: Cooperation, turns: Turns) -> Journey:
    """One edge a round asks its neighbour for a model, and trains it on; what it holds is what it got the last time."""
    held = dict.fromkeys(range(together.edges), together.start)
    model, utilities = together.trained(together.start, together.edges - 1, 0), []
    for turn in turns:
        asker = (turn - 1) % together.edges
        link = f"edge {(asker - 1) % together.edges} → edge {asker}"
        held[asker] = post.send(model, held[asker], turn, [link])
        utilities.append(together.utility(held[asker]))
        model = together.trained(held[asker], asker, turn)
    return post.journey(utilities, model.nbytes)


def averaged(models: Sequence[Model]) -> Model:
    """Each weight the mean of those of `models`."""
    arrays = {
        tensor.name: np.mean([model.by_name[tensor.name].numpy().astype(np.float64) for model in models], axis=0)
        for tensor in models[0].tensors
        if is_floating(tensor)
    }
    return _with(models[0], arrays)


def difference(model: Model, other: Model) -> Arrays:
    """Weights of `model` minus those of `other`."""
    return {
        tensor.name: tensor.numpy().astype(np.float64) - other.by_name[tensor.name].numpy().astype(np.float64)
        for tensor in model.tensors
        if is_floating(tensor)
    }


def moved(model: Model, by: Arrays) -> Model:
    """`model` with `by` added to its weights."""
    if not by:
        return model
    return _with(model, {name: model.by_name[name].numpy().astype(np.float64) + by[name] for name in by})


def is_floating(tensor: Tensor) -> bool:
    """Whether these are numbers that training changes."""
    return bool(np.issubdtype(tensor.numpy().dtype, np.floating))


def _with(model: Model, arrays: Arrays) -> Model:
    tensors = [
        Tensor.from_numpy(each.name, arrays[each.name].astype(each.numpy().dtype)) if each.name in arrays else each
        for each in model.tensors
    ]
    return replace(model, tensors=tuple(tensors))
