"""Files that tests start from."""

from __future__ import annotations

GOOD = b"""\
totem {
  version: 2
  cluster_name: VMmanager
  config_version: 7
  transport: knet
}
quorum {
  provider: corosync_votequorum
  expected_votes: 3
}
ihttpd {
  count: 1
  port0: 1500
}
nodelist {
  node {
    ring0_addr: 10.0.0.7
    name: n7
    nodeid: 7
    prio: 100
    suspended: off
  }
  node {
    ring0_addr: 10.0.0.9
    name: n9
    nodeid: 9
    prio: 40
  }
  node {
    ring0_addr: 10.0.0.13
    name: n13
    nodeid: 13
    prio: 10
  }
}
corolistener {
  cloud_ip: 10.0.0.100
  service: vmmgr.service
}
"""

PROXMOX = b"""\
logging {
  debug: off
  to_syslog: yes
}

nodelist {
  node {
    name: pve1
    nodeid: 1
    quorum_votes: 1
    ring0_addr: 192.168.10.1
    ring1_addr: 192.168.20.1
  }
  node {
    name: pve2
    nodeid: 2
    quorum_votes: 1
    ring0_addr: 192.168.10.2
    ring1_addr: 192.168.20.2
  }
  node {
    name: pve3
    nodeid: 3
    quorum_votes: 1
    ring0_addr: 192.168.10.3
    ring1_addr: 192.168.20.3
  }
}

quorum {
  provider: corosync_votequorum
}

totem {
  cluster_name: pve
  config_version: 5
  interface {
    linknumber: 0
  }
  interface {
    linknumber: 1
  }
  ip_version: ipv4-6
  link_mode: passive
  secauth: on
  version: 2
}
"""

PACEMAKER = b"""\
totem {
    version: 2
    cluster_name: hacluster
    transport: knet
    crypto_cipher: aes256
    crypto_hash: sha256
    cluster_uuid: 0123456789abcdef0123456789abcdef
}

nodelist {
    node {
        ring0_addr: alpha.example.org
        name: alpha
        nodeid: 1
    }

    node {
        ring0_addr: beta.example.org
        name: beta
        nodeid: 2
    }
}

quorum {
    provider: corosync_votequorum
    two_node: 1
}

logging {
    to_logfile: yes
    logfile: /var/log/cluster/corosync.log
    to_syslog: yes
    timestamp: on
}
"""


def changed(old: str, new: str, data: bytes = GOOD) -> bytes:
    """The file with one text replaced by another, which must be there."""
    before, after = old.encode(), new.encode("utf-8", "surrogateescape")
    assert data.count(before) >= 1, old
    return data.replace(before, after, 1)


def with_keys(section: str, *lines: str, data: bytes = GOOD) -> bytes:
    """The file with lines added at the start of a section."""
    added = "".join(f"  {line}\n" for line in lines)
    return changed(f"{section} {{\n", f"{section} {{\n{added}", data)
