"""``python -m coroctl``."""

import sys

from coroctl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
