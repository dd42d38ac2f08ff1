"""What gunicorn logs, in the form of our own log: its ``logger_class``."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

from backupmon.config import SettingsError, load_settings
from backupmon.logs import configure_logging


class GunicornLogger(Logger):  # type: ignore[misc]
    """Gunicorn's logger, whose lines go through `backupmon.logs`.

    A log of requests that is sent to a file stays as gunicorn writes it.
    """

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's own handlers away; its master process has no application yet."""
        super().setup(cfg)
        try:
            configure_logging(load_settings())
        except SettingsError:
            return  # wsgi.py tells which setting is wrong, and ends.
        if cfg.errorlog == "-":
            _through_ours(self.error_log)
        if cfg.accesslog == "-":
            _through_ours(self.access_log)


def _through_ours(log: logging.Logger) -> None:
    log.handlers.clear()
    log.propagate = True
