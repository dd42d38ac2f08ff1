"""The WSGI entry point: ``flask`` and gunicorn find the application here."""

import sys

from backupmon import create_app
from backupmon.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    # A wrong setting is the operator's to mend: they need its name, not a traceback.
    sys.exit(f"error: {error}")
