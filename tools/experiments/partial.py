"""E8, Fig. 9: a network of which only the last layers are trained on, with and without DoM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nncodec import EncoderConfig, Model
from tools.experiments.coding import paper_config
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Table
from tools.experiments.scenarios import Scenario, scenarios
from tools.experiments.summary import AT_DEPARTURE, cell, listed, minus, utility_series, verdict_of, with_rule
from tools.experiments.updates import EXACT, KEPT, MOST_OF_PAPER, Method, Update, measure_update, sweeps_of

FROZEN: Final = "resnet-frozen"
WHOLE: Final = "resnet-retrieval"
MOST_BITS_UNCHANGED: Final = 1.0
"""Bits that an unchanged tensor may cost, at most: what this project set out to reach."""
MOST_BYTES_IDLE: Final = 64
"""Bytes of an update that changes nothing, at most, the content ids of both models aside."""
_IDS: Final = 2 * 32
"""Bytes of the two content ids."""
_CHECKED: Final = {
    "paper, q 8": paper_config(8),
    "main, step 0.001": EncoderConfig(step=0.001, least_squares=True),
    "main, lossless": EXACT,
}

_TEXT: Final = """\
A ResNet-style network with an embedding is trained on for retrieval, once with all layers before the third stage
frozen, once as a whole; the last version is sent over three intervals, as far as the start of that training. References
are pristine; one seed. Frozen layers are the same in both versions bit for bit, their statistics of batch normalisation
too. Whether they are so at the receiver is checked tensor by tensor. What they cost is found by sending the model
without them: the difference in bytes, a few of which may have other causes. And a model is sent to a receiver that
holds it already. Between its decades the paper's mode is read as in E5: its quantiser is run at finer steps too."""


@dataclass(frozen=True)
class Unchanged:
    """What becomes of the `count` tensors, of `raw` bytes, that are equal in both versions.

    exact: how many of them the receiver has bit for bit. size: of the stream; cost: by how much that is more than a
    stream of the other tensors alone. idle: bytes of the reference sent to who holds it.
    """

    method: str
    count: int
    raw: int
    exact: int
    size: int
    cost: int
    idle: int

    @property
    def bits_each(self) -> float:
        """Bits of an unchanged tensor, on average."""
        return 8 * self.cost / self.count


def run(context: Context) -> Section:
    """Curves of both networks; then what unchanged tensors cost."""
    listed_scenarios = scenarios("E8")
    updates = [_measured(context, each) for each in context.track(listed_scenarios, "E8 partial updates")]
    frozen, whole = (
        [update for update, each in zip(updates, listed_scenarios, strict=True) if each.run == name]
        for name in (FROZEN, WHOLE)
    )
    kept = [
        _unchanged(context, next(each for each in listed_scenarios if each.run == FROZEN), name) for name in _CHECKED
    ]
    figure = Figure("fig9-partial", "mAP against bytes sent, by interval.", (_panel(frozen), _panel(whole)), "9")
    tables = (_sizes(frozen, whole), _unchanged_table(kept))
    return Section("E8", "Partial updates", with_rule(_TEXT), tuple(_claims(frozen, whole, kept)), tables, (figure,))


def _measured(context: Context, scenario: Scenario) -> Update:
    methods = [Method.PAPER_ALONE, Method.PAPER_UPDATE, *([Method.MAIN_UPDATE] if scenario.run == FROZEN else [])]
    return measure_update(context, scenario, context.seed, sweeps_of(context, *methods))


def _unchanged(context: Context, scenario: Scenario, method: str) -> Unchanged:
    zoo, coder, config = context.zoo, context.coder, _CHECKED[method]
    target, reference = scenario.target.model(zoo, context.seed), scenario.reference.model(zoo, context.seed)
    names = unchanged_names(target, reference)
    decoded = coder.decoded(target, config, [reference])
    size = len(coder.stream(target, config, [reference]))
    rest = len(coder.stream(without(target, names), config, [without(reference, names)]))
    return Unchanged(
        method=method,
        count=len(names),
        raw=sum(target.by_name[name].nbytes for name in names),
        exact=sum(decoded.by_name[name].content_id == reference.by_name[name].content_id for name in names),
        size=size,
        cost=size - rest,
        idle=len(coder.stream(reference, config, [reference])),
    )


def unchanged_names(target: Model, reference: Model) -> frozenset[str]:
    """Tensors that both have, bit for bit."""
    ids = {tensor.name: tensor.content_id for tensor in reference.tensors}
    return frozenset(tensor.name for tensor in target.tensors if ids.get(tensor.name) == tensor.content_id)


def without(model: Model, names: frozenset[str]) -> Model:
    """`model` less these tensors; its graph is kept as it is, and so can't be run."""
    return Model(tuple(tensor for tensor in model.tensors if tensor.name not in names), model.topology)


def _panel(updates: Sequence[Update]) -> Panel:
    lines = [utility_series([updates[0].curves[Method.PAPER_ALONE]], Method.PAPER_ALONE.value)]
    for method in (Method.PAPER_UPDATE, Method.MAIN_UPDATE):
        lines += [
            utility_series([each.curves[method]], f"{method.value}, {each.interval}")
            for each in updates
            if method in each.curves
        ]
    levels = (("target", updates[0].new),)
    return Panel(updates[0].run, "kB sent", "mAP", tuple(lines), log_x=True, levels=levels)


def _sizes(frozen: Sequence[Update], whole: Sequence[Update]) -> Table:
    settings = [point.setting for point in frozen[0].curves[Method.PAPER_UPDATE]]
    rows = [
        (
            each.name,
            method.value,
            *(f"{point.size / 1000:.1f} ({point.ratio:.0f})" for point in each.curves[method]),
        )
        for updates in (frozen, whole)
        for place, each in enumerate(updates)
        for method in ((Method.PAPER_ALONE, Method.PAPER_UPDATE) if place == 0 else (Method.PAPER_UPDATE,))
    ]
    caption = "Kilobytes sent by the paper's mode, and in brackets the target's own bytes ÷ sent."
    return Table(caption, ("update", "method", *settings), tuple(rows))


def _unchanged_table(kept: Sequence[Unchanged]) -> Table:
    rows = tuple(
        (
            each.method,
            f"{each.count} ({each.raw:,})",
            f"{each.exact}",
            f"{each.size:,}",
            minus(f"{each.cost:,}"),
            cell(each.bits_each, ".2f"),
            f"{each.idle:,}",
        )
        for each in kept
    )
    head = (
        "method",
        "unchanged tensors (bytes)",
        "of them exact at the receiver",
        "stream, bytes",
        "more than without them",
        "bits each",
        "idle update, bytes",
    )
    return Table("Unchanged tensors of the shortest interval; idle: a model sent to who holds it.", head, rows)


def _claims(frozen: Sequence[Update], whole: Sequence[Update], kept: Sequence[Unchanged]) -> Iterator[Claim]:
    yield _better_with_dom(frozen)
    yield _better_than_whole(frozen, whole)
    yield _stay_exact(kept)
    yield _cost_nothing(kept)
    yield _main_against_paper(frozen)


def _ratios(updates: Sequence[Update], others: Sequence[Update], method: Method) -> list[list[float]]:
    """Bytes with DoM over those of `others` by `method`, at each q."""
    return [
        [
            point.size / other.size
            for point, other in zip(each.curves[Method.PAPER_UPDATE], against.curves[method], strict=True)
        ]
        for each, against in zip(updates, others, strict=True)
    ]


def _told(updates: Sequence[Update], ratios: Sequence[Sequence[float]]) -> str:
    return "; ".join(
        f"{each.name}: {min(own):.2f} to {max(own):.2f}" for each, own in zip(updates, ratios, strict=True)
    )


def _better_with_dom(frozen: Sequence[Update]) -> Claim:
    ratios = _ratios(frozen, frozen, Method.PAPER_ALONE)
    found = f"Paper's mode, bytes with DoM over bytes without, over all q: {_told(frozen, ratios)}."
    outcomes = [each < 1 for own in ratios for each in own]
    return Claim(
        "A partial update takes fewer bytes with DoM than without, at every q (Fig. 9).",
        found,
        verdict_of(outcomes),
    )


def _better_than_whole(frozen: Sequence[Update], whole: Sequence[Update]) -> Claim:
    ratios = _ratios(frozen, whole, Method.PAPER_UPDATE)
    found = (
        f"Paper's mode with DoM, frozen network over the one trained as a whole, over all q: {_told(frozen, ratios)}."
    )
    outcomes = [each < 1 for own in ratios for each in own]
    statement = "A partial update is smaller than an update of the whole network over the same interval (IV-C.1)."
    return Claim(statement, found, verdict_of(outcomes))


def _stay_exact(kept: Sequence[Unchanged]) -> Claim:
    told = ", ".join(f"{each.method}: {each.exact} of {each.count}" for each in kept)
    statement = "Unchanged layers are the same at the receiver, bit for bit."
    return Claim(statement, f"{told}.", verdict_of(each.exact == each.count for each in kept), "target")


def _cost_nothing(kept: Sequence[Unchanged]) -> Claim:
    told = "; ".join(f"{each.method}: {cell(each.bits_each, '.2f')} bits, {each.idle} bytes" for each in kept)
    outcomes = [each.bits_each <= MOST_BITS_UNCHANGED for each in kept]
    outcomes += [each.idle <= MOST_BYTES_IDLE + _IDS for each in kept]
    statement = (
        f"An unchanged tensor costs at most {MOST_BITS_UNCHANGED:g} bit, and an update that changes nothing at most "
        f"{MOST_BYTES_IDLE} bytes and the two content ids ({_IDS} bytes)."
    )
    return Claim(statement, f"Each tensor, and the idle update: {told}.", verdict_of(outcomes), "target")


def _main_against_paper(frozen: Sequence[Update]) -> Claim:
    ratios = [
        (f"{each.name} at {share:.0%}", AT_DEPARTURE.main_to_paper([each], share)) for each in frozen for share in KEPT
    ]
    statement = f"Profile main needs at most {MOST_OF_PAPER:g} of the bytes of the paper's mode for a partial update."
    found = f"Main ÷ paper at equal departure, by the share of the drift taken away: {listed(ratios)}."
    outcomes = (spread.mean <= MOST_OF_PAPER for _, spread in ratios if spread.count)
    return Claim(statement, found, verdict_of(outcomes), "target")
