"""The trained networks: by run, epoch and seed; what is missing in the cache is trained first.

A run is kept in a folder named by all that it hangs on: its recipe, its seed, what it starts from, the sources of the
training, the release of PyTorch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import nncodec
from nncodec import Model
from tools.experiments import datasets
from tools.experiments.datasets import Images, Split
from tools.experiments.runs import RUNS, Run, plan_of, tiny
from tools.experiments.tasks import Classification, Detection, Retrieval, Task

Arrays = Mapping[str, npt.NDArray[np.float32]]

TRAINING_IMAGES: Final = 20_000
TEST_IMAGES: Final = 10_000
INSTANCES: Final = 500
SCENES: Final = 600
_SOURCES: Final = ("datasets.py", "lessons.py", "networks.py", "plans.py", "training.py")
"""Files on which a checkpoint hangs."""


class Zoo:
    """All networks that the experiments need.

    folder: the cache. data: folder with `datasets/`, or None: then digits stand in for both data sets, and networks are
    tiny (`is_reduced`).
    """

    def __init__(self, folder: Path, data: Path | None, *, is_reduced: bool = False) -> None:
        self._folder, self._data, self.is_reduced = folder, data, is_reduced or data is None
        self._tasks: dict[tuple[str, str], Task] = {}

    def run(self, name: str) -> Run:
        """The recipe called `name`."""
        return tiny(RUNS[name]) if self.is_reduced else RUNS[name]

    def epochs(self, name: str) -> tuple[int, ...]:
        """Those of the run `name` that are kept, ascending; 0 is before training."""
        return self.run(name).kept

    def model(self, name: str, epoch: int, seed: int) -> Model:
        """The network of the run `name` after `epoch` epochs; trains the run if need be."""
        path = self._path(name, epoch, seed)
        if not path.exists():
            for _ in self.training(name, seed):
                pass
        return nncodec.load(path)

    def training(self, name: str, seed: int) -> Iterator[int]:
        """Train the run `name` and what it starts from, unless that is done; yields the epochs as they end."""
        run = self.run(name)
        if all(self._path(name, epoch, seed).exists() for epoch in run.kept):
            return
        if run.start:
            yield from self.training(run.start, seed)
        self._path(name, 0, seed).parent.mkdir(parents=True, exist_ok=True)
        for epoch, arrays in enumerate(self._trained(run, seed)):
            if epoch in run.kept:
                self._save(run, arrays, self._path(name, epoch, seed))
            yield epoch

    def fine_tuned(self, model: Model, shard: tuple[int, int], seed: int) -> Model:
        """`model`, a vgg-cifar classifier, after one epoch on part shard[0] of shard[1] of the training images."""
        from tools.experiments import networks, training  # noqa: PLC0415

        run = self.run("vgg-cifar")
        key = f"{model.content_id.hex()} {shard} {seed} {self._sources}"
        path = self._folder / "tuned" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.onnx"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            course = training.Course(1, run.rate / 4)
            lesson = self._lesson(run, self._split(run).training.shard(*shard))
            plan = plan_of(run, is_tiny=self.is_reduced)
            *_, arrays = training.train(plan, networks.arrays_of(model), lesson, course, seed)
            self._save(run, arrays, path)
        return nncodec.load(path)

    def task(self, name: str) -> Task:
        """What the run `name` is tested on."""
        run = self.run(name)
        key = run.lesson, run.data
        if key not in self._tasks:
            self._tasks[key] = self._task(run)
        return self._tasks[key]

    def _task(self, run: Run) -> Task:
        test = self._split(run).test
        key = f"{run.lesson} {run.data} {'tiny' if self.is_reduced else 'full'}"
        few = 8 if self.is_reduced else 1
        if run.lesson == "retrieve":
            return Retrieval(key, test.first(INSTANCES // few))
        if run.lesson == "detect":
            return Detection(key, datasets.scenes(test, SCENES // few, seed=5))
        return Classification(key, test.first(TEST_IMAGES))

    def _split(self, run: Run) -> Split:
        return _split(self._data if not self.is_reduced else None, run.data)

    def _trained(self, run: Run, seed: int) -> Iterator[Arrays]:
        from tools.experiments import networks, training  # noqa: PLC0415  only who trains needs PyTorch

        plan = plan_of(run, is_tiny=self.is_reduced)
        before = networks.arrays_of(self.model(run.start, self.epochs(run.start)[-1], seed)) if run.start else {}
        start = training.initial(plan, seed, before)
        if run.density < 1:
            start = training.pruned(start, run.density)
        yield start
        course = training.Course(run.epochs, run.rate, run.frozen_before, keeps_zeros=run.density < 1)
        yield from training.train(plan, start, self._lesson(run, self._split(run).training), course, seed)

    def _lesson(self, run: Run, images: Images) -> Any:  # noqa: ANN401  a Lesson, which is known where PyTorch is
        from tools.experiments import lessons  # noqa: PLC0415

        kinds: dict[str, Callable[[Images], lessons.Lesson]] = {
            "classify": lessons.Classifying,
            "retrieve": lessons.Retrieving,
            "detect": lessons.Detecting,
        }
        return kinds[run.lesson](images.first(TRAINING_IMAGES))

    def _save(self, run: Run, arrays: Arrays, path: Path) -> None:
        from tools.experiments import networks  # noqa: PLC0415

        nncodec.save(networks.to_model(plan_of(run, is_tiny=self.is_reduced), arrays), path)

    def _path(self, name: str, epoch: int, seed: int) -> Path:
        return self._folder / "networks" / f"{name}-{self._key(name, seed)}" / f"epoch-{epoch:02}.onnx"

    def _key(self, name: str, seed: int) -> str:
        run = self.run(name)
        start = self._key(run.start, seed) if run.start else ""
        recipe = f"{run} {seed} {start} {self._sources} {self.is_reduced}"
        return hashlib.sha256(recipe.encode()).hexdigest()[:16]

    @cached_property
    def _sources(self) -> str:
        """Digest of the code that trains. The release of PyTorch is not in it: results differ by its last bits only."""
        here = Path(__file__).parent
        return hashlib.sha256(b"".join((here / name).read_bytes() for name in _SOURCES)).hexdigest()


@cache
def _split(data: Path | None, name: str) -> Split:
    if name == "joint":
        return datasets.joined(_split(data, "cifar"), _split(data, "fashion"))
    if data is None:
        return datasets.digits()
    return datasets.cifar(data) if name == "cifar" else datasets.fashion(data)
