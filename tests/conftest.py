"""What every test may use: real clusters from the lab's own fixtures, and coroutines as tests."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["coroctl.lab.fixtures"]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine; leave the others to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> Iterator[None]:
    """Pictures do not depend on who takes them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_COLOR", "UNICODE_VERSION", "TEXTUAL_FILTERS"):
            patch.delenv(name, raising=False)
        yield
