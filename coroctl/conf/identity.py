"""Which configuration a file is: its version together with the hash of its bytes."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document


class Identity(NamedTuple):
    """Two files are the same configuration only if both are equal."""

    config_version: int
    """0 where the file gives none: corosync's check of versions is off then."""
    sha256: str

    def __str__(self) -> str:
        return f"{self.config_version}:{self.sha256[:12]}"


def identity(source: bytes | Document) -> Identity:
    """Identify a file; ConfigError if corosync could not parse it."""
    document = source if isinstance(source, Document) else Document.parse(source)
    data = source if isinstance(source, bytes) else document.render()
    return Identity(read_cluster(document).config_version, sha256(data).hexdigest())
