"""Runs a command and prints its wall time in seconds and its peak memory in bytes, as JSON.

A script of its own, started with ``python -S``: the kernel counts what the parent held when it
forked towards the child's peak, so the parent must be small.
"""

import json
import os
import sys
import time

began = time.perf_counter()
# Standard output is ours; what the command prints goes to standard error.
to_stderr = [(os.POSIX_SPAWN_DUP2, 2, 1)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=to_stderr)
_, status, used = os.wait4(child, 0)
took = time.perf_counter() - began
json.dump(
    {
        "seconds": took,
        "peak_bytes": used.ru_maxrss * 1024,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "exit": os.waitstatus_to_exitcode(status),
    },
    sys.stdout,
)
