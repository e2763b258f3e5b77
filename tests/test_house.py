"""The plan of the house, held: imports run downwards, rooms of one floor do not know each other, files stay short."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import illinstr

PACKAGE = Path(illinstr.__file__).parent
ROOT = PACKAGE.parent

# A room may import rooms of lower floors, and its own modules; rooms of one floor, but the lowest, stay apart.
FLOORS = {
    "__init__": 8,
    "__main__": 7,
    "cli": 6,
    "workflows": 5,
    **dict.fromkeys(("training", "sampling", "evaluation", "wikihow_scraper", "minihow", "doctor"), 4),
    **dict.fromkeys(("diffusion", "shards", "runs"), 3),
    **dict.fromkeys(("models", "engine", "chat"), 2),
    **dict.fromkeys(
        (
            "articles",
            "images",
            "files",
            "ownership",
            "errors",
            "records",
            "config",
            "progress",
            "templates",
            "console",
            "program",
            "version",
        ),
        1,
    ),
}
LOWEST = 1


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(module: Path) -> set[str]:
    """Rooms of this package that a module imports anywhere, inside functions too."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "illinstr" and len(parts) > 1:
                rooms.add(parts[1] if parts[1] in FLOORS or (PACKAGE / parts[1]).exists() else "__init__")
    return rooms


MODULES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_has_a_floor():
    assert {room_of(module) for module in MODULES} <= set(FLOORS)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_imports_run_downwards_only(module):
    room = room_of(module)
    for other in imported_rooms(module) - {room}:
        assert FLOORS[other] <= FLOORS[room], f"{room} must not import {other}"
        assert FLOORS[other] < FLOORS[room] or FLOORS[room] == LOWEST, f"{room} and {other} must not know each other"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_files_are_written_through_the_one_helper(module):
    """No open() for writing; write_text and write_bytes of paths only inside a folder that is published whole."""
    if module == PACKAGE / "files.py":
        return
    source = module.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        where = f"{module.relative_to(ROOT)}:{node.lineno}"
        if name == "open":
            given = [*node.args, *[word.value for word in node.keywords if word.arg == "mode"]]
            modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            assert not any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes), where
        if name in ("write_text", "write_bytes") and isinstance(node.func, ast.Attribute):
            through_helper = isinstance(node.func.value, ast.Name) and node.func.value.id == "files"
            assert through_helper or "atomic_folder" in source, where


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_files_stay_short(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_image_files_are_opened_in_one_place(module):
    """One file must look the same in every room, so none but ``images.py`` asks Pillow to open one."""
    if module == PACKAGE / "images.py":
        return
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("open", "exif_transpose"):
            opener = isinstance(node.value, ast.Name) and node.value.id in ("Image", "ImageOps", "pillow", "PIL")
            assert not opener, f"{module.relative_to(ROOT)}:{node.lineno}"


def imports_of(module: Path, names: set[str]) -> set[str]:
    """The modules of this package that ``module`` imports anywhere: at the top, in functions, for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & names
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found |= {inner if inner in names else str(node.module)} & names
    return found


def test_no_file_knows_a_file_that_knows_it():
    """Lazy imports and imports for types count: what must be hidden from the importer is a circle all the same."""
    by_name = {".".join(m.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): m for m in MODULES}
    graph = {name: imports_of(module, set(by_name)) - {name} for name, module in by_name.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("circle of imports: " + " <- ".join(error.args[1]))


def test_one_file_knows_the_embedded_world():
    """What the rooms need of MiniHow is asked of ``workflows/world.py``, so that another world has one place to go."""
    names = {".".join(m.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for m in MODULES}
    outside = [module for module in MODULES if room_of(module) != "minihow"]
    world = {name for name in names if name.split(".")[:2] == ["illinstr", "minihow"]}
    knowing = {str(m.relative_to(PACKAGE)) for m in outside if imports_of(m, names) & world}
    assert knowing <= {"workflows/world.py"}


FAMILY_WORDS = re.compile(r"UNet2D|StableDiffusion|CLIPText")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_families_are_named_in_their_own_places_only(module):
    """The method, the rooms and the workflows know backbones; a family has its folder and its task in the trainer."""
    place = module.relative_to(PACKAGE).as_posix()
    if not place.startswith(("models/", "training/tasks/")):
        assert not FAMILY_WORDS.search(module.read_text(encoding="utf-8"))
    if place.startswith("diffusion/"):
        assert not re.search(r"\b(unet|text_encoder)\b", module.read_text(encoding="utf-8"))
