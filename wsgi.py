"""The WSGI entry point: ``flask`` and gunicorn find the application here."""

import os
import sys

from backupmon import create_app
from backupmon.config import SettingsError

try:
    app = create_app()
    if "FLASK_RUN_FROM_CLI" not in os.environ:
        # A server: what is wrong with the pages is told at its start, not to the first reader.
        app.wire()
except SettingsError as error:
    # A wrong setting is the operator's to mend: they need its name, not a traceback.
    sys.exit(f"error: {error}")
