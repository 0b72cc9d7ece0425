"""What every test may use. Real clusters come from the lab's own fixtures."""

from __future__ import annotations

pytest_plugins = ["coroctl.lab.fixtures"]
