#!/usr/bin/python3
"""`oci.py --layer TAR.GZ … FILE`: an OCI archive (image-layout in a tar) of one layer.

The same bytes for the same layer, whatever writes it: the tools that there are put the time and the
order of a directory into it.
"""

import argparse
import gzip
import hashlib
import io
import json
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

NAME = "ghcr.io/syui/aios"
ENTRYPOINT = "/usr/lib/aios/systemd"
MEMORY = "/var/lib/aios/memory"
# systemd's own signal for "halt".
STOP_SIGNAL = "SIGRTMIN+3"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"}
TYPE = "application/vnd.oci.image"


@dataclass(frozen=True)
class Descriptor:
    media_type: str
    digest: str
    """SHA-256, in hex."""
    size: int

    @property
    def path(self) -> str:
        return f"blobs/sha256/{self.digest}"

    def json(self, **more: Any) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": f"sha256:{self.digest}",
                "size": self.size, **more}  # fmt: skip


def sha256(stream: BinaryIO | gzip.GzipFile) -> str:
    found = hashlib.sha256()
    while data := stream.read(1 << 20):
        found.update(data)
    return found.hexdigest()


def encode(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Archive:
    """A tar file whose entries have no time and no owner of their own."""

    def __init__(self, file: BinaryIO, when: int) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self._when = when

    def close(self) -> None:
        self._tar.close()

    def directory(self, name: str) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, self._when
        self._tar.addfile(entry)

    def add(self, name: str, stream: BinaryIO, size: int) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = size, 0o644, self._when
        self._tar.addfile(entry, stream)

    def text(self, name: str, data: bytes) -> None:
        self.add(name, io.BytesIO(data), len(data))

    def blob(self, media_type: str, data: bytes) -> Descriptor:
        found = Descriptor(media_type, hashlib.sha256(data).hexdigest(), len(data))
        self.text(found.path, data)
        return found


def config(diff_id: str, machine: str, version: str, base: str, when: int) -> dict[str, Any]:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
    return {
        "created": created,
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            # systemd's. The person's is `ai`.
            "User": "root",
            "Entrypoint": [ENTRYPOINT],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "WorkingDir": "/",
            "Volumes": {MEMORY: {}},
            "StopSignal": STOP_SIGNAL,
            "Labels": {
                "org.opencontainers.image.title": "aios",
                "org.opencontainers.image.description":
                    "An AI layer where the shell used to be, on systemd, D-Bus and polkit",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.created": created,
                "org.opencontainers.image.licenses": "Apache-2.0",
                "org.opencontainers.image.source": "https://github.com/syui/aios",
                "org.opencontainers.image.base.name": base,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": created, "created_by": "build.zsh oci"}],
    }  # fmt: skip


def write(file: BinaryIO, layer: Path, *, machine: str, version: str, base: str, when: int) -> None:
    with layer.open("rb") as packed:
        found = Descriptor(f"{TYPE}.layer.v1.tar+gzip", sha256(packed), layer.stat().st_size)
    with gzip.open(layer) as unpacked:
        diff_id = sha256(unpacked)
    archive = Archive(file, when)
    archive.text("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    archive.directory("blobs")
    archive.directory("blobs/sha256")
    with layer.open("rb") as packed:
        archive.add(found.path, packed, found.size)
    about = config(diff_id, machine, version, base, when)
    settings = archive.blob(f"{TYPE}.config.v1+json", encode(about))
    manifest = archive.blob(f"{TYPE}.manifest.v1+json", encode({
        "schemaVersion": 2,
        "mediaType": f"{TYPE}.manifest.v1+json",
        "config": settings.json(),
        "layers": [found.json()],
        "annotations": about["config"]["Labels"],
    }))  # fmt: skip
    index = encode({
        "schemaVersion": 2,
        "mediaType": f"{TYPE}.index.v1+json",
        "manifests": [manifest.json(
            platform={"architecture": about["architecture"], "os": "linux"},
            annotations={
                "org.opencontainers.image.ref.name": "latest",
                # What podman load and containerd name it by.
                "io.containerd.image.name": f"{NAME}:latest",
            },
        )],
    })  # fmt: skip
    archive.text("index.json", index)
    # What `docker load` read before it knew OCI's (docker 25).
    archive.text("manifest.json", encode([{
        "Config": settings.path,
        "RepoTags": [f"{NAME}:latest"],
        "Layers": [found.path],
    }]))  # fmt: skip
    archive.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--layer", type=Path, required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--time", type=int, required=True)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    with given.file.open("wb") as file:
        write(file, given.layer, machine=given.machine, version=given.version, base=given.base,
              when=given.time)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
