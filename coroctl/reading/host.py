"""``python -m coroctl.reading.host JSON``: this machine every other second, as ``coroctl.sources.host`` sees it."""

from __future__ import annotations

import json
import sys
from threading import Event

from coroctl.reading.humble import become_humble, say
from coroctl.sources.host import HostReader
from coroctl.sources.machine import to_json

EVERY_S = 2.0


def main() -> int:
    """Until nobody reads any more."""
    asked = json.loads(sys.argv[1])
    become_humble()
    reader, never = HostReader(asked["addresses"], asked["manager"]), Event()
    while True:
        say(json.dumps(to_json(reader.read())).encode())
        never.wait(EVERY_S)


if __name__ == "__main__":
    sys.exit(main())
