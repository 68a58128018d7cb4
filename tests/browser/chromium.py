"""A real headless Chromium, driven by its DevTools protocol."""

import base64
import json
import os
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

from tests.browser import axe
from tests.browser.programs import Program
from tests.clients import wait_until

QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--remote-debugging-port=0"
)
DESKTOP = (1280, 900)


class Refused(Exception):
    """The browser cannot do that, say because the page went away meanwhile."""


class Thrown(AssertionError):
    """What was to be evaluated throws, say because there is no such element."""


class Browser:
    """One Chromium with a profile of its own; its pages know nothing of each other."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program, self.folder, self.calls = program, folder, 0
        self.pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            process = stack.enter_context(
                subprocess.Popen(
                    [
                        self.program.path,
                        *QUIET.split(),
                        f"--user-data-dir={self.folder}",
                        "about:blank",
                    ],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, **self.program.environ},
                )
            )
            stack.callback(process.kill)
            port_file = self.folder / "DevToolsActivePort"
            wait_until(lambda: port_file.exists() and "\n" in port_file.read_text())
            port, path = port_file.read_text().split("\n")[:2]
            url = f"ws://127.0.0.1:{port}{path}"
            self.connection = stack.enter_context(connect(url, max_size=2**26, compression=None))
            self._end = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Send one command and return its result; pages note their events meanwhile."""
        self.calls += 1
        message: dict[str, Any] = {"id": self.calls, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv(timeout=30))
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise Refused(method, answer["error"])
                return dict(answer["result"])
            if answer.get("sessionId") in self.pages:
                self.pages[answer["sessionId"]].note(answer)


class Page:
    """One tab, as of a browser of its own: it shares neither storage nor cookies."""

    def __init__(self, browser: Browser) -> None:
        self.browser, self.session = browser, ""
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        call = self.browser.call
        self.context = call("Target.createBrowserContext")["browserContextId"]
        self.target = call("Target.createTarget", url="about:blank", browserContextId=self.context)[
            "targetId"
        ]
        attached = call("Target.attachToTarget", targetId=self.target, flatten=True)
        self.session = attached["sessionId"]
        self.browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.measure(*DESKTOP)
        return self

    def __exit__(self, *_: object) -> None:
        del self.browser.pages[self.session]
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command to this tab and return its result."""
        return self.browser.call(method, self.session, **params)

    def note(self, event: dict[str, Any]) -> None:
        """Note what went wrong in the page."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        entry = params.get("entry", {})
        if event.get("method") == "Log.entryAdded" and entry.get("source") == "security":
            self.errors.append(entry["text"])

    # -- how it is shown ------------------------------------------------------------------------
    def measure(self, width: int, height: int) -> None:
        """Give the tab a size, in CSS pixels; a narrow one is a phone's, and touched."""
        self.size, self.is_touched = (width, height), width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=self.is_touched,
        )  # fmt: skip
        self.call("Emulation.setTouchEmulationEnabled", enabled=self.is_touched)

    def light(self, scheme: str) -> None:
        """Show it ``light`` or ``dark``, and without what moves."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        media = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=media)

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    # -- what is seen ---------------------------------------------------------------------------
    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; it may do what only a click may."""
        found = self.call(
            "Runtime.evaluate",
            expression=expression, returnByValue=True, userGesture=True, awaitPromise=True,
        )  # fmt: skip
        if "exceptionDetails" in found:
            raise Thrown(expression, found)
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Return once the expression is true."""
        deadline, shown = time.monotonic() + seconds, ""
        while True:
            # A page that goes, or comes, while it is asked is not there yet.
            with suppress(Refused, Thrown):
                if self.evaluate(expression):
                    return
            with suppress(Refused):
                shown = self.evaluate("document.body ? document.body.innerText : ''")
            assert time.monotonic() < deadline, f"waited in vain for {expression}; shown: {shown}"
            time.sleep(0.05)

    def sees(self, text: str, where: str = "main") -> None:
        """Wait for words."""
        place, words = json.dumps(where), json.dumps(text)
        self.wait_for(f"document.querySelector({place})?.innerText.includes({words})")

    def text(self, selector: str) -> str:
        """Return what an element shows."""
        return str(self.evaluate(f"document.querySelector({selector!r}).innerText"))

    def titles(self) -> list[str]:
        """Return the titles of all tabs."""
        tabs = self.call("Target.getTargets")["targetInfos"]
        return [str(tab["title"]) for tab in tabs if tab.get("browserContextId") == self.context]

    def picture(self, path: Path) -> None:
        """Save a screenshot (PNG)."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def faults(self, *rules: str) -> list[axe.Fault]:
        """Return what axe finds wrong with the page as it is shown now, by all rules or some."""
        return axe.look(self, rules)

    # -- what is done ---------------------------------------------------------------------------
    def press(self, selector: str, words: str = "") -> None:
        """Click the first such element that is shown, with the mouse; on a phone tap it."""
        which = f"({json.dumps(selector)}, {json.dumps(words)})"
        for _ in range(5):
            self.wait_for(f"!!({_SHOWN}){which}")
            x, y = self.evaluate(f"({_MIDDLE}){which}")
            (self._tap if self.is_touched else self._click)(x, y)
            try:
                hit = self.evaluate(_HIT)
            except Refused:
                hit = None
            # None: it has led to another page.
            assert hit in {None, "hit", "missed"}, f"{selector} moved away, and that was hit: {hit}"
            if hit != "missed":
                return
        raise AssertionError(f"{selector} cannot be pressed")

    def _click(self, x: float, y: float) -> None:
        for kind, button in (("Moved", "none"), ("Pressed", "left"), ("Released", "left")):
            self.call(
                "Input.dispatchMouseEvent",
                type=f"mouse{kind}", x=x, y=y, button=button, clickCount=1,
            )  # fmt: skip

    def _tap(self, x: float, y: float) -> None:
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.evaluate(f"document.querySelector({selector!r}).focus()")
        self.call("Input.insertText", text=text)

    def choose(self, selector: str, text: str) -> None:
        """Choose from a list by typing how the words begin."""
        self.evaluate(f"document.querySelector({selector!r}).focus()")
        for letter in text:
            self.call("Input.dispatchKeyEvent", type="char", text=letter)

    def key(self, name: str, code: int, text: str = "") -> None:
        """Press a key where the focus is; ``code`` is the Windows one, as DevTools wants it."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, text=text,
                windowsVirtualKeyCode=code,
            )  # fmt: skip

    def press_enter(self) -> None:
        """Press Enter where the focus is."""
        self.key("Enter", 13, "\r")


_SHOWN = """(selector, words = "") => [...document.querySelectorAll(selector)]
  .find((one) => one.checkVisibility() && !one.disabled && one.textContent.includes(words))"""
# In the middle of what is there, once it stands still; whatever lies on top would be hit instead.
_MIDDLE = f"""async (selector, words) => {{
  const frame = () => new Promise(requestAnimationFrame);
  let found, before, x, y;
  do {{
    found = ({_SHOWN})(selector, words);
    found.scrollIntoView({{ block: "center", behavior: "instant" }});
    before = [x, y].join();
    await frame();
    await frame();
    const box = found.getClientRects()[0];
    [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  }} while ([x, y].join() !== before);
  const hit = document.elementFromPoint(x, y);
  if (!found.contains(hit)) throw new Error(`${{selector}} lies under ${{hit?.outerHTML}}`);
  document.pressed = "missed";
  document.addEventListener("click", ({{ target }}) => {{
    document.pressed = found.contains(target) ? "hit" : target.outerHTML;
  }}, {{ once: true, capture: true }});
  return [x, y];
}}"""
# What moves between the look and the press (a list that grows above it) is missed, as by people.
# A tap becomes a click a moment later.
_HIT = """(async () => {
  for (let i = 0; i < 10 && document.pressed === "missed"; i += 1) {
    await new Promise((done) => setTimeout(done, 20));
  }
  return document.pressed;
})()"""
