"""The fences between the rooms (CONTRIBUTING.md): who may import whom, and who may touch files.

Imports are read from the source, not executed; those inside functions count like all others.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = (
    ("cli",),
    ("__init__",),
    ("conversion", "inspection", "reader"),
    ("set_decoder",),
    ("adapters", "decoder", "encoder"),
    ("concealment", "set_stream"),
    ("stream",),
    ("constraints", "evaluation", "slices"),
    ("reconstruction",),
    ("analysis", "layout", "prediction", "table"),
    ("quantisation",),
    ("difference", "entropy", "model", "rounding", "syntax"),
    ("folding",),
    ("kernel", "sink", "work"),
    ("errors", "limits", "memory", "tables"),
)
"""The rooms from the top down. A room imports from lower layers only: not from above, not from its neighbours."""

FENCES = {
    "construct": "nncodec/syntax/*",
    "construct_typed": "nncodec/syntax/*",
    "onnx": "nncodec/adapters/onnx_*.py",
    "onnxruntime": "nncodec/adapters/onnx_runtime.py",
    "google": "nncodec/adapters/onnx_*.py",
    "safetensors": "nncodec/adapters/safetensors_*.py",
    "rich": "nncodec/cli/*",
    "crc32c": "nncodec/syntax/door.py",
    "numpy": "nncodec/*",
    "numba": "nncodec/kernel.py",
    "fsspec": "nncodec/adapters/streams.py",
    "networkx": "nncodec/encoder/sets/structure.py",
    "matplotlib": "nncodec/cli/plots.py",
}
"""Package -> the files that may import it. What is neither here nor in the standard library nobody may import."""

STATISTICS = ("analysis", "evaluation")
CHOOSING_ROOMS = ("__init__", "adapters", "analysis", "cli", "encoder", "evaluation")
"""Who may import the rooms of STATISTICS: never what decodes, which chooses nothing."""

FILE_ROOMS = ("adapters", "cli", "conversion")
FILE_CALLS = frozenset(
    (
        *("open", "read_bytes", "read_text", "write_bytes", "write_text"),
        *("mkdir", "rename", "replace_on_success", "rmdir", "touch", "unlink"),
        *("fromfile", "load", "loadtxt", "memmap", "save", "savez", "savez_compressed", "tofile"),
    )
)
"""Names of functions and methods that reach the file system."""


@dataclass(frozen=True)
class Source:
    """One file of nncodec, parsed."""

    path: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """Dotted name; that of the package for an __init__.py."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        """First part of the path below nncodec/."""
        return self.path.removesuffix(".py").split("/")[1]

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of all that is imported, by statement or by a call with a literal name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                yield from ((node.lineno, "." * node.level + f"{base}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"} and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield node.lineno, name.value


def called(node: ast.Call) -> str:
    """Last part of the name that is called; empty where what is called has no name."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def sources() -> list[Source]:
    """All of nncodec."""
    files = sorted((ROOT / "nncodec").rglob("*.py"))
    return [Source(file.relative_to(ROOT).as_posix(), ast.parse(file.read_bytes())) for file in files]


def layer(room: str | None) -> int:
    """Place of `room` in LAYERS; -1 where it has none."""
    return next((index for index, rooms in enumerate(LAYERS) if room in rooms), -1)


def imported_room(name: str) -> str | None:
    """Room of nncodec that the dotted `name` leads into; "__init__" for a public name, None outside nncodec."""
    package, _, rest = name.partition(".")
    if package != "nncodec":
        return None
    room = rest.split(".")[0] or "__init__"
    return room if (ROOT / "nncodec" / room).is_dir() or (ROOT / "nncodec" / f"{room}.py").is_file() else "__init__"


def upward_imports(source: Source) -> Iterator[str]:
    """Imports that do not point down, and files that stand in no layer."""
    here = layer(source.room)
    if here < 0:
        yield f"{source.path}: room {source.room!r} stands in no layer; give it its place in LAYERS"
    for line, name in source.imports():
        room = imported_room(name)
        if room not in (None, source.room) and layer(room) <= here:
            yield f"{source.path}:{line}: {source.room} imports {name}, which does not lie below it"


def fence_breaks(source: Source) -> Iterator[str]:
    """Relative imports, and packages imported where only others may."""
    for line, name in source.imports():
        package = name.split(".")[0]
        allowed = "nncodec/*" if package == "nncodec" else FENCES.get(package)
        if not package:
            yield f"{source.path}:{line}: a relative import; write the name in full"
        elif package not in sys.stdlib_module_names and not (allowed and fnmatchcase(source.path, allowed)):
            yield f"{source.path}:{line}: imports {package}, which is for {allowed or 'nobody'}"


def statistics_where_nothing_is_chosen(source: Source) -> Iterator[str]:
    """Imports of statistics by what must not choose by them."""
    for line, name in source.imports():
        if imported_room(name) in STATISTICS and source.room not in CHOOSING_ROOMS:
            yield f"{source.path}:{line}: imports {name}, which is for {', '.join(CHOOSING_ROOMS)}"


def file_access(source: Source) -> Iterator[str]:
    """Calls that reach the file system, outside the rooms that may."""
    if source.room in FILE_ROOMS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and called(node) in FILE_CALLS:
            yield f"{source.path}:{node.lineno}: calls {called(node)}; files are for {' and '.join(FILE_ROOMS)}"


def import_cycle(modules: list[Source]) -> list[str]:
    """The modules of one import circle, if there is any."""
    names = {source.module for source in modules}
    graph = {source.module: set(_targets(source, names)) for source in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _targets(source: Source, names: set[str]) -> Iterator[str]:
    for _, name in source.imports():
        target = name if name in names else name.rpartition(".")[0]
        if target in names and target != source.module:
            yield target


CHECKS = (upward_imports, fence_breaks, statistics_where_nothing_is_chosen, file_access)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nncodec_keeps_the_fence(check: Callable[[Source], Iterator[str]]) -> None:
    broken = [line for source in sources() for line in check(source)]
    assert not broken, "\n" + "\n".join(broken)


def test_no_imports_go_in_a_circle() -> None:
    circle = import_cycle(sources())
    assert not circle, " imports ".join(reversed(circle))


def test_every_room_is_looked_at() -> None:
    seen = {source.room for source in sources()}
    assert seen == {room for rooms in LAYERS for room in rooms}


PLANTED = (
    (upward_imports, "nncodec/decoder.py", "from nncodec.encoder.config import EncoderConfig"),
    (upward_imports, "nncodec/encoder/choice.py", "def late():\n    import nncodec.decoder"),
    (upward_imports, "nncodec/encoder/choice.py", "from nncodec import decoder"),
    (upward_imports, "nncodec/tables.py", "from nncodec import model"),
    (upward_imports, "nncodec/model.py", "from nncodec import encode"),
    (upward_imports, "nncodec/model.py", "import nncodec"),
    (upward_imports, "nncodec/unheard_of.py", ""),
    (fence_breaks, "nncodec/stream.py", "import construct as c"),
    (fence_breaks, "nncodec/syntax/start.py", "from onnx import TensorProto"),
    (fence_breaks, "nncodec/adapters/files.py", "import importlib\nimportlib.import_module('onnx.numpy_helper')"),
    (fence_breaks, "nncodec/adapters/onnx_model.py", "import construct"),
    (fence_breaks, "nncodec/adapters/evaluation.py", "import onnxruntime"),
    (fence_breaks, "nncodec/encoder/choice.py", "if TYPE_CHECKING:\n    import torch"),
    (fence_breaks, "nncodec/cli/nnenc.py", "from tools.demo import main"),
    (fence_breaks, "nncodec/cli/nnenc.py", "import conformance.run, tests"),
    (fence_breaks, "nncodec/syntax/start.py", "from . import units"),
    (statistics_where_nothing_is_chosen, "nncodec/decoder.py", "from nncodec.analysis import divergence"),
    (statistics_where_nothing_is_chosen, "nncodec/reader.py", "from nncodec.evaluation import METRICS"),
    (statistics_where_nothing_is_chosen, "nncodec/stream.py", "def late():\n    import nncodec.analysis.laplace"),
    (file_access, "nncodec/decoder.py", "open('model.nmc', 'rb')"),
    (file_access, "nncodec/encoder/writer.py", "Path('a').open()"),
    (file_access, "nncodec/model.py", "np.load(path)"),
    (file_access, "nncodec/inspection.py", "path.read_bytes()"),
)


@pytest.mark.parametrize(("check", "path", "code"), PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_check_finds_what_was_planted(check: Callable[[Source], Iterator[str]], path: str, code: str) -> None:
    assert list(check(Source(path, ast.parse(code))))


def test_circle_is_found_where_one_was_planted() -> None:
    codes = {"a": "import nncodec.b", "b": "from nncodec.c import thing", "c": "from nncodec import a"}
    planted = [Source(f"nncodec/{name}.py", ast.parse(code)) for name, code in codes.items()]
    assert set(import_cycle(planted)) == {"nncodec.a", "nncodec.b", "nncodec.c"}


def test_coding_a_model_needs_no_package_of_the_adapters() -> None:
    code = (
        "import sys, nncodec\n"
        "from nncodec.model import Model\n"
        "nncodec.decode(nncodec.encode(Model(())))\n"
        "print(*sorted({'onnx', 'onnxruntime', 'safetensors', 'rich', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
