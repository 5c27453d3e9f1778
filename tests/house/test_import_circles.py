"""No module needs, by however many steps, one that needs it: what is imported in functions and for annotations counts too."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"

CIRCLES = {
    "bunter.dimensions.element bunter.dimensions.group bunter.dimensions.universe": (
        "a universe, its elements and its groups are defined by each other"
    ),
    "bunter.butler.direct bunter.butler.past": "a repository gives itself as it stood, which is of its own kind",
    "bunter.pipeline.checking bunter.pipeline.pipeline bunter.pipeline.statics bunter.pipeline.written": (
        "a pipeline checks, reads and writes itself, each in one call to the module that does it"
    ),
    "bunter.graph.artifacts bunter.graph.columns bunter.graph.decided bunter.graph.explanation bunter.graph.file "
    "bunter.graph.part bunter.graph.parts bunter.graph.quantum bunter.graph.quantum_graph bunter.graph.ranged "
    "bunter.graph.slices bunter.graph.tables bunter.graph.unique": (
        "a graph reads, writes, divides and explains itself, each in one call to the module that does it"
    ),
}
"""Circles that are there, with the reason."""


def module_files():
    """The modules of the package by name, with their files."""
    names = {path: list(path.relative_to(SOURCE).with_suffix("").parts) for path in (SOURCE / "bunter").rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in names.items()}


def imported(path, modules):
    """The modules of the package that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else node.module


def reached(module, imports):
    """All that a module needs."""
    found, todo = set(), [module]
    while todo:
        new = imports[todo.pop()] - found
        found |= new
        todo += new
    return found


def test_modules_need_each_other_in_no_other_circle():
    files = module_files()
    imports = {name: set(imported(path, files)) - {name} for name, path in files.items()}
    needs = {name: reached(name, imports) for name in files}
    circles = {
        frozenset(other for other in needs[name] if name in needs[other]) for name in files if name in needs[name]
    }
    assert {" ".join(sorted(circle)) for circle in circles} == set(CIRCLES)
