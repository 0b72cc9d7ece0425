"""What the exit codes of list, status and links mean; every other command has 0 and 1 of them."""

from __future__ import annotations

EXIT_QUORATE = 0
EXIT_ERROR = 1
EXIT_NOT_QUORATE = 2
EXIT_DOWN = 3

EXIT_CODES = "exit codes: 0 quorate, 2 not quorate, 1 error or no answer, 3 corosync not running"
