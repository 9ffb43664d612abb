"""F2: K-L divergence of histograms does not see which weight changed; what a difference costs hangs on just that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from nncodec import EncoderConfig, Model, Tensor
from nncodec.analysis import divergence, predicted_bits
from tools.experiments.coding import Coder, paper_config, paper_step
from tools.experiments.context import Context
from tools.experiments.results import Claim, Section, Table
from tools.experiments.summary import cell, verdict_of, with_rule
from tools.experiments.versions import late_epoch
from tools.experiments.weights import matrices_of, mean_squared_error, weights

Q_BITS: Final = 9
SAME: Final = 0.01
FAR: Final = 1.5
TEXT: Final = """\
The matrices of `vgg-cifar` at epoch {last}, coded at q = {q} against three references: the same network at epoch
{late}, that one with the elements of each tensor in another order, and none. The bits that eq. 8 predicts take the
cheaper of difference and model, tensor by tensor; "main" has the mean squared error of paper mode. K-L counts as the
same within {same:.0%}, and costs count as far apart beyond a factor of {far}."""


class Row(NamedTuple):
    """A reference: D_KL in nats, NaN without one; mean |difference|; predicted bits per weight; bytes in both modes."""

    name: str
    divergence: float
    difference: float
    predicted: float
    paper: int
    main: int


def run(context: Context) -> Section:
    """One reference, and the same one shuffled."""
    epochs = context.zoo.epochs("vgg-cifar")
    late, last = late_epoch(epochs), epochs[-1]
    model, reference = (matrices_of(context.zoo.model("vgg-cifar", e, context.seed)) for e in (last, late))
    references = {
        f"epoch {late}": reference,
        f"epoch {late}, shuffled": shuffled(reference, context.seed),
        "none": None,
    }
    rows = [_row(context.coder, name, model, each) for name, each in context.track(references.items(), "references")]
    return Section(
        "F2",
        "K-L divergence does not see positions",
        with_rule(TEXT.format(last=last, late=late, q=Q_BITS, same=SAME, far=FAR)),
        claims=tuple(_claims(*rows)),
        tables=(_table(rows),),
    )


def _row(coder: Coder, name: str, model: Model, reference: Model | None) -> Row:
    references = [reference] if reference else []
    paper = paper_config(Q_BITS)
    main = EncoderConfig(mse=mean_squared_error(model, coder.decoded(model, paper, references)))
    x = weights(model, reference)
    return Row(
        name,
        divergence(model, reference) if reference else math.nan,
        float(np.abs(x).mean()),
        predicted_bits(model, reference, paper_step(Q_BITS)) / x.size,
        len(coder.stream(model, paper, references)),
        len(coder.stream(model, main, references)),
    )


def shuffled(model: Model, seed: int) -> Model:
    """The same values in each tensor, in another order."""
    random = np.random.default_rng(seed)
    return Model(tuple(_shuffled(tensor, random) for tensor in model.tensors))


def _shuffled(tensor: Tensor, random: np.random.Generator) -> Tensor:
    values = random.permutation(tensor.numpy().ravel())
    return Tensor.from_numpy(tensor.name, values.reshape(tensor.shape))


def _table(rows: Sequence[Row]) -> Table:
    head = ("reference", "D in nats", "mean |difference|", "predicted bits/weight", "paper, bytes", "main, bytes")
    cells = tuple(
        (
            row.name,
            cell(row.divergence, ".5f"),
            f"{row.difference:.5f}",
            f"{row.predicted:.3f}",
            f"{row.paper:,}",
            f"{row.main:,}",
        )
        for row in rows
    )
    return Table("What three references look like, and what they cost.", head, cells)


def _claims(version: Row, other: Row, none: Row) -> Iterator[Claim]:
    found = f"D is {version.divergence:.5f} from the version, {other.divergence:.5f} from the same one shuffled."
    is_same = abs(other.divergence / version.divergence - 1) <= SAME
    yield Claim("K-L divergence cannot tell a version from the same one shuffled", found, verdict_of([is_same]), "ours")
    costs = {
        "predicted bits": other.predicted / version.predicted,
        "paper mode": other.paper / version.paper,
        "main": other.main / version.main,
    }
    found = ", ".join(f"{ratio:.2f} times ({what})" for what, ratio in costs.items())
    far = verdict_of(ratio > FAR for ratio in costs.values())
    yield Claim("Coding against the shuffled version costs far more", f"{found}.", far, "ours")
    ranks = [_ranks([getattr(row, of) for row in (version, other, none)]) for of in ("predicted", "paper", "main")]
    agree = verdict_of(each == ranks[0] for each in ranks[1:])
    found = f"Ranks of the three: {ranks[0]} predicted, {ranks[1]} in paper mode, {ranks[2]} in main."
    yield Claim("Predicted bits (eq. 8 by tensor) rank references as bytes do", found, agree, "ours")


def _ranks(costs: Sequence[float]) -> list[int]:
    """1 for the cheapest; what is within a hundredth of another is equal."""
    return [1 + sum(other < 0.99 * cost for other in costs) for cost in costs]
