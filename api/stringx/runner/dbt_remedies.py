"""What dbt finds out again in each invocation of a process though it stays the same, found out once.

Each remedy is for a fault of dbt that tests/integration/runner/test_runner_dbt.py shows: it will tell when dbt has mended it.
"""

from __future__ import annotations

import functools
import sys

from dbt.plugins.manager import PluginManager
from dbt_common import behavior_flags
from dbt_common.behavior_flags import BehaviorFlagRendered


def apply() -> None:
    """In this process and what is forked from it. Once is enough; again does no harm."""
    PluginManager.get_prefixed_modules = _plugin_modules  # type: ignore[method-assign]
    BehaviorFlagRendered._default_source = staticmethod(_calling_module)  # type: ignore[method-assign]  # noqa: SLF001  # no public way


# Every folder of `sys.path` is read for modules that may be plugins: some 10 ms. What is found is still set up for each invocation.
_plugin_modules = functools.cache(PluginManager.get_prefixed_modules)


def _calling_module() -> str:
    """As dbt's own, which reads the source of every frame of the stack: half a millisecond for each of the adapter's flags, used or not."""
    frame = sys._getframe(1)  # noqa: SLF001  # no public way that costs nothing
    while frame.f_globals["__name__"] == behavior_flags.__name__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals["__name__"])
