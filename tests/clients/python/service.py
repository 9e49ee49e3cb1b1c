"""A real Evenkeel in a folder of its own, and the mails that it would have sent."""

import email
import email.policy
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Optional, TypeVar

import httpx

Found = TypeVar("Found")


def until(what: str, look: Callable[[], Optional[Found]]) -> Found:
    """Waits until `look` finds something, for at most half a minute."""
    for _ in range(300):
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(f"waited in vain for {what}")


class Service:
    def __enter__(self) -> "Service":
        self.folder = Path(tempfile.mkdtemp(prefix="evenkeel-python-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            listen = "127.0.0.1:%d" % free.getsockname()[1]
        self.url = f"http://{listen}"
        # Nothing of the caller's own settings reaches it.
        settings = {"EVENKEEL_LISTEN": listen, "EVENKEEL_PUBLIC_URL": self.url, "EVENKEEL_DATA_DIR": str(self.folder)}
        environment = {"PATH": os.environ["PATH"], "RUST_LOG": "error", **settings}
        self.process = subprocess.Popen([os.environ["EVENKEEL_TEST_BINARY"]], cwd=self.folder, env=environment)
        try:
            until("the service", self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError("the service ended")
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False

    def link(self, to: str, page: str) -> str:
        """The link to such a page in a mail to somebody."""

        def look() -> Optional[str]:
            for path in sorted((self.folder / "outbox").glob("*.eml")):
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                text = mail.get_body(("plain",)).get_content()
                found = [line for line in text.splitlines() if line.startswith("http") and page in line]
                if mail["To"] == to and found:
                    return found[0]
            return None

        return until(f"a mail to {to} with a link to {page}", look)
