"""Reading the tools' text: corosync 3, corosync 2.4, and an original corolistener."""

from __future__ import annotations

from coroctl.model import Role
from coroctl.sources.commands import _members, read_cmap, read_status
from coroctl.sources.members import nodes
from coroctl.sources.original import read_roles

CMAP_2 = """\
nodelist.node.0.nodeid (u32) = 7
nodelist.node.0.ring0_addr (str) = 10.0.0.7
runtime.totem.pg.mrp.srp.members.7.config_version (u64) = 3
runtime.totem.pg.mrp.srp.members.7.ip (str) = r(0) ip(10.0.0.7)\x20
runtime.totem.pg.mrp.srp.members.7.status (str) = joined
totem.cluster_name (str) = a = b (c)
uidgid.config.uid.0 (bin) = [binary value]
"""

STATUS = """\
Quorum information
------------------
Date:             Sun Nov 22 11:34:11 2026
Quorum provider:  corosync_votequorum
Ring ID:          1.9
Quorate:          No

Votequorum information
----------------------
Expected votes:   3
Total votes:      1
Quorum:           2 Activity blocked
Flags:

Membership information
----------------------
    Nodeid      Votes Name
         1          1 Node: odd (local)
"""

ORIGINAL = """\
 VMmanager-cloud node list
         Id               Ip    Status  Master/Slave  Priority
          7    joined             M       100
          9         10.0.0.9    joined             S        40
         13    left             -        10
"""


def test_keys_have_their_types() -> None:
    keys = read_cmap(CMAP_2)
    assert keys["nodelist.node.0.nodeid"] == 7
    assert keys["totem.cluster_name"] == "a = b (c)"
    assert "uidgid.config.uid.0" not in keys


def test_members_of_corosync_2() -> None:
    keys = read_cmap(CMAP_2)
    [seven] = nodes(keys, _members(keys))
    assert (seven.address, seven.status.value, seven.config_version) == ("10.0.0.7", "joined", 3)


def test_status_ends_before_the_members() -> None:
    said = read_status(STATUS)
    assert said["Quorum"] == "2 Activity blocked"
    assert said["Flags"] == ""
    assert said["Date"] == "Sun Nov 22 11:34:11 2026"
    assert "1          1 Node" not in said


def test_roles_of_an_original_corolistener() -> None:
    assert read_roles(ORIGINAL) == {7: Role.MASTER, 9: Role.SLAVE}


def test_roles_of_nonsense() -> None:
    assert read_roles("corolistener: cannot connect\n\n M\n") == {}
