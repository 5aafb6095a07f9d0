"""A repository of pacman's with what an Arch image is made of, by name: one package holds a whole
OS tree, Debian's with the name of Arch, and the others are empty."""

import shutil
import subprocess
from pathlib import Path

from image import ROOT

OS_RELEASE = 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
# As Arch's package has it: all of it in comments.
MIRRORS = (
    "## Worldwide\n#Server = https://worldwide.example/$repo/os/$arch\n\n"
    "## Iceland\n#Server = https://iceland.example/$repo/os/$arch\n"
)
WHOLE = "base"
# Made by whoever installs it; Debian's own; what the build puts into its tree.
LEFT_OUT = (
    "usr/lib/aios", "var/lib/dpkg", "var/lib/apt", "var/cache", "etc/apt",
    "dev", "proc", "sys", "run", "tmp",
)  # fmt: skip
NEEDS = ["pacman-package-manager", "arch-install-scripts", "libarchive-tools"]


def names() -> list[str]:
    script = f". {ROOT}/install/packages.sh; . {ROOT}/image/base.sh; image_packages arch"
    done = subprocess.run(["bash", "-ec", script], check=True, capture_output=True, text=True)
    return done.stdout.split()


def package(repository: Path, name: str, content: Path) -> None:
    about = content / ".PKGINFO"
    about.write_text(f"pkgname = {name}\npkgver = 1-1\npkgdesc = {name}\narch = any\nsize = 1\n")
    # pacman wants this one first, and names without a directory before them.
    entries = sorted(path.name for path in content.iterdir() if path != about)
    file = repository / f"{name}-1-1-any.pkg.tar"
    subprocess.run(["tar", "-C", content, "--numeric-owner", "-cf", file, about.name, *entries],
                   check=True)  # fmt: skip
    about.unlink()


def make(directory: Path, tree: Path) -> Path:
    """Its pacman.conf. `tree`: the OS tree."""
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *NEEDS]
    subprocess.run(install, check=True, capture_output=True)
    repository, content = directory / "repository", directory / "content"
    repository.mkdir()
    (directory / "cache").mkdir()
    subprocess.run(["cp", "-a", "--reflink=auto", tree, content], check=True)
    for left_out in LEFT_OUT:
        shutil.rmtree(content / left_out)
    (content / "usr/lib/os-release").write_text(OS_RELEASE)
    (content / "etc/pacman.d").mkdir()
    (content / "etc/pacman.d/mirrorlist").write_text(MIRRORS)
    package(repository, WHOLE, content)
    shutil.rmtree(content)
    content.mkdir()
    for name in names():
        if name != WHOLE:
            package(repository, name, content)
    files = sorted(repository.glob("*.pkg.tar"))
    subprocess.run(["repo-add", "-q", repository / "aios.db.tar.gz", *files], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    settings = directory / "pacman.conf"
    settings.write_text(
        f"[options]\nArchitecture = auto\nSigLevel = Never\nCacheDir = {directory}/cache\n"
        f"[aios]\nServer = file://{repository}\n"
    )
    return settings
