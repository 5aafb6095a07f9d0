#!/usr/bin/python3
"""`client_tree.py PACKAGE TARGET`: copies the client and what it imports of the package.

The tree is bound into machines, where only python3 is sure to be there. So an import of anything
that is not in the standard library is an error here, except inside a function: that one is made
where it is there, and the function says what happens where it is not.
"""

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path


def imports(nodes: list[ast.stmt] | Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # `from aios import varlink`: a module as well as a name.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_file(package: Path, module: str) -> Path | None:
    path = package.parent / module.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def closure(package: Path) -> set[Path]:
    """The files of the client, and of the package's modules that they import."""
    todo = [file for file in (package / "client").rglob("*") if file.is_file()]
    todo.append(package / "__init__.py")
    done: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in done or "__pycache__" in file.parts:
            continue
        done.add(file)
        if file.suffix != ".py":
            continue
        tree = ast.parse(file.read_text(), file)
        for module in imports(tree.body):
            root = module.partition(".")[0]
            if root != package.name and root not in sys.stdlib_module_names:
                raise SystemExit(f"{file}: machines have no {root}")
        for module in imports(ast.walk(tree)):
            if module.startswith(f"{package.name}."):
                found = module_file(package, module)
                if found is not None:
                    todo.append(found)
    return done


def main(package: Path, target: Path) -> None:
    for file in sorted(closure(package)):
        copy = target / package.name / file.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
