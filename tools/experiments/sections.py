"""Sections as they are kept: what was found, beside where it comes from; it is found anew when that has changed."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import nncodec
from nncodec.adapters.atomic import replace_on_success
from tools.experiments.registry import experiment, module_of
from tools.experiments.results import Section

if TYPE_CHECKING:
    from tools.experiments.context import Context

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("nmc-codec", "numpy", "numba", "onnx", "onnxruntime", "scikit-learn", "torch")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Settings:
    """What a run was asked for. cache: the folder of networks, streams, measurements and sections. See `Context`."""

    cache: Path
    data: Path | None
    seeds: tuple[int, ...]
    is_reduced: bool

    @property
    def sections(self) -> Path:
        """The folder of what was found."""
        return self.cache / ("sections-reduced" if self.is_reduced else "sections")


@dataclass(frozen=True)
class Origin:
    """Where a section comes from. sources: digest of the code behind it; versions: (package, version)."""

    sources: str
    seeds: tuple[int, ...]
    has_data: bool
    is_reduced: bool
    versions: tuple[tuple[str, str], ...]

    @property
    def command(self) -> str:
        """What makes such sections anew."""
        words = ["python -m tools.experiments", *(["--data DATA"] if self.has_data else [])]
        words += [*(["--reduced"] if self.is_reduced else []), "--seeds", *map(str, self.seeds)]
        return " ".join(words)

    def is_as(self, other: Origin) -> bool:
        """Whether nothing but versions of packages differs."""
        return (self.sources, self.seeds, self.has_data, self.is_reduced) == (
            other.sources,
            other.seeds,
            other.has_data,
            other.is_reduced,
        )


class Found(NamedTuple):
    """A section, and where it comes from."""

    section: Section
    origin: Origin


class Step(NamedTuple):
    """How far experiment `key` is: `done` things of `total` (None: nobody knows), said in `what`."""

    key: str
    what: str
    done: int
    total: int | None


def run(key: str, settings: Settings, tell: Callable[[Step], None]) -> Section:
    """The section of experiment `key`: that of an earlier run where it still holds, else a new one, which is kept."""
    saved, now = load(key, settings), origin_of(key, settings)
    if saved is not None and saved.origin.is_as(now):
        return saved.section
    section = experiment(key)(context_of(settings, key, tell))
    settings.sections.mkdir(parents=True, exist_ok=True)
    section.save(_path(key, settings))
    with replace_on_success(_origin_path(key, settings)) as beside:
        beside.write_text(json.dumps(asdict(now), indent=1), encoding="utf-8")
    return section


def load(key: str, settings: Settings) -> Found | None:
    """What a run, of these settings or of others as reduced as these, left of experiment `key`."""
    if not _origin_path(key, settings).exists():
        return None
    raw = json.loads(_origin_path(key, settings).read_text(encoding="utf-8"))
    raw |= {"seeds": tuple(raw["seeds"]), "versions": tuple((name, version) for name, version in raw["versions"])}
    return Found(Section.load(_path(key, settings)), Origin(**raw))


def context_of(settings: Settings, key: str, tell: Callable[[Step], None]) -> Context:
    """The surroundings of experiment `key`; `tell` is called at each step that it takes."""
    from tools.experiments.coding import Coder  # noqa: PLC0415  what has been found before needs no networks
    from tools.experiments.context import Context  # noqa: PLC0415
    from tools.experiments.zoo import Zoo  # noqa: PLC0415

    def track(items: Iterable[Item], what: str) -> Iterator[Item]:
        total = len(items) if isinstance(items, Sized) else None
        tell(Step(key, what, 0, total))
        for done, item in enumerate(items, 1):
            yield item
            tell(Step(key, what, done, total))

    zoo = Zoo(settings.cache, settings.data, is_reduced=settings.is_reduced)
    coder = Coder(settings.cache / "coded")
    return Context(zoo, coder, settings.seeds, settings.data, settings.is_reduced, track)


def origin_of(key: str, settings: Settings) -> Origin:
    """Where a section made now comes from."""
    digest = hashlib.sha256()
    for path in (*sorted(Path(nncodec.__file__).parent.rglob("*.py")), *_modules_behind(module_of(key))):
        digest.update(path.read_bytes())
    return Origin(
        digest.hexdigest(), settings.seeds, settings.data is not None, settings.is_reduced, tuple(_versions())
    )


def _modules_behind(module: str) -> list[Path]:
    """The file of `module`, and those of all modules of tools that it imports, directly or not."""
    found: set[Path] = set()
    names = [module]
    while names:
        path = ROOT / f"{names.pop().replace('.', '/')}.py"
        if path not in found and path.exists():
            found.add(path)
            names += _imports(path)
    return sorted(found)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tools."):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, "not installed"


def _path(key: str, settings: Settings) -> Path:
    return settings.sections / f"{key}.json"


def _origin_path(key: str, settings: Settings) -> Path:
    return settings.sections / f"{key}.origin.json"
