"""A small real disk to fill, freeze and pull out: ext4 on a loop device, in a mount namespace of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, or become somebody else")

FIFREEZE = 0xC0045877
FITHAW = 0xC0045878
MIB = 1 << 20
# ext4 would make up for a forgotten fsync by itself; other file systems do not.
HOLD = 'mount -o loop,noauto_da_alloc,data=writeback "$1" "$2" && echo mounted && read end'


class SmallDisk:
    """4 MiB. Nothing of it is left when the process that holds the namespace ends."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.image = image
        self.inside = folder / "mnt"
        """Where it is for who runs inside (`command`)."""
        self.inside.mkdir()
        hold = ["unshare", "--mount", "--propagation", "private", "sh", "-c", HOLD, "sh", str(image), str(self.inside)]
        self._holder = subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "mounted\n"
        self.path = Path(f"/proc/{self._holder.pid}/root{self.inside}")
        """Where it is for the test itself."""

    @staticmethod
    def blank(folder: Path) -> SmallDisk:
        """A fresh one."""
        image = folder / "image"
        with image.open("wb") as file:
            file.truncate(4 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
        return SmallDisk(folder, image)

    def pulled(self, folder: Path) -> SmallDisk:
        """What is on the disk if the power is cut now: its blocks, without what the kernel still holds back."""
        folder.mkdir()
        image = folder / "image"
        image.write_bytes(self.image.read_bytes())
        return SmallDisk(folder, image)

    def fill(self) -> None:
        """Until not a byte more is taken."""
        with (self.path / "ballast").open("wb", buffering=0) as file:
            for size in (MIB // 4, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free(self) -> None:
        """Room again."""
        (self.path / "ballast").unlink()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every write and fsync hangs in the kernel meanwhile."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, FIFREEZE, 0)
            try:
                yield
            finally:
                fcntl.ioctl(fd, FITHAW, 0)
        finally:
            os.close(fd)

    def read_only(self) -> None:
        """As the kernel makes it after an error."""
        subprocess.run([*self.command, "mount", "-o", "remount,ro", str(self.inside)], check=True)

    @property
    def command(self) -> list[str]:
        """What to put before a command that is to run inside."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--wd={Path.cwd()}"]

    def close(self) -> None:
        """End the namespace, and the mount with it."""
        self._holder.communicate("end\n", timeout=20)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """One for a test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = SmallDisk.blank(folder)
    yield disk
    disk.close()
