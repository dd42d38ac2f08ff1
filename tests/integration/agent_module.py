"""The reference agent as a module: it is a program, in no package."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from tests.integration.agent_site import AGENT


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("backupmon_agent", AGENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the names in their annotations.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


agent = _load()
