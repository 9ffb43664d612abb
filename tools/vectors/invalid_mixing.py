"""Invalid vectors: the mixing coder and the trellis (SPEC.md clauses 7.1 and 9.5)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import THOUSANDTH, levels_only, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft
from tools.vectors.invalid_parameters import baseline
from tools.vectors.mixing import GROUP, MIXING, TRELLIS, TRELLIS_64, item_of, mixed, spread, zeros
from tools.vectors.rans import RANS

patched(
    plain,
    (
        (
            "mixing-of-exact-words VALUE_RANGE R-7.1.16",
            {f"{GROUP}.entropy_coder": wire.u8(MIXING)},
            "The mixing coder for exact words.",
        ),
    ),
)
patched(
    baseline,
    (
        ("baseline-mixing VALUE_RANGE R-7.1.17 A.1", {f"{GROUP}.entropy_coder": wire.u8(MIXING)}, "In BASELINE."),
        ("baseline-rans VALUE_RANGE R-7.1.17 A.1", {f"{GROUP}.entropy_coder": wire.u8(RANS)}, "In BASELINE."),
        ("baseline-trellis VALUE_RANGE R-7.1.17 A.1", {f"{GROUP}.representation": wire.u8(TRELLIS)}, "In BASELINE."),
        (
            "baseline-trellis-64 VALUE_RANGE R-7.1.17 A.1",
            {f"{GROUP}.representation": wire.u8(TRELLIS_64)},
            "The same with 64 states.",
        ),
    ),
)
patched(
    levels_only,
    (
        (
            "trellis-without-quantiser UNIT_SIZE 6.4.1 3.3",
            {f"{GROUP}.representation": wire.u8(TRELLIS), f"{GROUP}.quantiser": b""},
            "Trellis levels need a quantiser as others do.",
        ),
    ),
)


def _base() -> Draft:
    return mixed([item_of("w", (6, 9), spread(54, 5), THOUSANDTH)], THOUSANDTH)


def _with_payload(payload: bytes) -> Draft:
    draft = _base()
    return replace(draft, patches={**draft.patches, "slice0.payload": payload})


def _payload() -> bytes:
    return _base().patches["slice0.payload"]


@invalid("ENTROPY", "9.5.1")
def mixing_odd_payload() -> Draft:
    """A payload of half a word more."""
    return _with_payload(_payload() + b"\0")


@invalid("ENTROPY", "9.5.1", "9.3")
def mixing_empty_payload() -> Draft:
    """No payload."""
    return _with_payload(b"")


@invalid("ENTROPY", "9.5.2")
def mixing_word_too_many() -> Draft:
    """A word of zeros behind the last one, which an encoder would not write."""
    return _with_payload(_payload() + b"\0\0")


@invalid("ENTROPY", "9.5.2")
def mixing_word_missing() -> Draft:
    """The last word is missing."""
    return _with_payload(_payload()[:-2])


@invalid("ENTROPY", "9.5.2")
def mixing_last_word_larger() -> Draft:
    """A last word that still lies in the interval, but is not the least."""
    payload = _payload()
    return _with_payload(payload[:-2] + (int.from_bytes(payload[-2:], "big") + 1).to_bytes(2, "big"))


@invalid("ENTROPY", "9.5.1")
def mixing_noise() -> Draft:
    """Noise instead of a payload."""
    return _with_payload(bytes((n * 37 + 11) * (n + 5) % 251 for n in range(40)))


@invalid("ENTROPY", "9.5.1", "9.3")
def mixing_bomb() -> Draft:
    """A payload of two bytes for more levels than 8192 bytes a byte allow."""
    item = item_of("w", (5000,), [0] * 5000, THOUSANDTH)
    draft = mixed([item], THOUSANDTH)
    return replace(draft, patches={**draft.patches, "slice0.payload": b"\0\0"})


@invalid("ENTROPY", "9.4")
def mixing_levels_over_the_bound() -> Draft:
    """A payload of ten bytes that decodes to 20481 levels of INT32: four bytes more than the bound."""
    return zeros(20481, 4)


@invalid("ENTROPY", "9.4")
def mixing_levels_over_the_bound_by_their_width() -> Draft:
    """A payload of ten bytes that decodes to 40961 levels of INT16: each as a byte they would not be too many."""
    return zeros(40961, 2)
