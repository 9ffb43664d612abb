"""SPEC.md clause 9.5, transcribed from its text and not from the code: a decoder of mixing payloads, slow and plain."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from math import prod

LIMIT = 3071


@cache
def tables() -> tuple[dict[int, int], list[int], list[int], list[int]]:
    """9.5.3: SQUASH, PACE, RATE, LOG."""
    e, t, n = 0, 2**128, 0
    while t > 0:
        e += t
        n += 1
        t //= 256 * n
    p = [2**128]
    for _ in range(LIMIT):
        p.append((p[-1] * e) >> 128)
    squash = {x: max(1, 65536 * p[x] // (2**128 + p[x])) for x in range(LIMIT + 1)}
    squash |= {-x: max(1, 65536 * 2**128 // (2**128 + p[x])) for x in range(1, LIMIT + 1)}
    pace = [4 * 65536 // (n + 8) for n in range(121)]
    rate = [2 * 65536 // (2 * n + 3) for n in range(61)]
    log = [0] + [(i**8).bit_length() - 1 for i in range(1, 4096)]
    return squash, pace, rate, log


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def sign(x: int) -> int:
    return 0 if x == 0 else 1 if x > 0 else 2


def logarithm(x: int) -> int:
    octaves = 0
    while x >= 4096:
        x, octaves = x >> 4, octaves + 32
    return tables()[3][x] + octaves


class Decoder:
    """The state of one slice."""

    def __init__(self, payload: bytes) -> None:
        self.n = len(payload) // 2
        self.words = [int.from_bytes(payload[2 * i : 2 * i + 2], "big") for i in range(self.n)] + [0] * 200
        self.dither = 0
        self.value = self.words[0] << 32 | self.words[1] << 16 | self.words[2]
        self.width, self.used = 2**48 - 1, 3
        self.cells: dict[int, list[int]] = defaultdict(lambda: [2**21, 0])
        self.odds: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        self.taps = [[0] * 6 for _ in range(3)]
        self.plain_error, self.tapped_error, self.start = [0] * 3, [0] * 3, [32] * 3

    def refill(self) -> None:
        if self.width < 2**32:
            self.width <<= 16
            self.value = min((self.value << 16) + self.words[self.used], self.width)
            self.used += 1

    def decide(self, probability: int) -> int:
        bound = (self.width >> 16) * probability
        if self.value < bound:
            bit, self.width = 1, bound
        else:
            bit, self.width, self.value = 0, self.width - bound, self.value - bound
        self.refill()
        return bit

    def raw(self, count: int) -> int:
        self.width >>= count
        number = min(self.value // self.width, 2**count - 1)
        self.value -= number * self.width
        self.refill()
        return number

    def adapt(self, k: int, bit: int) -> None:
        rate = tables()[2]
        probability, count = self.cells[k]
        aim = 2**22 - 1 if bit else 0
        self.cells[k] = [probability + (((aim - probability) * rate[count]) >> 16), min(count + 1, 60)]

    def summed(self, *places: int) -> int:
        squash, pace, _, _ = tables()
        x = sum(self.odds[k][0] for k in places) >> 4
        probability = squash[clamp(x, -LIMIT, LIMIT)]
        bit = self.decide(probability)
        error = 65536 * bit - probability + self.dither
        for k in places:
            odds, count = self.odds[k]
            self.odds[k] = [odds + ((error * pace[count]) >> 20), min(count + 1, 120)]
        return bit

    def mean(self, a: int, b: int, d: int) -> int:
        p = [self.cells[k][0] for k in (a, b, d)]
        bit = self.decide(max((p[0] + 2 * p[1] + p[2]) >> 8, 1))
        for k in (a, b, d):
            self.adapt(k, bit)
        return bit

    def plain(self, k: int) -> int:
        bit = self.decide(max(self.cells[k][0] >> 6, 1))
        self.adapt(k, bit)
        return bit

    def number(self, bits: int, high: int) -> int:
        while bits > 0:
            part = min(bits, 16)
            bits -= part
            high = high << part | self.raw(part)
        return high

    def beyond(self) -> int:
        length = 0
        while length < 32 and self.plain(209_152 + length) == 1:
            length += 1
        return self.number(length, 1) - 1

    def area(self, shape: tuple[int, ...], first: int, count: int, trellis: tuple[int, int] | None) -> list[int]:  # noqa: PLR0915 - as 9.5.8 has it
        """9.5.8; trellis: feedback and drive of clause 8.2.1, if there is one."""
        kind, columns, plane, across = spread(shape)
        rate = tables()[2]
        near, errors, mean, levels = [], [], [0] * min(columns, count), []
        column = first % columns
        place, cross = column % plane, column % plane % across
        row = in_row = state = 0
        slow = recent = self.start[kind]
        awake = True
        for i in range(count):
            lap, position = divmod(i, columns)

            def back(distance: int, values: list[int], i: int = i) -> int:
                return values[i - distance] if distance <= i else 0

            x = [0] * 6
            x[0] = back(1, near) if cross > 0 else 0
            x[2] = back(across, near) if place >= across else 0
            x[3] = back(plane, near) if column >= plane else 0
            x[4] = back(columns, near)
            prediction = tapped = 0
            if awake:
                x[1] = back(2, near) if cross > 1 else 0
                x[5] = back(across + 1, near) if place >= across and cross > 0 else 0
                tapped, prediction = self.predict(kind, x)
            odd = state & 1
            of_column = mean[position] if lap > 0 else slow
            around = back(1, errors) + back(across, errors) + back(plane, errors) + back(columns, errors)
            self.dither = (199 * i) % 512
            level = self.level(x, prediction, odd, (slow, of_column, recent, around))
            levels.append(level)
            half = 2 * clamp(level, -(2**20 - 1), 2**20 - 1)
            half -= odd * ((half > 0) - (half < 0))
            if trellis is not None:
                state = (state >> 1) ^ (trellis[0] * (state & 1)) ^ (trellis[1] * (level & 1))
            error = min(abs(8 * half - prediction), 2**24)
            near.append(half)
            errors.append(error)
            recent += ((error - recent) * 24) >> 8
            slow += ((error - slow) * rate[min(in_row + 5, 49)]) >> 16
            if lap == 0:
                mean[position] = (error + slow) >> 1
            else:
                mean[position] = of_column + (((error - of_column) * rate[min(lap, 10)]) >> 16)
            if awake:
                self.train(kind, half, (8 * half - tapped, ((slow * slow) >> 6) + 1), x, in_row)
            in_row, column, place, cross = in_row + 1, column + 1, place + 1, cross + 1
            if cross == across:
                cross = 0
                if place == plane:
                    place = 0
            if column == columns:
                column = place = cross = in_row = 0
                row += 1
                self.start[kind] += (slow - self.start[kind]) // 3
                slow = self.start[kind]
                plain_error = self.plain_error[kind]
                awake = row < 8 or row % 8 == 0 or self.tapped_error[kind] < plain_error - (plain_error >> 5)
        return levels

    def predict(self, kind: int, x: list[int]) -> tuple[int, int]:
        """9.5.5."""
        total = sum(self.taps[kind][j] * x[j] for j in range(6))
        tapped = clamp(total >> 13, -(2**24), 2**24)
        plain_error = self.plain_error[kind]
        return tapped, tapped if self.tapped_error[kind] < plain_error - (plain_error >> 5) else 0

    def train(self, kind: int, half: int, missed: tuple[int, int], x: list[int], in_row: int) -> None:
        """9.5.5, and what 9.5.8 does before it; missed: miss and floor."""
        miss, floor = missed
        self.plain_error[kind] += ((abs(half) << 11) - self.plain_error[kind]) >> 7
        self.tapped_error[kind] += ((abs(miss) << 8) - self.tapped_error[kind]) >> 7
        if in_row % 16 == 0:
            self.taps[kind] = [clamp(tap, -(2**17), 2**17) for tap in self.taps[kind]]
        power = logarithm(sum(v * v for v in x) + floor)
        step = (miss * (512 - 33 * (power & 7)) * 128) >> (power >> 3)
        taps = self.taps[kind]
        for j in range(6):
            taps[j] += (step * x[j]) >> 8

    def level(self, x: list[int], prediction: int, odd: int, scales: tuple[int, int, int, int]) -> int:
        """9.5.6 and 9.5.7."""
        slow, of_column, recent, around = scales
        goal = prediction + (8 * odd if prediction > 0 else -8 * odd if prediction < 0 else 0)
        centre = (goal + 8) >> 4
        expected = (slow * 24 + of_column * 16 + recent * 8 + (around >> 2) * 16) >> 6
        size = logarithm(expected + 1)
        shift = max((size - 40) >> 3, 0)
        size = clamp(size - 8 * shift, 0, 63)
        size_row = clamp(logarithm(slow + 1) - 8 * shift, 0, 63) >> 1
        size_column = clamp(logarithm(of_column + 1) - 8 * shift, 0, 63) >> 1
        size_recent = clamp(logarithm(recent + 1) - 8 * shift, 0, 63)
        signs = ((sign(x[0]) * 3 + sign(x[2])) * 3 + sign(x[3])) * 3 + sign(x[4])
        if shift == 0:
            kind = ((goal - 16 * centre + 8) >> 1) + 8 * (clamp(centre, -2, 2) + 2) + 40 * odd
        else:
            far = logarithm(abs(goal) + 1) - 8 * shift - 24
            far = 0 if far < 0 else min(far >> 2, 7) + 1
            kind = 88 + far if goal >= 0 else 88 - far
        a = (size_row * 32 + size_column) * 64
        b = 65536 + (kind * 16 + (size >> 2)) * 64
        c = 180_224 + (signs * 4 + clamp((size - 24) >> 3, 0, 3)) * 64
        d = 200_960 + (size_recent * 2 + (1 if shift > 0 else 0)) * 64

        def units(limit: int, done: int, phase: int) -> int:
            while done < limit:
                if self.mean(a + phase, b + phase, d + phase) == 0:
                    return done
                done, phase = done + 1, phase + 2
            return done + self.beyond()

        if shift == 0:
            k = 31 * odd
            if self.summed(a + k, b + k, c + k, d + k) == 0:
                return centre
            negative = self.summed(b + 1, c + 1)
            magnitude = units(14, 1, 2 + negative)
            return centre - magnitude if negative else centre + magnitude
        negative = self.plain(c + 32)
        k = 33 + negative
        whole = units(13, 1, k + 2) if self.summed(a + k, b + k, c + k, d + k) else 0
        low = self.plain(209_184 + (size & 7) * 8 + min(whole, 3) * 2 + negative)
        magnitude = self.number(shift - 1, 2 * whole + low)
        return centre - magnitude - 1 if negative else centre + magnitude


def spread(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Class, columns, plane and across of a shape."""
    if len(shape) < 2:
        total = max(prod(shape), 1)
        return 2, total, total, total
    columns = max(prod(shape[1:]), 1)
    plane = max(prod(shape[2:]), 1)
    if len(shape) == 2 or plane == 1:
        return 1, columns, columns, columns
    return 0, columns, plane, shape[-1]


def decode(payload: bytes, areas: list[tuple[tuple[int, ...], int, int, bool]]) -> list[list[int]]:
    """All levels of a slice; the payload must end as 9.5.2 says."""
    decoder = Decoder(payload)
    levels = [decoder.area(*area) for area in areas]
    if decoder.used != decoder.n + 2 or decoder.value >= 2**32:
        raise ValueError("the payload does not end with its last level")
    return levels
