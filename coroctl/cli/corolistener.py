"""The ``corolistener`` command. So far it only lists the nodes, as the original tool's ``-l`` did."""

from __future__ import annotations

import sys

from coroctl.cli.listing import print_listing
from coroctl.cli.parser import Parser


def main() -> int:
    """List the nodes; anything else is refused with usage."""
    parser = Parser(prog="corolistener", description="Lists the nodes of this node's cluster.")
    parser.add_argument("-l", "--list", action="store_true", required=True, help="print the node list")
    parser.parse_args()
    return print_listing()


if __name__ == "__main__":
    sys.exit(main())
