#!/usr/bin/python3
"""What aios has put where: how the next installation knows what somebody has edited, and the
uninstallation what to take away.

While an installation runs there is a draft beside its way back (undo.py), which takes the old
manifest's place at its end.

`manifest.py get KIND` prints what was noted of a kind, one a line; `note KIND VALUE…` adds to it;
`prefix` prints where aios is, nothing if it is not installed; `remains` leaves what is still there
after an uninstallation.
"""

import dataclasses
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import undo

PATH = "var/lib/aios/manifest.json"
KINDS = ("directory", "home", "machine", "member", "package", "unit")


@dataclass(frozen=True)
class Manifest:
    prefix: str = ""
    files: dict[str, str] = field(default_factory=dict)
    """Path to SHA-256, of a link to its target."""
    configs: dict[str, str] = field(default_factory=dict)
    """Path to SHA-256 of the default that was shipped last, whatever the file holds now."""
    noted: dict[str, list[str]] = field(default_factory=dict)
    """What else was made, by kind."""

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"

    def remains(self, root: Path) -> "Manifest":
        """After an uninstallation: what is left for a purge, or another installation, to know."""

        def there(path: str) -> bool:
            return (root / path[1:]).exists()

        noted = {kind: self.noted.get(kind, []) for kind in ("machine", "package", "unit")}
        noted["directory"] = list(filter(there, self.noted.get("directory", [])))
        return Manifest(
            configs={path: default for path, default in self.configs.items() if there(path)},
            noted=noted,
        )

    def with_note(self, kind: str, *values: str) -> "Manifest":
        known = self.noted.get(kind, [])
        return dataclasses.replace(
            self, noted={**self.noted, kind: list(dict.fromkeys((*known, *values)))}
        )


def read(root: Path) -> Manifest:
    """The draft where there is one; an empty one where nothing is installed."""
    for path in (root / undo.DIRECTORY / "manifest.json", root / PATH):
        if path.exists():
            return Manifest(**json.loads(path.read_text()))
    return Manifest()


def draft(root: Path, manifest: Manifest) -> None:
    if manifest == read(root):
        return
    directory = root / undo.DIRECTORY
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(directory / "manifest.json", manifest)


def finish(root: Path) -> None:
    """The draft is what is installed; the way back ends."""
    undone = undo.Undo(root)
    path = root / PATH
    manifest = read(root)
    if not path.exists():
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        undone.created(path)
    elif Manifest(**json.loads(path.read_text())) != manifest:
        undone.changed(path)
    if undone.pending():
        _write(path, manifest)
    undone.finish()


def _write(path: Path, manifest: Manifest) -> None:
    new = undo.part(path)
    new.write_text(manifest.text())
    new.chmod(0o644)
    undo.sync(new)
    new.replace(path)


def main(verb: str, *words: str) -> int:
    root = Path("/")
    manifest = read(root)
    match verb, *words:
        case "get", kind if kind in KINDS:
            for value in manifest.noted.get(kind, []):
                print(value)
        case "note", kind, *values if kind in KINDS:
            draft(root, manifest.with_note(kind, *values))
        case ["prefix"]:
            print(manifest.prefix)
        case ["remains"]:
            _write(root / PATH, manifest.remains(root))
        case ["finish"]:
            finish(root)
        case _:
            raise SystemExit(f"manifest.py: {verb} {' '.join(words)}?")
    return 0


if __name__ == "__main__":
    sys.exit(undo.said(main))
