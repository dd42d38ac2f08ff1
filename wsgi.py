"""The WSGI entry point: ``flask`` and gunicorn find the application here."""

from backupmon import create_app

app = create_app()
