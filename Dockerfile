# backupmon: pages, worker and scheduler are the same image with different commands (compose.yml).
# docker build -t backupmon .

FROM python:3.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install -r /tmp/requirements.txt
COPY backupmon /app/backupmon
COPY templates /app/templates
COPY static /app/static
COPY migrations /app/migrations
COPY deploy/gunicorn.conf.py /app/deploy/gunicorn.conf.py
COPY worker.py wsgi.py .flaskenv /app/
# Compiled here, since the image may be read-only where it runs.
RUN /opt/venv/bin/python -m compileall -q /app /opt/venv/lib

FROM python:3.12-slim-bookworm
# The number, not the name, is what owns files on the host.
RUN groupadd --gid 10001 backupmon \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin backupmon \
 && install -d -o backupmon -g backupmon /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BACKUPMON_DATA_DIR=/data \
    BACKUPMON_LOG_FORMAT=json
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py", "wsgi:app"]
