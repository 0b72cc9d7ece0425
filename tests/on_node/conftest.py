"""What is here runs on a node of a cluster (COROCTL_ON_NODE=1) and is not collected anywhere else."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("COROCTL_ON_NODE") == "1" else ["*"]
