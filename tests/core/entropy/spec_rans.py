"""SPEC.md clause 9.6 word by word, in its own names and the simplest Python: what the coder is tested against."""

from __future__ import annotations

from math import ceil, log2


class Bits:
    """9.6.2."""

    def __init__(self, data: bytes) -> None:
        self.number = int.from_bytes(data, "little")
        self.size = 8 * len(data)
        self.used = 0

    def bits(self, n: int) -> int:
        assert self.used + n <= self.size
        value = (self.number >> self.used) % 2**n
        self.used += n
        return value

    def golomb(self, most: int) -> int:
        zeros = 0
        while self.bits(1) == 0:
            zeros += 1
        value = 2**zeros - 1 + self.bits(zeros)
        assert value <= most
        return value

    def signed(self, most: int) -> int:
        n = self.golomb(most)
        return n // 2 if n % 2 == 0 else -(n + 1) // 2

    def index(self, count: int) -> int:
        value = self.bits(ceil(log2(count)))
        assert value < count
        return value

    def pad(self) -> None:
        assert self.bits(-self.used % 8) == 0


class Room:
    """The bounds of 9.6.3."""

    def __init__(self, symbols: int) -> None:
        self.tokens = self.slots = min(2**20, 2**15 + 64 * symbols)
        self.contexts = min(2**13, 2**10 + symbols // 16)


class Set:
    """`set()` of 9.6.3."""

    def __init__(self, b: Bits, w: int, scale: int, precision: int, room: Room) -> None:
        self.w, self.kind = w, b.bits(2)
        self.mantissa = self.low = self.zeros = 0
        self.palette = []
        if self.kind == 3:
            behind = 0
            for _ in range(b.golomb(4095) + 1):
                self.palette.append(behind + b.golomb(2 ** (8 * w) - 1))
                behind = self.palette[-1] + 1
            assert self.palette[-1] < 2 ** (8 * w)
        else:
            self.mantissa = b.bits(3)
        if self.kind == 2:
            self.low, self.zeros = b.bits(6), b.bits(6)
            assert self.zeros <= self.low < 8 * w <= self.low + 13
        room.tokens -= self.alphabet()
        assert room.tokens >= 0
        self.sides = b.golomb(63) + 1
        self.thresholds, behind = [], 0
        for _ in range(b.golomb(31)):
            self.thresholds.append(behind + b.golomb(511))
            behind = self.thresholds[-1] + 1
        contexts = self.sides * (len(self.thresholds) + 1)
        room.contexts -= contexts
        assert room.contexts >= 0
        tables = b.golomb(contexts - 1) + 1
        room.slots -= tables * 2**scale
        assert room.slots >= 0
        self.chosen = [b.index(tables) for _ in range(contexts)]
        self.tables = [self.table(b, scale, precision) for _ in range(tables)]

    def alphabet(self) -> int:
        bits = 8 * self.w
        return {3: len(self.palette), 2: 1 + 2 ** (bits - self.low)}.get(
            self.kind, 2 + 2 * (bits - 1) * 2**self.mantissa
        )

    def table(self, b: Bits, scale: int, precision: int) -> list[tuple[int, int]]:
        """9.6.4: tokens and frequencies."""
        alphabet = self.alphabet()
        behind, length = 0, 8
        tokens, lengths = [], []
        for _ in range(b.golomb(min(alphabet, 2**scale) - 1) + 1):
            tokens.append(behind + b.golomb(alphabet - 1))
            length += b.signed(2 * scale + 2)
            assert tokens[-1] < alphabet
            assert 1 <= length <= scale + 1
            lengths.append(length)
            behind = tokens[-1] + 1
        free = lengths.index(max(lengths))
        frequencies = [0] * len(tokens)
        for place, length in enumerate(lengths):
            if place != free:
                told = min(length - 1, precision)
                frequencies[place] = 2 ** (length - 1) + b.bits(told) * 2 ** (length - 1 - told)
        frequencies[free] = 2**scale - sum(frequencies)
        assert frequencies[free] >= 1
        return list(zip(tokens, frequencies, strict=True))

    def split(self, token: int) -> tuple[int, int]:
        """k // 2^mantissa, and t."""
        k = (token - 1) // 2
        return k // 2**self.mantissa, 2**self.mantissa + k % 2**self.mantissa

    def klass(self, token: int) -> int:
        return 0 if token == 0 or self.kind == 3 else min(self.split(token)[0] + 1, 63)

    def word(self, token: int, base: int, raw: Bits) -> int:
        """9.6.5."""
        bits = 8 * self.w
        if self.kind == 3:
            return self.palette[token]
        if token == 0:
            return 0
        negative, k = (token - 1) % 2, (token - 1) // 2
        if self.kind == 2:
            top = (k + base * 2**self.mantissa) % 2 ** (bits - 1 - self.low)
            return negative * 2 ** (bits - 1) + top * 2**self.low + raw.bits(self.low - self.zeros) * 2**self.zeros
        if token == self.alphabet() - 1:
            return 2**bits - 1 if self.kind == 0 else 2 ** (bits - 1)
        e, t = self.split(token)
        mantissa = self.mantissa
        magnitude = t >> (mantissa - e) if e < mantissa else (t << (e - mantissa)) + raw.bits(max(e - mantissa, 0))
        if self.kind == 0:
            return 2 * magnitude - negative
        return 2**bits - magnitude if negative else magnitude


def decode(payload: bytes, w: int, counts: list[int], exponents: list[list[int] | None]) -> list[int]:
    """The words of a slice of areas of `counts` symbols."""
    b, symbols = Bits(payload), sum(counts)
    lanes, scale, precision, start = 2 ** b.bits(4), 8 + b.bits(3), b.bits(3), b.bits(6)
    assert lanes <= symbols
    room = Room(symbols)
    sets = [Set(b, w, scale, precision, room) for _ in range(b.golomb(255) + 1)]
    areas, previous = [], 0
    for _ in counts:
        number = b.index(len(sets))
        base = 0
        if sets[number].kind == 2 or sets[number].sides > 1:
            base = previous = previous + b.signed(8192)
        areas.append((sets[number], base))
    sizes, previous = [], 0
    for lane in range(lanes):
        previous += b.signed(2 * symbols)
        assert 0 <= previous <= symbols // lanes + (lane < symbols % lanes)
        sizes.append(previous)
    b.pad()
    states = [b.bits(32) for _ in range(lanes)]
    assert min(states) >= 2**16
    words = [[b.bits(16) for _ in range(size)] for size in sizes]

    places = [(area, at) for area, count in enumerate(counts) for at in range(count)]
    tokens = []
    for lane in range(lanes):
        state, fast, slow = states[lane], start << 8, start << 8
        begin = lane * (symbols // lanes) + min(lane, symbols % lanes)
        end = (lane + 1) * (symbols // lanes) + min(lane + 1, symbols % lanes)
        for area, at in places[begin:end]:
            its, base = areas[area]
            side, known = 0, exponents[area]
            if its.sides > 1 and known is not None:
                side = min(max(known[at] - base, 0), its.sides - 1)
            activity = (fast + slow) >> 6
            t = sum(threshold <= activity for threshold in its.thresholds)
            table = its.tables[its.chosen[side * (len(its.thresholds) + 1) + t]]
            slot, first = state % 2**scale, 0
            while slot >= first + table[0][1]:
                first += table[0][1]
                table = table[1:]
            token, frequency = table[0]
            state = frequency * (state >> scale) + slot - first
            if state < 2**16:
                state = (state << 16) | words[lane].pop(0)
            fast += ((its.klass(token) << 8) - fast) >> 2
            slow += ((its.klass(token) << 8) - slow) >> 4
            tokens.append(token)
        assert state == 2**16
        assert not words[lane]
    result = [areas[area][0].word(token, areas[area][1], b) for (area, _), token in zip(places, tokens, strict=True)]
    b.pad()
    assert b.used == b.size
    return result
