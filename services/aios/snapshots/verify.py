"""Whether a generation still is what it was when it was made."""

import os
from collections.abc import Callable
from pathlib import Path

from aios.snapshots import btrfs, generation, manifest
from aios.snapshots.copy import Step
from aios.snapshots.taking import TREE

Read = Callable[[Path], list[str]]


def verify(path: Path, step: Step) -> list[str]:
    """What is wrong with it, as a person reads it; nothing where all is well. Where there are no
    digests every file is read nevertheless: btrfs compares what it reads with its own checksums."""
    try:
        made = generation.read(path)
    except (OSError, ValueError) as error:
        return [f"{generation.FILE}: {error}"]
    if not (path / TREE).is_dir():
        return ["its tree is missing"]
    told: list[str] = []
    try:
        if made.subvolumes:
            told += _subvolumes(path, made.subvolumes)
        told += _manifest(path, made, step)
    except OSError as error:
        told.append(f"{error.filename or path}: {os.strerror(error.errno or 0)}")
    if made.settings and not (path / "nspawn").exists():
        told.append("the machine's settings are missing")
    return told


def _subvolumes(path: Path, expected: dict[str, int]) -> list[str]:
    found = btrfs.states(path / TREE)
    told = [f"subvolume {place} is missing" for place in expected if place not in found]
    for place, number in found.items():
        if place not in expected:
            told.append(f"subvolume {place} is new")
        elif number < 0:
            told.append(f"subvolume {place} can be written to")
        elif number != expected[place]:
            told.append(f"subvolume {place} was written to")
    return told


def _manifest(path: Path, made: generation.Generation, step: Step) -> list[str]:
    lines = manifest.lines(path / TREE, contents=True, step=step)
    if not made.manifest:
        for _ in lines:
            pass
        return []
    expected = path / manifest.FILE
    if not expected.exists():
        return ["its manifest is missing"]
    if manifest.digest(expected) != made.manifest:
        return ["its manifest was changed"]
    return manifest.differences(manifest.read(expected), lines)
