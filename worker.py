"""``python worker.py [QUEUE …]`` works on the queues; ``python worker.py scheduler`` feeds them."""

import sys

from backupmon import create_app
from backupmon.config import SettingsError
from backupmon.work import main

try:
    sys.exit(main(create_app(), sys.argv[1:]))
except SettingsError as error:
    sys.exit(f"error: {error}")
