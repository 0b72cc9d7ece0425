"""The guest's program is what its source says."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from coroctl.lab import guest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(shutil.which("ld") is None, reason="binutils are not installed (scripts/debian-packages test)")
def test_the_program_is_its_source_assembled(tmp_path: Path) -> None:
    source, object_, program = (tmp_path / name for name in ("guest.s", "guest.o", "guest.rom"))
    source.write_text(guest.SOURCE)
    subprocess.run(["as", "--32", "-o", object_, source], check=True)
    subprocess.run(
        ["ld", "-m", "elf_i386", "--oformat", "binary", "-Ttext", "0", "-e", "0", "-o", program, object_], check=True
    )
    assert program.read_bytes() == guest.rom()
