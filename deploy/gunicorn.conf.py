"""Settings of gunicorn for the pages; each can be set from outside by its environment variable."""

import os

bind = os.environ.get("WEB_BIND", "0.0.0.0:8000")
# Pages wait for the database more than they compute: few processes, some threads each.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 60
graceful_timeout = 10
keepalive = 5
# What keeps workers apart from dead ones is a file that is touched each second: never on a disk,
# which may be slow or read-only.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# Every process is begun anew now and then, so that nothing it hoards is hoarded for ever.
max_requests = 10_000
max_requests_jitter = 1_000
# Requests are the proxy's to log; errors come on standard error.
accesslog = None
errorlog = "-"
loglevel = "warning"
# In the form of the rest of the log: BACKUPMON_LOG_FORMAT.
logger_class = "backupmon.supervision.gunicorn_logger.GunicornLogger"
# A socket for commands to gunicorn would lie in the home folder, which a service has not.
control_socket_disable = True
