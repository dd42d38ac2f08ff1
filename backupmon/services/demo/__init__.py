"""A believable demonstration: made-up sites whose history is made by real scans."""

from __future__ import annotations

from backupmon.services.demo.emptiness import NotEmptyError, refuse_unless_empty
from backupmon.services.demo.making import DAYS, DemoSummary, make_demo

__all__ = ["DAYS", "DemoSummary", "NotEmptyError", "make_demo", "refuse_unless_empty"]
