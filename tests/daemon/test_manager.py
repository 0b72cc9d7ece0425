"""What of the manager needs no systemd; the rest is in tests/on_node/daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.daemon import manager
from coroctl.daemon.manager import Manager, ManagerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@pytest.mark.parametrize("unit", ["vmmgr.service", "vm-mgr@1.service", "a.service", r"a\x2db.service"])
def test_names_of_services(unit: str) -> None:
    assert Manager(unit).unit == unit


@pytest.mark.parametrize(
    "unit",
    [
        "",
        "-x.service",
        "../x.service",
        "a/b.service",
        "a b.service",
        "a.service b.service",
        "a.target",
        "a",
        ".service",
        "a.service\n",
        f"{'a' * 250}.service",
    ],
)
def test_what_is_no_name_of_a_service(unit: str) -> None:
    with pytest.raises(ManagerError, match="name of a systemd service"):
        Manager(unit)


@pytest.mark.parametrize("end", [lambda unit: unit.stop(5), lambda unit: unit.kill(5000)])
async def test_without_systemctl_a_stop_fails_as_a_step_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[[Manager], Awaitable[None]]
) -> None:
    """As when there is no file descriptor left for it: the step has failed, and nothing else."""
    monkeypatch.setitem(manager._ENVIRONMENT, "PATH", str(tmp_path))
    with pytest.raises(ManagerError, match="systemctl cannot be run"):
        await end(Manager("coroctl-test.service"))
