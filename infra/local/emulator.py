"""The local AWS: starts ministack on loopback, knows whether it is running, and stops it with everything it started."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REGION = "eu-west-2"

# What a client of the local AWS needs in its environment. Region twice: the CLI reads one name, the SDK for Rust another.
CLIENT_ENV = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}

# The functions' time budgets, in milliseconds. The defaults in their code are for AWS; here two cores may have to carry a
# hundred cold starts at once, and a test must not fail for that. Functions inherit the emulator's environment.
BUDGETS = {
    "CONNECT_TIMEOUT_MS": "5000",
    "ATTEMPT_TIMEOUT_MS": "5000",
    "OPERATION_TIMEOUT_MS": "8000",
    "ENQUEUE_TIMEOUT_MS": "5000",
    "SEND_TIMEOUT_MS": "8000",
    "MARK_TIMEOUT_MS": "8000",
    "HANDLER_DEADLINE_MS": "9000",
    "WARM_UP_TIMEOUT_MS": "5000",
}

# The ports of developers' stacks, in this order: the first, so that the URLs stay the same between runs; the others for what
# runs beside it. LocalStack's 4566 is not among them.
USUAL_PORTS = range(4610, 4710)
# For a stack whose port nobody types: one that the system chooses.
ANY_PORT = (0,)

START_SECONDS = 30
STOP_SECONDS = 5


class Trouble(Exception):
    """A problem that the developer can fix. The message says how."""


@dataclass
class Emulator:
    """One running ministack. Its process leads a group, to which the functions belong."""

    home: Path
    pid: int
    port: int
    fingerprint: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @staticmethod
    def running(home: Path) -> "Emulator | None":
        """The emulator that this folder's last `start` left behind, if it is still running."""
        try:
            with _lock(home).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return Emulator(home, **json.loads(_record(home).read_text()))

    @staticmethod
    def start(home: Path, ports: Iterable[int], fingerprint: str, log: Path) -> "Emulator":
        """Start with nothing stored, on the first of these ports that is free."""
        # One after the other: the port is chosen before ministack listens on it.
        with _one_start_at_a_time():
            return Emulator._start(home, first_free(ports), fingerprint, log)

    @staticmethod
    def _start(home: Path, port: int, fingerprint: str, log: Path) -> "Emulator":
        shutil.rmtree(home, ignore_errors=True)
        for folder in ("home", "tmp"):
            (home / folder).mkdir(parents=True)
        with _lock(home).open("w") as lock, log.open("w") as output:
            # The process inherits the lock and holds it for as long as it lives. A process number alone would not do: it
            # may since have gone to another process, which we would then stop.
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=_emulator_env(home, port),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )
            _record(home).write_text(json.dumps({"pid": process.pid, "port": port, "fingerprint": fingerprint}))
        emulator = Emulator(home, process.pid, port, fingerprint)
        deadline = time.monotonic() + START_SECONDS
        while not emulator._is_healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                emulator.stop()
                raise Trouble(f"The local AWS did not start. Its log, {log}, ends:\n{_tail(log)}")
            time.sleep(0.05)
        return emulator

    def stop(self) -> None:
        """End the process and its functions, and delete everything that they stored."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            self._signal_group(sign)
            while self._signal_group(0) and time.monotonic() < deadline:
                time.sleep(0.05)
        shutil.rmtree(self.home, ignore_errors=True)

    def client_env(self) -> dict[str, str]:
        """An environment for tools that talk to this emulator, free of the developer's own AWS settings."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home / "home"), "AWS_ENDPOINT_URL": self.url, **CLIENT_ENV}

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1):
                return True
        except OSError:
            return False

    def _signal_group(self, sign: int) -> bool:
        """Signal the group. Return false if it has ended."""
        try:
            os.waitpid(self.pid, os.WNOHANG)  # our own child would stay behind as a zombie
        except ChildProcessError:
            pass
        try:
            os.killpg(self.pid, sign)
        except ProcessLookupError:
            return False
        return True


def _emulator_env(home: Path, port: int) -> dict[str, str]:
    """A clean environment: functions inherit it, and must not see the developer's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home / "home"),
        # Unpacked functions live here: one folder for each emulator, so that two never share one.
        "TMPDIR": str(home / "tmp"),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        # Enough for a test's hundred requests at once: the default follows the machine's memory and may throttle them.
        "LAMBDA_ACCOUNT_CONCURRENCY": "200",
        **CLIENT_ENV,
        **BUDGETS,
    }


def _record(home: Path) -> Path:
    return home / "emulator.json"


def _lock(home: Path) -> Path:
    return home / "lock"


def in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def first_free(ports: Iterable[int]) -> int:
    for port in ports:
        if port == 0:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                return probe.getsockname()[1]
        if not in_use(port):
            return port
    raise Trouble("The ports for the local AWS are all in use. Choose a free one, such as PORT=5000.")


@contextmanager
def _one_start_at_a_time() -> Iterator[None]:
    """Hold a lock that all checkouts of this user share."""
    with (Path(tempfile.gettempdir()) / f"credicorp-local-aws-{os.getuid()}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
