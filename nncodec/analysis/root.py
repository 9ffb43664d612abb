"""The root of a set (informative): the paper's eq. 11, with shared memory.

Eq. 11 takes for root the model to which the others have the least summed distance. The paper names two distances, the
K-L divergence of eq. 9 and shared memory, and does not say how they go together. Here the distance of model i from
root r is

    s·D_KL(M_i ‖ M_r) + (1 - s)·D_KL(M_i ‖ U),    s = bytes that M_i shares with M_r / bytes of M_i,

U being the random reference: what the root does not have is predicted from nothing. Where all is shared that is eq. 11
as printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nncodec.analysis.divergence import histogram, uniform_histogram
from nncodec.analysis.sharing import shared_bytes
from nncodec.model import Model


@dataclass(frozen=True)
class RootChoice:
    """index: the root, as a place in the set. costs: the summed distance for each model as the root, in nats."""

    index: int
    costs: tuple[float, ...]


def root_of_set(models: Sequence[Model], *, with_sharing: bool = True) -> RootChoice:
    """The root of `models` by eq. 11; the first of several that are equally good.

    with_sharing: False for the K-L divergence alone. Raises ValueError where there are no models.
    """
    if not models:
        raise ValueError("a set of no models has no root")
    histograms = [histogram(model) for model in models]
    alone = [each.divergence(uniform_histogram(float(each.counts.sum()))) for each in histograms]
    costs = [0.0] * len(models)
    for root, reference in enumerate(models):
        for index, model in enumerate(models):
            if index == root:
                continue
            share = _share(model, reference) if with_sharing else 1.0
            costs[root] += share * histograms[index].divergence(histograms[root]) + (1 - share) * alone[index]
    return RootChoice(costs.index(min(costs)), tuple(costs))


def _share(model: Model, root: Model) -> float:
    return shared_bytes(model, root) / model.nbytes if model.nbytes else 1.0
