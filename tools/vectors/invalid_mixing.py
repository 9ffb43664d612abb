"""Invalid vectors: the mixing coder and the trellis (SPEC.md clauses 7.1 and 9.5)."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np

from nncodec.entropy.mixing.coder import Area, encode_areas
from tools.vectors import wire
from tools.vectors.bases import THOUSANDTH, levels_only, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft
from tools.vectors.invalid_parameters import baseline
from tools.vectors.mixing import GROUP, MIXING, TRELLIS, TRELLIS_64, item_of, mixed, spread, zeros
from tools.vectors.rans import RANS

_BEYOND = base64.b85decode(
    "KmY&#fj_BmfB>gP7^2Ji0eZVZev3lxr}4PAi1LY!GBQoyJUG6x3Irh+@}!%SPnAjvz4Q3i+(j1~h_kayLCjx6SR^@Z1SGAeGbUDN#$a`K;x3zsK<"
    "o752rh&)>Yk)Oj_qCokg{HHGl!(<mk4~)m=Hwb=rnD1fUr0k2at-+jCN57G%UwKDkmE=0K$1H(DR2#LFbedqdlNhSQqtJo)ky=3HluN>OVhUrPTd"
    "~<hGFX`y9iGc$-?hq4ubj@9|qDH@L00+=;geFB?qL8>X4*B$7v>K+LBEgr)H*b^6|#2oz+tz@yyw_<^B49dBo9cd@qoWFfXd2VZGLAqi<k+D|{)b"
    "_)z4Gyc^Lf;p6nrcR9nH{nnINv_JEv+m7wT41<i$KP8PQtcJwc7|;3;JK-a*;`R?&iD_2nn{mUd=BwZ)!V>n^I1S=IMW>VjYhI9Q&sU@%~8P-JYH"
    "K-FJ}_i2rX;+ftH2S28ixH&uF-j<O1|IBBZKl5tW?1Ze+-Qz^AUQcE*`c`l=<lNpt)!X?oe#E?Ws#_DHr>p#-h>k4$CLl0kNAR<CyJ4jdF3|IQ3B"
    "RkK5vWKnX0+g+6}PVo5sCyOHMg$GwiLA)DjxGILRzcGR9_svjk2R~NGZaJ4n^BZo5BHc-M98RptPs<nCS~aL6Aw+7eUY9gO#YE8-Td(&Ua3>yde5"
    "F?#yb5%PV~l8jBV*N3m%2lXRLoE!S*+3)fEI-J%D3&CWS)GK!LoLEBqMw^N@|T;<N#w!Q%%>KT2B03MFBvnB=Z`q!)4O8w{7nvSzHrn{c}Vzb+yB"
    "GpRwyqPPon4y9XB!5MgUxm|JE1qUfv7e2a!@sVY=!@Bg*u6cU*$W@5JgKP)Y|bQ|P-c?hmNNSj={0Hf6@^A#I!)l2v_`b8frP|k5{c}}&r"
)
"""Found by coding 200 levels where `raw` leaves a remainder: there the value may reach the width."""

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


def _with_level(level: int, likely: int) -> Draft:
    """A level that does not fit 32 bits, behind twenty of the nearest that does."""
    levels = [1000 * (n % 7) for n in range(60)] + [likely] * 20 + [level] + [5] * 19
    fitting = [likely if x == level else x for x in levels]
    draft = mixed([item_of("w", (100,), fitting, THOUSANDTH)], THOUSANDTH)
    payload = encode_areas([(np.array(levels, np.int64), Area((100,), 0, 100))])
    return replace(draft, patches={**draft.patches, "slice0.payload": payload})


@invalid("ENTROPY", "9.5.1")
def mixing_level_of_33_bits() -> Draft:
    """A level of 2^31, behind twenty of 2^31 - 1 that make it likely."""
    return _with_level(2**31, 2**31 - 1)


@invalid("ENTROPY", "9.5.1")
def mixing_level_of_33_bits_below_0() -> Draft:
    """A level of -2^31 - 1, behind twenty of -2^31 that make it likely."""
    return _with_level(-(2**31) - 1, -(2**31))


@invalid("ENTROPY", "9.5.2")
def mixing_value_beyond_the_interval() -> Draft:
    """Words that no encoder writes: the value reaches the width; cut to 64 bits it would come back in."""
    draft = mixed([item_of("w", (200,), [0] * 200, THOUSANDTH)], THOUSANDTH)
    return replace(draft, patches={**draft.patches, "slice0.payload": _BEYOND})
