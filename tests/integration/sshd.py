"""A real sshd on a free port of the loopback, for one test process, and keys that it lets in."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.integration.agent_site import until
from tests.servers import do_without, need_programs


@dataclass
class Sshd:
    """A running server: its port, and the files that a client needs."""

    folder: Path
    port: int

    @property
    def options(self) -> dict[str, object]:
        """As the agent's configuration has them."""
        return {
            "host": "127.0.0.1",
            "user": getpass.getuser(),
            "port": self.port,
            "identity_file": self.folder / "key",
            "known_hosts_file": self.folder / "known_hosts",
            "connect_seconds": 30,
        }

    def let_in(self, restriction: str = "") -> None:
        """What the key may do: all, or what `authorized_keys` says before it."""
        key = (self.folder / "key.pub").read_text()
        restricted = f"restrict,{restriction} {key}" if restriction else key
        (self.folder / "authorized_keys").write_text(restricted)


@contextmanager
def running_sshd(folder: Path) -> Iterator[Sshd]:
    """Start one; do without the test where there is none."""
    need_programs("ssh", "ssh-keygen")
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        do_without("there is no sshd: the package openssh-server")
    if os.geteuid() == 0:
        with suppress(FileExistsError):
            Path("/run/sshd").mkdir(mode=0o755)
    for name in ("host", "key"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Sshd(folder, port)
    server.let_in()
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder))
    process = subprocess.Popen(
        [program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE
    )
    try:
        until(lambda: _answers(port) or process.poll() is not None)
        if process.poll() is not None:
            do_without(f"sshd does not start: {process.communicate()[1].decode()}")
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=30)


CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
# The tests are many connections, and the key exchange is most of their work.
KexAlgorithms curve25519-sha256
Subsystem sftp internal-sftp
"""


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
