"""A real browser for tests: Chromium or Chrome without a window, spoken to over two pipes.

It speaks the browser's own DevTools protocol (https://chromedevtools.github.io/devtools-protocol/), which needs no
package: the drivers there are for it bring 12 to 53 MB for what is one JSON message a call.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

USUAL_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC_PLACE = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


def browser_program() -> str:
    """$REPLICATION_BROWSER, or the first that is installed; the test is skipped where none is."""
    asked = os.environ.get("REPLICATION_BROWSER")
    found = next(filter(None, map(shutil.which, [asked] if asked else [*USUAL_NAMES, MAC_PLACE])), None)
    if found is None:
        pytest.skip(f"no browser: looked for {asked or ', '.join(USUAL_NAMES)}; name one in REPLICATION_BROWSER")
    return found


class Browser:
    """One page of a browser that was started for a test."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()
        # The browser reads from descriptor 3 and writes to 4; a shell puts them there, whatever numbers ours have.
        places = f'exec 3<&{to_browser} 4>&{to_us}; exec "$@"'
        flags = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        flags += ["--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", places, "bash", program, *flags, "about:blank"],
            pass_fds=(to_browser, to_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(to_us)
        self._out = os.fdopen(from_us, "wb", buffering=0)
        self._in = os.fdopen(from_browser, "rb")
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        [target] = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"][:1]
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Ask for something and wait for the answer; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, path: Path, width: int, height: int = 900, *, scripts: bool = True) -> None:
        """Show a file in a window of so many CSS pixels, and wait until all of it is loaded."""
        self.events = []
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key, as a person does."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        shared = {"key": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def screenshot(self, *, whole: bool = False) -> bytes:
        """What is seen, or the whole page, as PNG."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def complaints(self) -> list[str]:
        """Errors and warnings on the console, exceptions, and requests for anything but the file and data addresses."""
        self.run("1")  # what was said before is here before this is answered
        found = []
        for event in self.events:
            method, about = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(about["exceptionDetails"].get("exception", {}).get("description")))
            elif method == "Runtime.consoleAPICalled" and about["type"] in {"error", "warning", "assert"}:
                found.append(str(about["args"]))
            elif method == "Log.entryAdded" and about["entry"]["level"] in {"error", "warning"}:
                found.append(str(about["entry"]["text"]))
            elif method == "Network.requestWillBeSent":
                address = str(about["request"]["url"])
                found += [] if address.startswith(("file:", "data:")) else [address]
        return found

    def close(self) -> None:
        self._out.close()
        self._process.terminate()
        self._process.wait(timeout=20)
        self._in.close()

    def _read(self) -> dict[str, Any]:
        message = bytearray()
        while (character := self._in.read(1)) != b"\0":
            assert character, "the browser ended"
            message += character
        return dict(json.loads(message))


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    program = browser_program()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, Path(profile))
        try:
            yield browser
        finally:
            browser.close()
