"""A real headless Chromium, driven by its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

from tests.clients import wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--remote-debugging-port=0 --window-size=900,1100"
)


def find_chromium() -> str | None:
    """Return a Chromium on PATH, None when there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab of one browser with a profile of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, 0
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._end = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def _start(self, stack: ExitStack) -> None:
        program = find_chromium()
        assert program is not None
        process = stack.enter_context(
            subprocess.Popen(
                [program, *QUIET.split(), f"--user-data-dir={self.folder}", "about:blank"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(process.kill)
        port_file = self.folder / "DevToolsActivePort"
        wait_until(lambda: port_file.exists() and "\n" in port_file.read_text())
        port, path = port_file.read_text().split("\n")[:2]
        url = f"ws://127.0.0.1:{port}{path}"
        self.connection = stack.enter_context(connect(url, max_size=2**26, compression=None))
        self.session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; notes errors of the page meanwhile."""
        self.calls += 1
        message: dict[str, Any] = {"id": self.calls, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv(timeout=30))
            if answer.get("id") == self.calls:
                assert "error" not in answer, (method, answer)
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        entry = params.get("entry", {})
        if event.get("method") == "Log.entryAdded" and entry.get("source") == "security":
            self.errors.append(entry["text"])

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; it may do what only a click may."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, (expression, found)
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Return once the expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            shown = self.evaluate("document.body ? document.body.innerText : ''")
            assert time.monotonic() < deadline, f"waited in vain for {expression}; shown: {shown}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """Return what an element shows."""
        return str(self.evaluate(f"document.querySelector({selector!r}).innerText"))

    def titles(self) -> list[str]:
        """Return the titles of all tabs."""
        return [str(one["title"]) for one in self.call("Target.getTargets")["targetInfos"]]

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.evaluate(f"document.querySelector({selector!r}).focus()")
        self.call("Input.insertText", text=text)

    def press_enter(self) -> None:
        """Press Enter where the focus is."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                windowsVirtualKeyCode=13,
            )  # fmt: skip

    def picture(self, path: Path) -> None:
        """Save a screenshot (PNG)."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
