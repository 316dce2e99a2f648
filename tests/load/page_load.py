"""Many requests at once to the page's endpoint, one in five of them hostile.

::

    python -m tests.load.page_load --requests 500 --workers 16

starts tools/web_demo.py with two very small models in a folder of its own, asks, and
says what happened. It fails unless every good request got its masks, every hostile one
a polite refusal, the server lives and its log has no traceback, no file outside its
temporary folder changed or was shown, and its memory stayed below the limit. Needs the
extra ``web``.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlparse

import numpy as np
from PIL import Image

from tests.conftest import REPOSITORY
from tests.web.half_models import free_port, write_half_models
from tests.web.test_limits import png_header

SECRET = "what nobody may see"
PATIENCE = 600  # seconds for one answer: others are waiting too


@dataclass(frozen=True)
class Request:
    """What is sent.

    Attributes:
        kind: What it is.
        content: The picture; empty to name a file of the server instead.
        name: Of the picture.
        text: The expressions.
        refusal: Part of the answer that a hostile one must get.
    """

    kind: str
    content: bytes = b""
    name: str = "photo.png"
    text: str = "the red circle\nleft"
    refusal: str = ""


@dataclass
class Report:
    """What happened."""

    kinds: Counter = field(default_factory=Counter)
    seconds: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    messages: dict = field(default_factory=dict)


class Server:
    """tools/web_demo.py in a folder of its own, and its memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.home = folder / "home"
        for path in (self.temporary, self.home):
            path.mkdir()
        self.secret = self.home / "secret.txt"
        self.secret.write_text(SECRET)
        checkpoints = write_half_models(folder)
        self.log = (folder / "server.log").open("w")
        self.process = subprocess.Popen(
            [
                *(sys.executable, str(REPOSITORY / "tools" / "web_demo.py")),
                *("--port", free_port(), "--max-requests-per-minute", "1000000"),
                *("--checkpoint", *map(str, checkpoints)),
            ],
            cwd=self.home,
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "PYTHONDONTWRITEBYTECODE": "1",
                "MPLCONFIGDIR": str(self.temporary / "matplotlib"),
                "TMPDIR": str(self.temporary),
                "HOME": str(self.home),
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        line = self.process.stdout.readline()
        while line and not line.startswith("serving "):
            line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((folder / "server.log").read_text()[-3000:])
        self.address = urlparse(line.rsplit(" ", 1)[1].strip())
        self.before = self.files()
        self.memory = [self.resident()]
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def files(self) -> dict[str, str]:
        """Checksums of all files of its folder, but for the temporary ones."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            own = self.temporary in path.parents or path.name == "server.log"
            if path.is_file() and not own:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[str(path.relative_to(self.folder))] = digest
        return found

    def resident(self) -> int:
        """Memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [row for row in status.splitlines() if row.startswith("VmRSS")]
        return int(line.split()[1]) // 1024

    def _watch(self) -> None:
        while not self._stopped.wait(0.2) and self.process.poll() is None:
            try:
                self.memory.append(self.resident())
            except (OSError, ValueError):
                return

    def stop(self) -> None:
        self._stopped.set()
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def ask(self, request: Request) -> tuple[str, str]:
        """What the endpoint says: the kind of the last event, and its text."""
        path = str(self.secret) if not request.content else self.upload(request)
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        options = ["first", "nothing", "masks", 0.5, 0.5]
        body = json.dumps({"data": [picture, request.text, *options]})
        status, text = self.call("POST", "/gradio_api/call/segment", body)
        if status != 200:
            return "error", text
        event = json.loads(text)["event_id"]
        _, stream = self.call("GET", f"/gradio_api/call/segment/{event}")
        events = [part for part in stream.split("\n\n") if part.startswith("event: ")]
        kind, _, data = events[-1].partition("\n")
        return kind.removeprefix("event: "), data.removeprefix("data: ")

    def upload(self, request: Request) -> str:
        line = "load-test-boundary"
        name = request.name.replace('"', "%22").encode()
        body = b"".join(
            [
                f"--{line}\r\n".encode(),
                b'Content-Disposition: form-data; name="files"; filename="',
                name,
                b'"\r\nContent-Type: image/png\r\n\r\n',
                request.content,
                f"\r\n--{line}--\r\n".encode(),
            ]
        )
        kind = f"multipart/form-data; boundary={line}"
        status, text = self.call("POST", "/gradio_api/upload", body, kind=kind)
        if status != 200:
            return f"refused: {text}"
        (path,) = json.loads(text)
        if self.temporary not in Path(os.path.normpath(path)).parents:
            raise RuntimeError(f"an upload went to {path}")
        return path

    def call(
        self, method: str, path: str, body: str | bytes | None = None, kind: str = ""
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection(
            self.address.hostname, self.address.port, timeout=PATIENCE
        )
        try:
            headers = {"Content-Type": kind or "application/json"}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()


def encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def bomb() -> bytes:
    """A whole PNG of some hundred kilobytes with 1.6 gigapixels."""
    side = 40_000
    packer = zlib.compressobj(9)
    row = bytes(1 + side * 3)
    data = b"".join(packer.compress(row) for _ in range(400)) + packer.flush()
    return png_header(side, side, data)


def hostile_requests() -> list[Request]:
    white = Image.new("L", (10_000, 10_000), 255)
    small = encoded(Image.new("RGB", (90, 60), (9, 90, 200)), "PNG")
    refused = "Please"
    names = ["../../home/secret.txt", "/etc/passwd", "..\\..\\home\\secret.txt"]
    names += ["a" * 3000 + ".png", "nul\x00.png", "%2e%2e%2fhome%2fsecret.txt"]
    return [
        Request("not an image", b"no picture at all", "a.jpg", refusal=refused),
        Request("not an image", b"<svg onload='alert(1)'/>", "a.svg", refusal=refused),
        Request("decompression bomb", bomb(), "bomb.png", refusal=refused),
        Request("100 megapixels", encoded(white, "JPEG"), "large.jpg", refusal=refused),
        Request("10,000 characters", small, text="x" * 10_000, refusal=refused),
        Request("no words", small, text=" \n ", refusal=refused),
        Request("a file of the server", refusal="not"),
        *(Request("path trick in a name", small, name) for name in names),
        Request("cut off", small[:60], refusal=refused),
    ]


def good_requests() -> list[Request]:
    generator = np.random.default_rng(0)
    texts = ["left", "the red circle\nleft", "a\nb\nc\nd", "\U0001f98a fox", "<b>x</b>"]
    requests = []
    for size in ((90, 60), (640, 480), (1600, 1200), (61, 333)):
        pixels = generator.integers(0, 256, (6, 9, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize(size)
        for kind in ("PNG", "JPEG", "WEBP"):
            content = encoded(image, kind)
            requests += [Request("good", content, text=text) for text in texts]
    return requests


def judge(server: Server, request: Request, report: Report) -> None:
    """Ask, and note what was wrong about the answer."""
    start = time.monotonic()
    try:
        kind, text = server.ask(request)
    except Exception as error:  # whatever went wrong is a result
        kind, text = "broken", f"{type(error).__name__}: {error}"
    report.seconds.append(time.monotonic() - start)
    report.kinds[request.kind] += 1
    report.messages.setdefault((request.kind, kind), text[:200])
    leaks = "Traceback" in text or SECRET in text or "root:" in text
    if request.refusal:
        right = kind == "error" and request.refusal in text
    elif request.kind == "good":
        right = kind == "complete" and "overlay" not in text and "% of area" in text
    else:
        # A strange name is no reason to refuse a picture; it must only do no harm.
        right = kind == "complete" or (kind == "error" and "null" not in text)
    if leaks or not right:
        report.wrong.append((request.kind, request.name[:40], kind, text[:300]))


def peek(server: Server, report: Report) -> None:
    """Ask for files of the server by their address."""
    for target in (str(server.secret), "/etc/passwd", "../../home/secret.txt"):
        for prefix in ("/gradio_api/file=", "/file=", "/gradio_api/file/", "/static/"):
            status, text = server.call("GET", prefix + quote(target))
            if SECRET in text or "root:" in text or status >= 500:
                report.wrong.append(("peek", prefix + target, str(status), text[:100]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Load the page.", allow_abbrev=False)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--max-megabytes", type=int, default=2500)
    args = parser.parse_args()
    good, hostile = good_requests(), hostile_requests()
    plan = [
        hostile[number // 5 % len(hostile)]
        if number % 5 == 4
        else good[number % len(good)]
        for number in range(args.requests)
    ]
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            start = time.monotonic()
            with ThreadPoolExecutor(args.workers) as pool:
                list(pool.map(lambda one: judge(server, one, report), plan))
            wall = time.monotonic() - start
            peek(server, report)
            alive = server.process.poll() is None
            touched = server.files() != server.before
            used = max(server.memory)
        finally:
            server.stop()
        log = (Path(folder) / "server.log").read_text()
    ordered = sorted(report.seconds)
    print(f"{args.requests} requests, {args.workers} at a time: {wall:.0f} s")
    print(f"  kinds: {dict(report.kinds)}")
    print(
        f"  seconds an answer: median {ordered[len(ordered) // 2]:.1f}, "
        f"95 % {ordered[int(0.95 * len(ordered))]:.1f}, most {ordered[-1]:.1f}"
    )
    print(f"  memory: {server.memory[0]} MB at the start, at most {used} MB")
    print(f"  alive: {alive}; files outside touched: {touched}")
    tracebacks = log.count("Traceback")
    print(f"  tracebacks in the log: {tracebacks}")
    for (kind, answer), text in report.messages.items():
        print(f"  {kind} -> {answer}: {text}")
    for entry in report.wrong[:20]:
        print(f"WRONG {entry}")
    sound = alive and not touched and not tracebacks
    if not sound or report.wrong or used > args.max_megabytes:
        print(log[-3000:])
        return 1
    print("all as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
