"""E2: rate and distortion by the paper's Laplace model (equations 4 to 8), beside what is measured (table I)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple

import numpy as np

from nncodec import EncoderConfig, Model
from nncodec.analysis import Laplace
from tools.experiments import versions
from tools.experiments.coding import Coder, paper_config, paper_step
from tools.experiments.context import Context
from tools.experiments.results import Claim, Section, Table
from tools.experiments.summary import NOT_MEASURED, verdict_of, with_rule
from tools.experiments.versions import Pair
from tools.experiments.weights import Floats, entropy, levels, mean_squared_error, residuals

TABLE_I: Final = (8, 9)
"""The paper's operating points 1 and 2."""
Q_BITS: Final = (*TABLE_I, 10)
"""And a coarser one, at which a is nearer to 1."""
FINE: Final = 1.0
"""The greatest a = ΛQ, the step in mean absolute values, for which the model is held to the figures below."""
RATE_WITHIN, DISTORTION_WITHIN = 0.03, 0.05
TEXT: Final = """\
Names and values are those of E1. Each row is a model alone, or the difference of a model from its reference, which the
receiver holds without loss; quantised with f = 0.4 and one step Q = 10^(q − 12). Λ is the inverse of the mean absolute
value (eq. 4), a = ΛQ. The model's rate (eq. 8) stands beside the order-0 entropy of the levels, the model's distortion
(eq. 7) beside that of the decoded weights. "One Λ" is as the paper has it, one distribution for a whole model; "by
tensor" fits each tensor its own, and compares with the entropy of each tensor's own levels: networks are mixtures of
layers of different widths. (With fewer weights in a tensor than levels, that entropy is too low.) The last columns are
streams with all headers, of the same matrices: paper mode (LZMA), and main with the same mean squared error. Deviations
are of the model from what was measured, and claims on them take the rows with a ≤ {fine:g}. Similar distortion: within
a factor of {alike}. The claims on Table I take its two steps, q = 8 and 9."""
ALIKE: Final = 1.5


@dataclass(frozen=True)
class Fit:
    """What the Laplace model says, and the entropy of the levels; bits per weight, and units of the weights squared."""

    rate: float
    distortion: float
    entropy: float


@dataclass(frozen=True)
class Point:
    """A model, alone or as a difference, at one step. scale: Λ of all. distortion: measured; bits: per weight."""

    name: str
    q_bits: int
    scale: float
    one: Fit
    by_tensor: Fit
    distortion: float
    paper_bits: float
    main_bits: float

    @property
    def ratio(self) -> float:
        """The step in mean absolute values, a = ΛQ."""
        return self.scale * paper_step(self.q_bits)


class Couple(NamedTuple):
    """A model alone, and its difference from a reference, at the same step."""

    alone: Point
    difference: Point


def run(context: Context) -> Section:
    """Table I."""
    models = {**versions.versions(context), **versions.tasks(context)}
    pairs = [*versions.in_time(models), *versions.between_tasks(models), *versions.real(context)]
    rows = [(pair, q) for pair in pairs for q in Q_BITS]
    couples = [_couple(context.coder, pair, q) for pair, q in context.track(rows, "models and steps")]
    points = [point for couple in couples for point in couple]
    return Section(
        "E2",
        "Rate and distortion of the Laplace model",
        with_rule(TEXT.format(fine=FINE, alike=ALIKE)),
        claims=(*_fit_claims(points), *_gain_claims([each for each in couples if each.alone.q_bits in TABLE_I])),
        tables=(_rates(points), _distortions(points)),
    )


def _couple(coder: Coder, pair: Pair, q_bits: int) -> Couple:
    alone = measure(coder, pair.name, q_bits, pair.model)
    return Couple(alone, measure(coder, pair.title, q_bits, pair.model, pair.reference))


def measure(coder: Coder, name: str, q_bits: int, model: Model, reference: Model | None = None) -> Point:
    """Fit, quantise, code and decode `model`, of nothing but matrices."""
    step, paper = paper_step(q_bits), paper_config(q_bits)
    references = [reference] if reference else []
    tensors = [values for values in residuals(model, reference) if values.size]
    values = np.concatenate(tensors)
    error = mean_squared_error(model, coder.decoded(model, paper, references))
    main = EncoderConfig(mse=error) if error else EncoderConfig(lossless=True)
    bits = [8 * len(coder.stream(model, config, references)) / values.size for config in (paper, main)]
    scale = Laplace.fit(values).scale
    return Point(name, q_bits, scale, _fit([values], step), _fit(tensors, step), error, bits[0], bits[1])


def _fit(parts: Sequence[Floats], step: float) -> Fit:
    """The mean over all weights of what a distribution for each part gives."""
    counts = [part.size for part in parts]
    models = [Laplace.fit(part) for part in parts]
    each = (
        [float(model.rate(step)) for model in models],
        [float(model.distortion(step)) for model in models],
        [entropy(levels(part, step)) for part in parts],
    )
    return Fit(*(float(np.average(values, weights=counts)) for values in each))


def _rates(points: Iterable[Point]) -> Table:
    head = ("values", "q", "Λ", "a", "eq. 8", "entropy", "off", "by tensor: eq. 8", "entropy", "off", "paper", "main")
    rows = tuple(
        (
            point.name,
            str(point.q_bits),
            f"{point.scale:.1f}",
            f"{point.ratio:.3f}",
            *(text for fit in (point.one, point.by_tensor) for text in _compared(fit.rate, fit.entropy, ".3f")),
            f"{point.paper_bits:.3f}",
            f"{point.main_bits:.3f}",
        )
        for point in points
    )
    return Table(
        "R1 (q = 8), R2 (q = 9), and at q = 10, in bits per weight; paper and main: of whole streams.", head, rows, "I"
    )


def _distortions(points: Iterable[Point]) -> Table:
    head = ("values", "q", "measured", "eq. 7", "off", "by tensor: eq. 7", "off")
    rows = tuple(
        (
            point.name,
            str(point.q_bits),
            f"{point.distortion:.3e}",
            *(
                text
                for fit in (point.one, point.by_tensor)
                for text in _compared(fit.distortion, point.distortion, ".3e")[::2]
            ),
        )
        for point in points
    )
    return Table(
        "D1 (q = 8), D2 (q = 9), and at q = 10: mean squared errors in units of the weights squared.", head, rows, "I"
    )


def _compared(predicted: float, measured: float, form: str) -> tuple[str, str, str]:
    return (
        f"{predicted:{form}}",
        f"{measured:{form}}",
        f"{_off(predicted, measured):+.1%}" if measured else NOT_MEASURED,
    )


def _off(predicted: float, measured: float) -> float:
    return predicted / measured - 1


def _fit_claims(points: Sequence[Point]) -> Iterator[Claim]:
    fine = [point for point in points if point.ratio <= FINE]
    for how, fit in (("one Λ for a model", attrgetter("one")), ("a Λ for each tensor", attrgetter("by_tensor"))):
        rates = {f"{each.name}, q {each.q_bits}": _off(fit(each).rate, fit(each).entropy) for each in fine}
        yield _within(f"Eq. 8 gives the rate within {RATE_WITHIN:.0%} ({how})", rates, RATE_WITHIN)
    for how, fit in (("one Λ for a model", attrgetter("one")), ("a Λ for each tensor", attrgetter("by_tensor"))):
        errors = {f"{each.name}, q {each.q_bits}": _off(fit(each).distortion, each.distortion) for each in fine}
        yield _within(f"Eq. 7 gives the distortion within {DISTORTION_WITHIN:.0%} ({how})", errors, DISTORTION_WITHIN)


def _within(statement: str, deviations: Mapping[str, float], limit: float) -> Claim:
    are_near = [abs(each) <= limit for each in deviations.values()]
    if not deviations:
        return Claim(statement, "No row has so fine a step.", verdict_of(()))
    low, high = min(deviations, key=deviations.__getitem__), max(deviations, key=deviations.__getitem__)
    ends = f"{deviations[low]:+.1%} ({low}) to {deviations[high]:+.1%} ({high})"
    found = f"Within it in {sum(are_near)} of {len(are_near)} rows with a ≤ {FINE:g}; off by {ends}."
    return Claim(statement, found, verdict_of(are_near))


def _gain_claims(couples: Sequence[Couple]) -> Iterator[Claim]:
    distortions = [difference.distortion / alone.distortion for alone, difference in couples]
    alike = verdict_of(1 / ALIKE <= ratio <= ALIKE for ratio in distortions)
    found = f"{min(distortions):.2f} to {max(distortions):.2f} times the distortion."
    yield Claim("At one step a difference and its model alone have similar distortions (Table I)", found, alike)
    for what, bits in (
        ("in entropy", attrgetter("one.entropy")),
        ("as streams in paper mode", attrgetter("paper_bits")),
    ):
        ratios = {couple.difference.name: bits(couple.difference) / bits(couple.alone) for couple in couples}
        found = f"{min(ratios.values()):.2f} to {max(ratios.values()):.2f} times the bits."
        yield Claim(
            f"The difference takes fewer bits, {what} (Table I)", found, verdict_of(r < 1 for r in ratios.values())
        )
