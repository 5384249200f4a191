"""A headless Chromium, driven over the pipes of its DevTools protocol, and traces to look at."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster.compare.comparable_events import story_of
from fakecluster.compare.comparison import compare
from fakecluster.compare.picture import page_of_both
from fakecluster.report.page import page_of
from fakecluster.trace.events import Line
from o2cbd.core.records import Header, Value

DEADLINE_S = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


class Chromium:
    """One browser; JSON messages that end with NUL go in and out."""

    def __init__(self, profile: str) -> None:
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        assert found, "no Chromium on PATH: apt-get install chromium (debian-packages.txt)"
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # The protocol's descriptors are 3 and 4, and only a shell can put ours there by number.
        line = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        flags = [*FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", found, *flags],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._received = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Ask for something and return the answer; what comes meanwhile goes into `events`."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def wait_for(self, method: str) -> dict[str, Any]:
        """Return the first event of this kind, waiting for it; it is taken out."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            for event in self.events:
                if event["method"] == method:
                    self.events.remove(event)
                    return event
            self.events.append(self._read(deadline))

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"Chromium does not answer within {DEADLINE_S} s"
            data = os.read(self._in, 1 << 16)
            assert data, "Chromium ended"
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        return dict(json.loads(message))

    def close(self) -> None:
        self.call("Browser.close")
        self._process.wait(DEADLINE_S)
        os.close(self._in)
        os.close(self._out)


class Page:
    """One page of the browser, and everything that it complained about."""

    def __init__(self, chromium: Chromium, scheme: str, size: tuple[int, int]) -> None:
        self._chromium = chromium
        target = chromium.call("Target.createTarget", url="about:blank")["targetId"]
        attached = chromium.call("Target.attachToTarget", targetId=target, flatten=True)
        self._target, self._session = target, attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=False,
        )
        self.prefer(scheme)

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        return self._chromium.call(method, self._session, **params)

    def prefer(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.do("Emulation.setEmulatedMedia", features=[feature])

    def open(self, path: Path) -> None:
        self._chromium.events.clear()
        self.do("Page.navigate", url=path.as_uri())
        self._chromium.wait_for("Page.loadEventFired")
        self.frame()

    def run(self, script: str) -> Any:
        """Evaluate an expression, waiting for it where it is a promise."""
        answer = self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def frame(self) -> None:
        """Wait until what was asked for is painted."""
        self.run("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click_on(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")
        self.frame()

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Move, press, release or wheel at a point of the window."""
        self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)
        self.frame()

    def press(self, key: str) -> None:
        text = key if len(key) == 1 else ""
        self.do("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.do("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.frame()

    def on_stage(self, index: int) -> tuple[float, float]:
        """Return where in the window an event is drawn."""
        place = self.run(
            f"""(() => {{ const at = timeline.locate({index}),
                box = document.getElementById("canvas").getBoundingClientRect();
                return [box.left + at.x, box.top + at.y]; }})()"""
        )
        return place[0], place[1]

    @property
    def complaints(self) -> list[str]:
        """Whatever reached the console, a policy's violations and uncaught exceptions included."""
        loud = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        return [json.dumps(one) for one in self._chromium.events if one["method"] in loud]

    @property
    def requests(self) -> list[str]:
        """Everything that was fetched."""
        return [
            one["params"]["request"]["url"]
            for one in self._chromium.events
            if one["method"] == "Network.requestWillBeSent"
        ]

    def close(self) -> None:
        self._chromium.call("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    # Not under pytest's own directory: Chromium wants a short path and writes a lot.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(profile)
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Chromium, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens the timeline of a trace, or of two of them beside each other."""
    pages: list[Page] = []

    def make(
        trace: Trace,
        other: Trace | None = None,
        *,
        scheme: str = "light",
        size: tuple[int, int] = (1400, 800),
    ) -> Page:
        path = tmp_path / "timeline.html"
        path.write_text(_page_text(trace, other), encoding="utf-8")
        page = Page(chromium, scheme, size)
        pages.append(page)
        page.open(path)
        return page

    yield make
    for page in pages:
        page.close()


def _page_text(trace: Trace, other: Trace | None) -> str:
    if other is None:
        return page_of(trace.header, trace.lines)
    a, b = (story_of(one.header, one.lines) for one in (trace, other))
    return page_of_both(compare(a, b))


class Trace:
    """A trace that is made by hand, line by line."""

    def __init__(self, nodes: Any = 3, **header: Any) -> None:
        if isinstance(nodes, int):
            nodes = tuple((node_id, f"node{node_id}") for node_id in range(1, nodes + 1))
        values: dict[str, Any] = {"cluster": "made", "nodes": nodes, "arm": "sim", "seed": 7}
        self.header = Header(**(values | header))
        self.lines: list[Line] = []

    def add(self, t_us: int, host: int, kind: str, what: str, **detail: Value) -> int:
        """Add a line; returns its index."""
        seq = len(self.lines) + 1
        line = Line(t_us=t_us, seq=seq, host=host, kind=kind, what=what, detail=detail)
        self.lines.append(line)
        return seq - 1

    def view(self, t_us: int, host: int, members: str, *, quorate: bool | None = True) -> int:
        return self.add(
            t_us,
            host,
            "cman",
            "view",
            members=members,
            quorate=quorate,
            two_node=False,
            joined=[],
            incarnations=[],
            left=[],
        )

    def step(self, t_us: int, host: int, what: str, node: str, errno: str = "") -> int:
        text = f"{what.replace('-', ' ')} {node}"
        return self.add(t_us, host, "step", what, node=node, errno=errno, text=text, took_us=0)

    def pending(self, t_us: int, host: int, what: str, node: str, errno: str = "") -> int:
        return self.add(
            t_us,
            host,
            "pending",
            what,
            step="remove-node",
            node=node,
            why="pinned",
            errno=errno,
            text=f"remove node {node}",
            reason="the kernel holds it",
        )


@pytest.fixture
def make_trace() -> type[Trace]:
    return Trace


@pytest.fixture
def story() -> Trace:
    """Three nodes; a partition, a pinned removal that fails, a hold, a vote, a message."""
    trace = Trace()
    for host in (1, 2, 3):
        trace.add(0, host, "verb", "start")
        trace.add(0, host, "daemon", "start")
        trace.view(1_000_000, host, "1-3")
        trace.step(1_000_000, host, "add-node", "node2")
    trace.add(2_000_000, 1, "message", "announcement", to="2-3", arrives_us=2_500_000)
    trace.add(4_000_000, 0, "verb", "partition", groups="1,2/3")
    trace.add(4_000_000, 0, "cman", "partition", detail="1,2/3")
    trace.view(5_000_000, 1, "1-2")
    trace.view(5_000_000, 3, "3", quorate=False)
    trace.step(6_000_000, 1, "remove-node", "node3", "EBUSY")
    trace.pending(6_000_000, 1, "begin", "node3", "EBUSY")
    trace.add(7_000_000, 0, "verb", "heal")
    trace.add(7_000_000, 0, "cman", "heal", detail="")
    trace.pending(8_000_000, 1, "end", "node3")
    trace.add(8_500_000, 2, "hold", "begin", by="another")
    trace.add(9_500_000, 2, "hold", "end", by="another")
    trace.add(9_600_000, 2, "notice", "shutdown-asked", forced=False, removed=False)
    trace.add(9_700_000, 2, "vote", "no", reason="OCFS2 is mounted", forced=False)
    trace.add(10_000_000, 0, "end", "good", code=0, lines=1, violations=0)
    return trace
