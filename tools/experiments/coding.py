"""Models through the codec's public API, in the paper's way and in ours; what was coded once is kept on disk.

PAPER is the method of the paper: profile baseline, decadic steps, f = 0.4, LZMA. MAIN is all that the format has.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np

import nncodec
from nncodec import EncoderConfig, Model, Profile
from nncodec.adapters.atomic import replace_on_success
from nncodec.quantisation import decadic_step
from tools.experiments.weights import squares

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
PAPER_S_BITS: Final = 12
Q_BITS: Final = tuple(range(4, 12))
"""The paper's range of q_bits (V-B.1)."""


def paper_config(q_bits: int) -> EncoderConfig:
    """The paper's method at its step, `paper_step`."""
    return EncoderConfig(profile=Profile.BASELINE, q_bits=q_bits)


def paper_step(q_bits: int) -> float:
    """10^(q_bits - 12), in units of the weights."""
    return decadic_step(PAPER_S_BITS, q_bits)


PAPER: Final = tuple(map(paper_config, Q_BITS))
MAIN_ALONE: Final = tuple(EncoderConfig(quality=float(quality)) for quality in (0, 10, 20, 30, 40, 55))
MAIN_UPDATE: Final = tuple(
    EncoderConfig(step=2.0**-octave) for octave in (3.0, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 9.0, 10.0)
)
"""Steps as the paper's mode has them, but no decades: the decoded update is what outputs err the least by."""


@dataclass(frozen=True)
class Coded:
    """One operating point: a model, alone or against references, coded as `setting` says, decoded and put to its task.

    size: bytes of the stream; raw: of the tensors. utility: of the decoded model. departure: how far its outputs are
    from those of the original (`Task.departure`). snr: of the weight matrices, in dB; update_snr: the same of the
    update, NaN without reference.
    """

    setting: str
    size: int
    raw: int
    utility: float
    departure: float
    snr: float
    update_snr: float

    @property
    def ratio(self) -> float:
        """The paper's compression ratio: bytes of the tensors over bytes sent."""
        return self.raw / self.size


class Judge(Protocol):
    """What `Coder.measure` needs of a `Task`."""

    @property
    def key(self) -> str:
        """Names all that the results hang on beside the models."""

    def utility(self, model: Model) -> float:
        """See `Task.utility`."""

    def departure(self, model: Model, original: Model) -> float:
        """See `Task.departure`."""


class Coder:
    """Codes and measures; streams and measurements lie in `folder`, by content of all that they hang on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def stream(self, model: Model, config: EncoderConfig, references: Sequence[Model] = ()) -> bytes:
        """`model` as a stream."""
        path = self._folder / f"{_key(model, config, references)}.nmc"
        if not path.exists():
            _write(path, nncodec.encode_with_report(model, config, references).data)  # coarse steps need no warning
        return path.read_bytes()

    def decoded(self, model: Model, config: EncoderConfig, references: Sequence[Model] = ()) -> Model:
        """What becomes of `model`: what a receiver holds, and the reference of a closed loop."""
        return nncodec.decode(self.stream(model, config, references), references)

    def measure(self, model: Model, config: EncoderConfig, task: Judge, references: Sequence[Model] = ()) -> Coded:
        """The operating point of `config`."""
        path = self._folder / f"{_key(model, config, references, task.key)}.json"
        if not path.exists():
            _write(path, json.dumps(asdict(self._measured(model, config, task, references))).encode())
        return Coded(**json.loads(path.read_text(encoding="utf-8")))

    def curve(
        self, model: Model, configs: Iterable[EncoderConfig], task: Judge, references: Sequence[Model] = ()
    ) -> list[Coded]:
        """The operating points of `configs`."""
        return [self.measure(model, config, task, references) for config in configs]

    def _measured(self, model: Model, config: EncoderConfig, task: Judge, references: Sequence[Model]) -> Coded:
        stream = self.stream(model, config, references)
        decoded = nncodec.decode(stream, references)
        return Coded(
            setting=setting_of(config),
            size=len(stream),
            raw=model.nbytes,
            utility=task.utility(decoded),
            departure=task.departure(decoded, model),
            snr=snr(model, decoded),
            update_snr=snr(model, decoded, references[0]) if references else math.nan,
        )


def setting_of(config: EncoderConfig) -> str:
    """The request of `config`, such as "q_bits 8"."""
    name = config.requests[0] if config.requests else "default"
    return name if config.lossless or name == "default" else f"{name} {getattr(config, name):g}"


def snr(model: Model, decoded: Model, reference: Model | None = None) -> float:
    """SNR in dB of the weight matrices of `decoded`; with a reference, against the energy of the update alone."""
    energy, error = squares(model, reference), squares(model, decoded)
    return 10 * math.log10(energy / error) if energy and error else math.inf if energy else 0.0


def size_at_utility(points: Iterable[Coded], utility: float) -> float:
    """Bytes at which the curve reaches `utility`, between its points along log size; NaN where it never does.

    A curve is read from its costly end: a lucky point below one that fell short does not count.
    """
    above: Coded | None = None
    for point in sorted(points, key=lambda each: -each.size):
        if point.utility < utility:
            return math.nan if above is None else _between(point, above, utility)
        above = point
    return math.nan if above is None else float(above.size)


def _between(low: Coded, high: Coded, utility: float) -> float:
    share = (utility - low.utility) / (high.utility - low.utility)
    return math.exp(math.log(low.size) + share * (math.log(high.size) - math.log(low.size)))


def size_at_departure(points: Iterable[Coded], departure: float) -> float:
    """Bytes at which outputs depart so far, between points on two logarithmic axes; NaN outside of the curve."""
    ordered = sorted((each for each in points if each.departure > 0), key=lambda each: each.departure)
    if not ordered or not ordered[0].departure <= departure <= ordered[-1].departure:
        return math.nan
    logs = [math.log(each.departure) for each in ordered]
    return math.exp(float(np.interp(math.log(departure), logs, [math.log(each.size) for each in ordered])))


@cache
def _codec() -> str:
    """Digest of what the codec makes of the example networks: where that changes, all is coded anew.

    A change of its sources that leaves these streams alone keeps what was measured; remove the cache to doubt that.
    """
    early, late = (nncodec.load(EXAMPLES / f"digits-{version}.onnx") for version in ("v1", "v2"))
    exact = EncoderConfig(lossless=True)
    digest = hashlib.sha256()
    for config in (PAPER[4], MAIN_ALONE[2], exact):
        digest.update(nncodec.encode(early, config))
    for config in (PAPER[4], MAIN_UPDATE[3], exact):
        digest.update(nncodec.encode(late, config, [early]))
    return digest.hexdigest()


def _key(model: Model, config: EncoderConfig, references: Sequence[Model], *more: str) -> str:
    parts = [_codec(), model.content_id.hex(), repr(config), *(each.content_id.hex() for each in references), *more]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _write(path: Path, content: bytes) -> None:
    with replace_on_success(path) as beside:
        beside.write_bytes(content)
