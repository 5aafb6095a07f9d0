"""The OCI archive: what is in it, and that its bytes depend on nothing else than its layer."""

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[3] / "image/oci.py"


def layer(directory: Path) -> Path:
    file = directory / "layer"
    with (
        gzip.GzipFile(file, "wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        entry = tarfile.TarInfo("etc/x")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    return file


def archive(directory: Path, name: str) -> Path:
    file = directory / name
    subprocess.run(
        [sys.executable, SCRIPT, "--layer", layer(directory), "--version", "1.2",
         "--base", "Base 3", "--time", "1000000000", "--machine", "x86_64", file],
        check=True,
    )  # fmt: skip
    return file


def contents(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        members = [member for member in tar if member.isfile()]
        return {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def test_the_bytes_are_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    first, second = archive(tmp_path, "first"), archive(tmp_path, "second")
    assert first.read_bytes() == second.read_bytes()


def test_each_blob_is_what_is_said_of_it(tmp_path: Path) -> None:
    files = contents(archive(tmp_path, "image"))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}

    def blob(descriptor: dict[str, Any]) -> bytes:
        kind, digest = descriptor["digest"].split(":")
        data = files[f"blobs/{kind}/{digest}"]
        assert hashlib.sha256(data).hexdigest() == digest
        assert len(data) == descriptor["size"]
        return data

    (about,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(about))
    settings = json.loads(blob(manifest["config"]))
    (packed,) = [blob(each) for each in manifest["layers"]]
    (diff_id,) = settings["rootfs"]["diff_ids"]
    assert diff_id == f"sha256:{hashlib.sha256(gzip.decompress(packed)).hexdigest()}"
    # docker before 25 reads another index.
    (legacy,) = json.loads(files["manifest.json"])
    assert files[legacy["Config"]] == blob(manifest["config"])
    assert [files[layer] for layer in legacy["Layers"]] == [packed]
    assert legacy["RepoTags"] == [about["annotations"]["io.containerd.image.name"]]
    assert len(files) == 6


def test_what_a_container_starts_as(tmp_path: Path) -> None:
    files = contents(archive(tmp_path, "image"))
    (settings,) = [json.loads(data) for data in files.values() if b'"rootfs"' in data]
    assert settings["architecture"] == "amd64"
    run = settings["config"]
    # podman looks at the name (--systemd=true).
    assert [Path(word).name for word in run["Entrypoint"]] == ["systemd"]
    assert run["User"] == "root"
    assert run["Volumes"] == {"/var/lib/aios/memory": {}}
    assert run["Labels"]["org.opencontainers.image.version"] == "1.2"
    assert run["Labels"]["org.opencontainers.image.created"] == "2001-09-09T01:46:40Z"
