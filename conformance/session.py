"""A decoder on many vectors, several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from conformance.process import Bounds, prepared, run
from conformance.vectors import SUITE, Vector, fingerprint
from conformance.verdicts import Result, Verdict, judge


@dataclass(frozen=True)
class Session:
    """How vectors are run: the command (with {in} and {ref}), bounds, runs of each vector, vectors at a time.

    profile and level: what the decoder claims; vectors beyond are skipped.
    """

    words: Sequence[str]
    bounds: Bounds = field(default_factory=Bounds)
    repeat: int = 1
    jobs: int = 1
    profile: str = "main"
    level: int = 4
    folder: Path = SUITE

    def results(self, vectors: Sequence[Vector]) -> Iterator[Result]:
        """One result for each vector, in order; then one more if the suite's own files were touched."""
        words, before = prepared(self.words), fingerprint(self.folder)
        with ThreadPoolExecutor(self.jobs) as pool:
            yield from pool.map(lambda vector: self._result(words, vector), vectors)
        after = fingerprint(self.folder)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed:
            yield Result("(suite)", Verdict.PROTOCOL, f"files of the suite were written to: {', '.join(changed)}")

    def _result(self, words: Sequence[str], vector: Vector) -> Result:
        if vector.level > self.level or (vector.profile == "main" and self.profile == "baseline"):
            return Result(vector.id, Verdict.SKIPPED, f"profile {vector.profile}, level {vector.level}")
        stream = (self.folder / vector.file).read_bytes()
        refs = [(self.folder / ref).read_bytes() for ref in vector.refs]
        outcomes = [run(words, stream, refs, self.bounds) for _ in range(self.repeat)]
        return judge(vector, outcomes, self.bounds)
