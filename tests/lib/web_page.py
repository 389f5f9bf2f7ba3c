# SPDX-License-Identifier: ISC
"""vm-web and its page in headless Chromium, for programs that look at it."""
import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

DEADLINE = 30


class Server:
    def __init__(self, port=0, *more):
        self.p = subprocess.Popen(
            ["vm-web", "--listen", f"127.0.0.1:{port}", "--token-file",
             "token", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        # However this program ends, that one does not stay.
        atexit.register(self.p.kill)
        self.url = json.loads(self.p.stdout.readline())["url"]
        self.link = self.p.stderr.readline().split(" ", 1)[1].strip()
        self.port = int(re.search(r":(\d+)/", self.url).group(1))

    def end(self):
        self.p.send_signal(signal.SIGTERM)
        code = self.p.wait(DEADLINE)
        assert code == 143, f"vm-web ends with {code}"
        self.p.stdout.close()
        self.p.stderr.close()


def tool(*argv):
    return subprocess.run(argv, check=True, capture_output=True,
                          text=True).stdout


def until(what, test):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            got = test()
            if got:
                return got
        except Exception:  # an element that was just made anew
            pass
        time.sleep(0.02)
    raise AssertionError(what)


def browser():
    o = Options()
    for a in ("--headless=new", "--no-sandbox", "--disable-gpu",
              "--disable-dev-shm-usage", "--force-prefers-reduced-motion",
              "--window-size=1200,800"):
        o.add_argument(a)
    o.add_experimental_option("prefs", {
        "download.default_directory": os.path.abspath("got"),
        "download.prompt_for_download": False})
    o.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")),
                            options=o)


class Page:
    def __init__(self, d):
        self.d = d

    def one(self, css):
        return self.d.find_element(By.CSS_SELECTOR, css)

    def row(self, name):
        return next(r for r in self.d.find_elements(
            By.CSS_SELECTOR, "section:not([hidden]) .row")
            if r.find_element(By.CSS_SELECTOR, "strong").text == name)

    def has(self, name, text=""):
        until(f"{name}: no {text}", lambda: text in self.row(name).text)

    def press(self, name, act):
        until(f"{name}: no button {act}", lambda: self.row(name).find_element(
            By.CSS_SELECTOR, f"button.{act}").click() or True)

    def tab(self, name):
        self.one(f"#tab-{name}").click()

    def button(self, text):
        """The button of the dialog that says so."""
        until(f"no button {text}", lambda: next(
            b for b in self.d.find_elements(By.CSS_SELECTOR,
                                            "dialog[open] button")
            if b.text == text).click() or True)

    def fill(self, **fields):
        for key, value in fields.items():
            f = until(key, lambda k=key: self.one(f"dialog #field-{k}"))
            if value is True:
                f.click()
            else:
                f.clear()
                f.send_keys(value)

    def closed(self):
        def is_closed():
            for e in self.d.find_elements(By.CSS_SELECTOR, "dialog .error"):
                if e.text:
                    raise SystemExit(f"the dialog says: {e.text}")
            return not self.d.find_elements(By.CSS_SELECTOR, "dialog")
        until("the dialog stays", is_closed)

    def live(self):
        until("not live", lambda: self.one("#link").text.startswith("live"))
