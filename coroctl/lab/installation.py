"""coroctl on the nodes' disks: what ``scripts/install`` puts on a machine, made once and kept.

It is run on this machine for real, in a mount namespace in which the folders that it writes to are overlays; what it
wrote are the layers of the nodes' disks. The packages that coroctl needs are a layer of their own, so that another
source costs no download and few seconds. Where coroctl itself has been installed there is nothing to do: the nodes
see this machine's folders.

``python -m coroctl.lab.installation SOURCE WHEELS PLACE LAYER [LOWER]`` does the work inside the namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import coroctl
from coroctl.errors import LabError
from coroctl.lab.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE = Path("/var/cache/coroctl-lab")
FOLDERS = ("opt", "usr/local")
"""What a node sees through the layers."""
PYTHON = "/opt/coroctl/bin/python3"

_WRITTEN = (*FOLDERS, "etc", "var/lib")
"""What an installation writes to; the groups and folders that it makes are made by each node's own boot."""
_KEPT = 3
"""Layers of each kind that stay for the next lab; those that a node runs on stay in any case."""
_INSTALL_S = 600
_LOGROTATE = "/etc/logrotate.d/corolistener"
_SYSTEM_PYTHON = Path("/usr/bin/python3")


def layers() -> tuple[Path, ...]:
    """The folders that make this coroctl's installation, uppermost first; none if there is no checkout.

    Makes what is missing, which takes some seconds, and with other requirements as long as pip takes.
    """
    source = Path(coroctl.__file__).resolve().parent.parent
    if not (source / "scripts/install").is_file():
        return ()
    with _locked():
        needs = _digest(source, with_sources=False)
        packages = CACHE / f"packages-{needs}"
        if not packages.is_dir():
            _make(source, packages, None)
        own = CACHE / f"own-{needs}-{_digest(source, with_sources=True)}"
        if not own.is_dir():
            _make(source, own, packages)
        for layer in (packages, own):
            os.utime(layer)
        _forget_old()
    return (own, packages)


def hold(layer: Path) -> int:
    """Keep a layer from being removed until the process ends or closes the file descriptor that is returned."""
    handle = os.open(layer, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _make(source: Path, layer: Path, lower: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="coroctl-lab-") as scratch:
        wheels, place = Path(scratch) / "wheels", Path(scratch) / "place"
        wheels.mkdir()
        place.mkdir()
        draft = layer.with_name(f".{layer.name}")
        shutil.rmtree(draft, ignore_errors=True)
        if lower is not None:
            _build_wheel(source, wheels)
        words = [str(source), str(wheels) if any(wheels.iterdir()) else "", str(place), str(draft)]
        run(
            [
                *("unshare", "--mount", "--propagation", "private"),
                *(sys.executable, "-P", "-m", "coroctl.lab.installation", *words, *([str(lower)] if lower else [])),
            ],
            timeout_s=_INSTALL_S,
        )
        if lower is None:  # only what it has fetched; coroctl's own part comes with the next layer
            shutil.rmtree(draft / "usr")
        draft.rename(layer)


def _build_wheel(source: Path, folder: Path) -> None:
    """With the build tool of this Python, if it has one; else pip gets one each time."""
    if importlib.util.find_spec("hatchling") is not None:
        command = 'cd "$1" && exec "$2" -m hatchling build -t wheel -d "$3"'
        run(["sh", "-c", command, "sh", str(source), sys.executable, str(folder)], timeout_s=_INSTALL_S)


def install(source: Path, wheels: str, place: Path, layer: Path, lower: Path | None) -> None:
    """Run scripts/install, and keep what it wrote in ``layer``. Only in a mount namespace of one's own: it covers
    folders of this machine, and ``place`` for their upper layers, with mounts that end with the namespace.
    """
    run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(place)])
    for folder in _WRITTEN:
        below = [str(lower / folder)] if lower and (lower / folder).is_dir() else []
        mount_overlay(place / folder, (*below, f"/{folder}"), Path(f"/{folder}"))
    # The installer must not find, and tell, a running systemd.
    run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run/systemd"])
    environment = {"PYTHON": str(python()), "PREFIX": str(Path(PYTHON).parent.parent), "WHEELS": wheels}
    words = [f"{name}={value}" for name, value in environment.items()]
    run(["env", *words, str(source / "scripts/install"), "install"], timeout_s=_INSTALL_S)
    for folder in FOLDERS:
        (layer / folder).parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "-a", str(place / folder / "upper"), str(layer / folder)])
    (layer / "etc/logrotate.d").mkdir(parents=True)
    shutil.copy(_LOGROTATE, layer / _LOGROTATE[1:])


def mount_overlay(folder: Path, lower: tuple[str, ...], target: Path) -> None:
    """Mount an overlay on ``target``; its upper layer is ``folder``/upper."""
    for part in ("upper", "work"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    layers_ = f"lowerdir={':'.join(lower)},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    run(["mount", "-t", "overlay", "overlay", "-o", layers_, str(target)])


def python() -> Path:
    """What an operator's machine would take, if it can make environments; else the Python that runs this."""
    if _SYSTEM_PYTHON.exists() and sys.version_info[:2] == _version(_SYSTEM_PYTHON):
        return _SYSTEM_PYTHON
    return Path(sys.base_prefix) / "bin/python3"


def _version(python: Path) -> tuple[int, ...]:
    """Major and minor version; (0,) for one that cannot make environments."""
    probe = "import sys, ensurepip; print(*sys.version_info[:2])"
    try:
        return tuple(int(word) for word in run([str(python), "-c", probe]).split())
    except LabError:
        return (0,)


def _digest(source: Path, *, with_sources: bool) -> str:
    """Names a layer by all that goes into it."""
    digest = hashlib.sha256()
    project = tomllib.loads((source / "pyproject.toml").read_text())
    needs = (project["project"]["dependencies"], project["project"]["optional-dependencies"]["daemon"])
    digest.update(f"{needs} {project['build-system']} {python()} {sys.version}".encode())
    digest.update((source / "scripts/install").read_bytes())
    digest.update(_libvirt().encode())
    if with_sources:
        digest.update((source / "pyproject.toml").read_bytes())
        for file in sorted(_sources(source)):
            digest.update(f"{file.relative_to(source)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _libvirt() -> str:
    """libvirt-python is among the packages only where it can be built."""
    return run(["sh", "-c", "pkg-config --modversion libvirt 2>/dev/null || true"])


def _sources(source: Path) -> Iterator[Path]:
    for top in ("coroctl", "widgets", "packaging"):
        for folder, _, names in os.walk(source / top):
            if not folder.endswith("__pycache__"):
                yield from (Path(folder) / name for name in names)


def _forget_old() -> None:
    for kind in ("packages-*", "own-*"):
        by_age = sorted(CACHE.glob(kind), key=lambda layer: layer.stat().st_mtime, reverse=True)
        for layer in by_age[_KEPT:]:
            handle = os.open(layer, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(layer)
            except BlockingIOError:
                continue  # a node runs on it
            finally:
                os.close(handle)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One lab makes a layer, the others wait for it."""
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    _lower = Path(sys.argv[5]) if len(sys.argv) > 5 else None
    install(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), _lower)
