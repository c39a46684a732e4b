"""A Chromium without a window, told what to do by the DevTools protocol: one WebSocket, over which
JSON goes both ways. Pages press keys, are touched, evaluate expressions and are photographed."""
import base64, json, os, shutil, subprocess, tempfile, time
from harness import Failed
from wsclient import Closed, WebSocket

# Whatever would slow a page that nobody looks at is off: these pages must behave as if in front.
ARGS = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", "--no-first-run",
        "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-sync",
        "--disable-component-update", "--disable-background-networking",
        "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows", "about:blank"]
START = 60 # seconds; a browser that has never run on this host reads 300 MB first


def path():
    """The program, or None."""
    return shutil.which("chromium")


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="arena-browser-")
        self.number, self.errors = 0, []
        with open(f"{self.folder}/stderr", "wb") as err:
            self.process = subprocess.Popen([path(), f"--user-data-dir={self.folder}", *ARGS],
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        port, where = self.address()
        self.ws = WebSocket("127.0.0.1", port, where, timeout=30)

    def address(self):
        """Chromium writes its port and path into its folder, once it listens."""
        end = time.monotonic() + START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with open(f"{self.folder}/DevToolsActivePort") as f:
                    port, where = f.read().split()
                    return int(port), where
            except (OSError, ValueError):
                time.sleep(0.05)
        with open(f"{self.folder}/stderr", errors="replace") as f:
            raise AssertionError(f"chromium did not start:\n{f.read()[-2000:]}")

    def call(self, method, session=None, **params):
        """Sends a command and returns its result. What pages throw meanwhile is kept in errors."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        self.ws.send(json.dumps({**command, "sessionId": session} if session else command))
        while True:
            answer = json.loads(self.ws.recv(30))
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(answer["params"]["exceptionDetails"])[:500])
            elif answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close") # so that it ends its own processes
            self.process.wait(10)
        except (Closed, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        subprocess.run(["rm", "-rf", self.folder])


class Page:
    """A window of its own, so that it counts as one in front."""

    def __init__(self, browser, url, width=960, height=500):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank", newWindow=True,
                              width=width, height=height)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target,
                                    flatten=True)["sessionId"]
        self.call("Runtime.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def eval(self, expression):
        """Returns the value of an expression of JavaScript; raises Failed with what it threw."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failed(f"{expression}: {result['result'].get('description')}")
        return result["result"].get("value")

    def key(self, code, down):
        """Presses or releases a key, by the name of its place: ArrowLeft, KeyA, Enter."""
        more = {"text": "\r"} if code == "Enter" and down else {}
        virtual = {"Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        self.call("Input.dispatchKeyEvent", type="keyDown" if down else "keyUp", code=code,
                  key=code.removeprefix("Key").lower() if code.startswith("Key") else code,
                  windowsVirtualKeyCode=virtual.get(code, ord(code[-1])), **more)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def touch(self, x=None, y=None):
        """A finger at that point of the window; without one it is lifted."""
        self.call("Input.dispatchTouchEvent", type="touchEnd" if x is None else "touchStart",
                  touchPoints=[] if x is None else [{"x": x, "y": y}])

    def picture(self):
        """A PNG of the window."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png",
                                          optimizeForSpeed=False)["data"])
