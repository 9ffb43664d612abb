"""Invalid vectors: the rANS coder (SPEC.md clause 9.6) where one rejection alone stands between a fault and a model.

A decoder that forgets the test that a vector is for decodes it to the tensors that the content id names.
"""

from __future__ import annotations

from tools.vectors.cases import invalid
from tools.vectors.draft import Draft, exact
from tools.vectors.rans import with_payloads
from tools.vectors.rans_spelt import ALL_ZERO, DATA, ONE_TOKEN, ROOM, Spelt, g, s, zeros

START = 2**16


def _bytes(data: bytes, spelt: Spelt) -> Draft:
    return with_payloads([exact("w", "uint8", (len(data),), data)], spelt.payload())


def _states(*states: int) -> bytes:
    return b"".join(state.to_bytes(4, "little") for state in states)


@invalid("ENTROPY", "9.6.4")
def rans_unused_token_over_alphabet() -> Draft:
    """Token 16 of 16 has half of all slots, and no symbol has it."""
    state = START
    for _ in range(4):
        state = (state // 128 << 8) + state % 128
    return _bytes(bytes(4), Spelt(table=(g(1), g(0), s(0), g(15), s(0)), state=state))


@invalid("ENTROPY", "9.6.4")
def rans_free_token_of_frequency_0() -> Draft:
    """Three tokens, of which the last two have all slots: none are left for the first, which no symbol has."""
    words = bytes(2 - byte for byte in DATA)
    return _bytes(words, Spelt(table=(g(2), g(0), s(0), g(0), s(0), g(0), s(0))))


@invalid("ENTROPY", "9.6.7")
def rans_state_low_until_its_first_word() -> Draft:
    """A state of 1 at the start, which the one word of the lane brings to 2^16."""
    return _bytes(bytes(4), Spelt(table=ONE_TOKEN, words=(s(1),), state=1, after=b"\0\0"))


@invalid("ENTROPY", "9.6.7")
def rans_state_ends_one_high() -> Draft:
    """A state that ends at 2^16 + 1."""
    return _bytes(bytes(4), Spelt(table=ONE_TOKEN, state=START + 1))


def _declare_lanes() -> None:
    for lane in range(4):

        def make(lane: int = lane) -> Draft:
            states = [START + (place == lane) for place in range(4)]
            front = ((2, 4), (0, 3), (0, 3), (0, 6))
            spelt = Spelt(front=front, table=ONE_TOKEN, words=(s(0),) * 4, state=states[0], after=_states(*states[1:]))
            return _bytes(bytes(8), spelt)

        make.__name__ = f"rans_state_of_lane_{lane}_ends_high"
        make.__doc__ = f"Four lanes; the state of lane {lane} alone does not end at 2^16."
        invalid("ENTROPY", "9.6.7")(make)


_declare_lanes()


@invalid("ENTROPY", "9.6.3")
def rans_lanes_without_symbols() -> Draft:
    """Eight lanes for four symbols: four of them hold none, and end where they start."""
    front = ((3, 4), (0, 3), (0, 3), (0, 6))
    after = _states(*[START] * 7)
    return _bytes(bytes(4), Spelt(front=front, table=ONE_TOKEN, words=(s(0),) * 8, state=START, after=after))


@invalid("ENTROPY", "9.4")
def rans_levels_over_the_bound_by_their_width() -> Draft:
    """One level of INT16 more than 8192 times the payload; each as a byte they would not be too many."""
    return zeros(ROOM // 2 + 1, 2)


@invalid("ENTROPY", "9.4")
def rans_words_one_over_the_bound() -> Draft:
    """One exact byte more than 8192 times the payload."""
    return _bytes(bytes(ROOM + 1), ALL_ZERO)
