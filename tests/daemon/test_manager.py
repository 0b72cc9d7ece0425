"""What of the manager needs no systemd; the rest is in tests/on_node/daemon."""

from __future__ import annotations

import pytest

from coroctl.daemon.manager import Manager, ManagerError


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
