"""Node, which computes what the page does, and a headless Chromium.

Tests drive it by its debugging protocol, over a pair of pipes.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


RUNNER = Path(__file__).with_name("run_cases.mjs")


@pytest.fixture
def run_cases():
    """A function that returns what the page answers to each case, run by node."""

    def run(cases):
        lines = "\n".join(map(json.dumps, cases))
        done = subprocess.run(
            ["node", RUNNER], input=lines, capture_output=True, text=True, timeout=300, check=True
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        bugs = [answer["bug"] for answer in answers if isinstance(answer, dict) and "bug" in answer]
        assert not bugs, bugs[0]
        return answers

    return run


def find():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A browser, for all tests of a process."""
    if find() is None:
        pytest.skip("there is no Chromium here")
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium):
    """The browser at its usual size; a test fails if its console or the network say anything."""
    chromium.resize(1280, 800)
    chromium.problems.clear()
    chromium.requests.clear()
    yield chromium
    assert chromium.problems == []
    assert all(url.startswith(("file:", "blob:")) for url in chromium.requests)


class Chromium:
    """One browser with one page; keeps what the console, exceptions and the network report."""

    def __init__(self, folder, width=1280, height=800):
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        flags = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *("--disable-dev-shm-usage", "--force-device-scale-factor=1", "--hide-scrollbars"),
            *(f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank"),
        ]
        # Chromium reads descriptor 3 and writes to descriptor 4.
        script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", find(), *flags],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._numbers, self._buffer = count(1), b""
        self.problems, self.requests = [], []
        targets = self._send("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def close(self):
        """End the browser."""
        self.process.terminate()
        self.process.wait(20)
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **params):
        """Call a method of the protocol on the page."""
        return self._send(method, session=self._session, **params)

    def _send(self, method, session=None, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _receive(self):
        while b"\0" not in self._buffer:
            part = os.read(self._from, 1 << 20)
            if not part:
                raise RuntimeError("the browser ended")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(params["exceptionDetails"])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                self.problems.append(params["args"])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.problems.append(params["entry"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])

    def resize(self, width, height, *, dark=False):
        """Give the page a size and a color scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path, state=""):
        """Open a page of convcli from disk, with a state, and wait for its first map."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=path.resolve().as_uri() + (state and f"#{quote(state)}"))
        for _ in range(400):
            if self.run("document.readyState === 'complete' && Boolean(window.convcli)"):
                break
            time.sleep(0.025)
        else:
            raise RuntimeError(f"the page did not start: {self.problems}")
        self.run("window.convcli.ready")
        self.settle()

    def run(self, expression):
        """Return the value of an expression, awaited if it is a promise."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", str(details)))
        return result["result"].get("value")

    def element(self, selector, script="each"):
        """Return what an expression makes of ``each``, an element of the page's shadow root."""
        root = "document.querySelector('[data-convcli-page]').shadowRoot"
        return self.run(f"((each) => {script})({root}.querySelector({json.dumps(selector)}))")

    def settle(self):
        """Wait until the page has drawn what has changed."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def mouse(self, kind, x, y, **extra):
        """Move, press or release the mouse."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **extra)

    def click(self, x, y):
        """Press and release the left button."""
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)
        self.settle()

    def press(self, key, **extra):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **extra)
        self.settle()

    def type(self, text):
        """Type a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path, *, whole=False):
        """Write a picture of the page, or of all that can be scrolled to."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
