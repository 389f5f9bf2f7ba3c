# SPDX-License-Identifier: ISC
"""usage: web_tour.py KERNEL

A tour of vm-web's page in headless Chromium, by every button, in the working
directory; $INSTAR_ROOT is empty.  A line for each station; what is wrong ends it.
Pictures of the views are left in ./shots.
"""
import atexit
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.dont_write_bytecode = True
from web_page import Page, Server, browser, tool, until  # noqa: E402

KERNEL = sys.argv[1]
LIB = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ["INSTAR_ROOT"]
MANY = 1000


def shots(page, name):
    for shape, (w, h) in {"narrow": (400, 800), "wide": (1200, 800)}.items():
        page.d.set_window_size(w, h)
        wide = page.d.execute_script(
            "return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}, {shape}: {wide} pixels too wide"
        for theme in ("light", "dark"):
            page.d.execute_script(
                "document.documentElement.dataset.theme = arguments[0]",
                theme)
            page.d.save_screenshot(f"shots/{name}-{theme}-{shape}.png")


def ask(path, page, body=None):
    """As a program does that is no page."""
    with urllib.request.urlopen(urllib.request.Request(
            urllib.parse.urljoin(page.d.current_url, path), body, {
                "Authorization": "Bearer " + text_of("token").strip()})) as r:
        return r.read()


def end_of(screen):
    return screen.get_property("textContent")[-80:]


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def said(what):
    print(f"{time.monotonic() - BEGIN:5.1f} {what}", flush=True)


def machines(page):
    page.one("section:not([hidden]) .bar .primary").click()
    page.fill(name="web", kernel=KERNEL, memory="32M", storage="8M",
              user="me", ssh_key=os.path.abspath("key.pub"))
    page.button("Create")
    page.closed()
    page.has("web", "created")
    page.press("web", "start")
    page.has("web", "running")
    page.press("web", "console")
    screen = until("no screen", lambda: page.one(".screen"))
    until("says nothing", lambda: "tick " in end_of(screen))
    before = end_of(screen)
    until("does not count", lambda: end_of(screen) != before)
    shots(page, "console")
    page.button("Type")
    until("cannot type", lambda: "Keys go" in page.one("dialog .hint").text)
    screen.send_keys("x")
    lock = os.path.join(tool("vm-ls", "-p", "dir", "web").strip(),
                        "console.lock")
    until("nobody has the console", lambda: subprocess.run(
        ["flock", "-n", lock, "true"], check=False).returncode == 1)
    # Another takes it: it is told, and asks again.
    ask("api/vms/web/keys?by=another", page, b"")
    until("not told", lambda: "Another" in page.one("dialog .hint").text)
    page.button("Type")
    until("cannot type", lambda: "Keys go" in page.one("dialog .hint").text)
    screen.send_keys(Keys.CONTROL, "]")
    until("is not given back", lambda: subprocess.run(
        ["flock", "-n", lock, "true"], check=False).returncode == 0)
    page.one("dialog .close button").click()
    page.closed()
    page.press("web", "pause")
    page.has("web", "paused")
    page.press("web", "resume")
    page.has("web", "running")
    said("a machine: made, started, its console, paused, resumed")


def command(page):
    """In a guest, in whose place an agent of the tests' own answers."""
    tool("vm-create", "-n", "asked", "--memory", "32M", "--kernel", KERNEL,
         "--agent")
    tool("vm-start", "asked")
    os.mkdir("guest")
    socket = os.path.join(tool("vm-ls", "-p", "dir", "asked").strip(),
                          "agent.sock")
    os.remove(socket)
    agent = subprocess.Popen([os.path.join(LIB, "agent.pl"), socket],
                             cwd="guest")
    atexit.register(agent.kill)
    until("no agent", lambda: os.path.exists(socket))
    page.press("asked", "more")
    page.button("Run a command")
    page.fill(command="echo once; echo twice >&2; exit 3")
    page.button("Run")
    until("no output", lambda: page.one("dialog .out").text ==
          "once\ntwice\n\n[status 3]")
    # What the one before has said does not stand beneath another's error.
    page.fill(timeout="soon")
    page.button("Run")
    until("no error", lambda: "exit 64" in page.one("dialog .error").text)
    assert not page.one("dialog .out").is_displayed(), "an old output"
    page.one("dialog .close button").click()
    page.closed()
    agent.kill()
    agent.wait()
    tool("vm-rm", "--force", "asked")
    said("a command in a guest")


def snapshots(page, other):
    page.press("web", "save")
    page.fill(name="golden", description="<b>not bold</b> & \"quoted\"")
    page.button("Save")
    page.closed()
    # Whoever looks elsewhere sees it, too: within a second of its being there.
    done = time.monotonic()
    first = page.d.current_window_handle
    page.d.switch_to.window(other)
    until("the other page has no snapshot",
          lambda: page.one("#count-snaps").text == "1")
    late = time.monotonic() - done
    page.d.switch_to.window(first)
    page.tab("snaps")
    page.has("golden", "<b>not bold</b>")
    page.press("golden", "clone")
    page.fill(name="worker", count="2")
    page.one("dialog summary").click()
    page.fill(signed_by=os.path.abspath("allowed"))
    shots(page, "clone")
    page.button("Clone")
    until("nobody has signed it, and it is taken",
          lambda: "exit 77" in page.one("dialog .error").text)
    page.fill(signed_by="")
    page.button("Clone")
    page.closed()
    page.tab("vms")
    page.has("worker-2", "running")
    page.has("worker-1", "from golden")
    said(f"a snapshot, seen elsewhere after {late:.2f} s; two clones")


def line(page, up):
    """What is sent goes so many bytes a second; -1: as it can."""
    page.d.execute_cdp_cmd("Network.enable", {})
    page.d.execute_cdp_cmd("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": up})


def there_and_back(page):
    page.tab("snaps")
    page.press("golden", "export")
    until("no form", lambda: page.one("#export-form")).send_keys("as it is")
    page.button("Download")
    path = until("no download", lambda: next(
        os.path.join("got", n) for n in os.listdir("got")
        if n.endswith(".tar")))
    with open("tool.tar", "wb") as f:
        subprocess.run(["snap-export", "--no-compress", "golden"], stdout=f,
                       check=True)
    until("another archive", lambda: digest(path) == digest("tool.tar"))
    page.closed()
    page.one("#view-snaps .bar .primary").click()
    page.one("#import-file").send_keys(os.path.abspath(path))
    page.one("dialog summary").click()
    page.fill(name="back", description="a & b")
    page.button("Import")
    page.closed()
    page.has("back", "a & b")
    tool("snap-verify", "back")
    page.press("back", "more")
    page.button("Verify")
    until("not verified", lambda: "every digest holds" in
          page.one("#notes").text)
    page.press("back", "more")
    page.button("Name")
    page.fill(name="again", description="")
    page.button("Set")
    page.closed()
    page.has("again")
    assert '"description"' not in tool("snap-ls", "again"), "not emptied"
    # To where registries are, and from there.
    layout = f"oci-layout:{os.path.abspath('layout')}:v1"
    page.press("again", "more")
    page.button("Push")
    page.fill(ref=layout)
    page.button("Push")
    page.closed()
    page.one("#view-snaps .bar button[title=snap-pull]").click()
    page.fill(ref=layout, name="pulled")
    page.button("Pull")
    page.closed()
    page.has("pulled")
    tool("snap-verify", "pulled")
    # Who made it.
    page.press("pulled", "more")
    page.button("Sign")
    page.fill(key=os.path.abspath("key"))
    page.button("Sign")
    page.closed()
    page.has("pulled", "signed")
    page.press("pulled", "more")
    page.button("Check signer")
    page.fill(signed_by=os.path.abspath("allowed"))
    page.button("Check")
    page.closed()
    tool("snap-rm", "pulled")
    # What is wrong is told as the tool tells it.
    page.one("#view-snaps .bar .primary").click()
    with open("noise", "wb") as f:
        f.truncate(200 << 20)
    page.one("#import-file").send_keys(os.path.abspath("noise"))
    # By a line on which all of it would take minutes.
    line(page, 4 << 20)
    page.button("Import")
    until("no error", lambda: "exit 65: breaks its format" in
          page.one("dialog .error").text)
    line(page, -1)
    page.one("dialog .close button").click()
    page.closed()
    shots(page, "snaps")
    said("there and back: the same bytes; pushed, pulled, signed; an error")


def pictures(page):
    page.tab("pictures")
    until("no graph", lambda: len(page.d.find_elements(
        By.CSS_SELECTOR, ".graph .node")) == 5)
    until("no bar", lambda: page.one(".bar-chart .still"))
    until("nothing is shared", lambda: page.one(".bar-chart .own"))
    shots(page, "pictures")
    page.tab("log")
    until("no log", lambda: any(
        c.text.startswith("vm-clone -n worker --count=2 -- ")
        for c in page.d.find_elements(By.CSS_SELECTOR, ".log code")))
    shots(page, "log")
    said("pictures, and the log")


def removal(page):
    page.tab("vms")
    page.press("web", "more")
    page.button("Restore")
    page.button("Restore")
    page.closed()
    page.has("web", "running")
    page.press("web", "more")
    page.button("Stop")
    page.fill(force=True)
    page.button("Stop")
    page.closed()
    page.has("web", "stopped")
    shots(page, "vms")
    for name in ("web", "worker-1", "worker-2"):
        page.press(name, "more")
        page.button("Remove")
        assert page.one("dialog .lost").text.endswith(
            ("lost.", "stay.")), "no word about what is lost"
        page.button("Remove")
        page.closed()
    until("a machine stays", lambda: page.one("#count-vms").text == "")
    page.tab("snaps")
    for name in ("again", "golden"):
        page.press(name, "more")
        page.button("Remove")
        page.button("Remove")
        page.closed()
    until("a snapshot stays", lambda: page.one("#count-snaps").text == "")
    assert tool("vm-ls") == "" and tool("snap-ls") == ""
    said("put back, stopped, removed")


def many(page):
    """Records alone, as many as there are to be scrolled."""
    record = json.loads(tool("vm-ls", "m"))
    with open(os.path.join(record["dir"], "vm.json"), encoding="utf-8") as f:
        text = f.read()
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    for i in range(1, MANY):
        new = record["id"][:-2] + letters[i // 32] + letters[i % 32]
        if new == record["id"]:
            new = record["id"][:-3] + "".join(
                "a" if record["id"][-3] != "a" else "b") + "aa"
        d = os.path.join(ROOT, "vm", "." + new)
        os.mkdir(d)
        with open(os.path.join(d, "vm.json"), "w", encoding="utf-8") as f:
            f.write(text.replace(record["id"], new)
                    .replace('"m"', f'"m-{i}"'))
        os.symlink(os.path.join("..", "..", "vm", new),
                   os.path.join(ROOT, "name", "vm", f"m-{i}"))
        os.rename(d, os.path.join(ROOT, "vm", new))
    page.tab("vms")
    until("not all of them", lambda: page.one("#count-vms").text == str(MANY))
    page.has("m")
    t = time.monotonic()
    view = page.one("#view-vms .list")
    frames = page.d.execute_async_script("""
        const list = arguments[0], done = arguments[1];
        let frames = 0, last = performance.now(), worst = 0;
        const step = now => {
            worst = Math.max(worst, now - last);
            last = now;
            if (++frames === 60)
                done([frames, worst,
                    list.querySelectorAll(".row").length]);
            else {
                list.scrollTop = frames * list.scrollHeight / 60;
                requestAnimationFrame(step);
            }
        };
        requestAnimationFrame(step);""", view)
    assert frames[2] < 40, f"{frames[2]} rows are there"
    view.send_keys(Keys.END)
    page.has(f"m-{MANY - 1}")
    shots(page, "many")
    page.one("#vm-find").send_keys("m-77")
    page.has("m-777")
    said(f"{MANY} machines: scrolled in {time.monotonic() - t:.1f} s, "
         f"the longest frame {frames[1]:.0f} ms")


def strangers(page, server):
    """Another origin's page, and a token that is wrong."""
    class Evil(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title>")

        def log_message(self, *args):
            pass

    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    tool("vm-create", "-n", "m", "--memory", "32M", "--kernel", KERNEL)
    page.d.get(f"http://127.0.0.1:{evil.server_port}/")
    for path, how in (("api/vms", "{credentials: 'include'}"),
                      ("api/vms/m/remove",
                       "{method: 'POST', body: '{}', mode: 'no-cors', "
                       "credentials: 'include'}")):
        page.d.execute_async_script(
            f"fetch('{server.url}{path}', {how}).then("
            "r => arguments[0](r.type), e => arguments[0]('refused'))")
    got = page.d.execute_async_script(
        f"fetch('{server.url}api/vms', {{credentials: 'include'}}).then("
        "r => arguments[0]('read'), e => arguments[0]('refused'))")
    assert got == "refused", got
    assert tool("vm-ls", "-p", "name", "m") == "m\n"
    evil.shutdown()
    page.d.get(server.url)
    page.live()
    page.d.execute_script("localStorage.clear()")
    page.d.get(server.url + "#token=" + "0" * 64)
    until("no form", lambda: page.one("#login").is_displayed())
    page.one("#token").send_keys("1" * 64, Keys.ENTER)
    until("no word", lambda: "not the token" in page.one("#login-error").text)
    shots(page, "login")
    with open("token", encoding="ascii") as f:
        page.one("#token").send_keys(Keys.CONTROL, "a")
        page.one("#token").send_keys(f.read().strip(), Keys.ENTER)
    page.live()
    assert "token" not in page.d.current_url
    said("strangers are refused; the token opens")


def restart(page, server):
    server.end()
    until("not noticed", lambda: "not answer" in page.one("#link").text)
    # One is removed while the list is on its way that has it still.
    os.environ.update(LATE=os.getcwd(), LATE_LS=shutil.which("vm-ls"),
                      PATH=os.path.abspath("bin") + ":" + os.environ["PATH"])
    os.mkdir("bin")
    os.symlink(os.path.join(LIB, "late_ls.sh"), "bin/vm-ls")
    with open("hold", "w", encoding="ascii"):
        pass
    tool("vm-create", "-n", "new", "--memory", "32M", "--kernel", KERNEL)
    server = Server(server.port)
    page.live()
    until("no list", lambda: "--memory --\n" in text_of("held"))
    tool("vm-rm", "m-5")
    until("it stays", lambda: page.one("#count-vms").text == str(MANY - 1))
    os.remove("hold")
    until("another list",
          lambda: page.one("#count-vms").text != str(MANY - 1))
    assert page.one("#count-vms").text == str(MANY), "it comes back"
    page.d.refresh()
    page.live()
    until("not all", lambda: page.one("#count-vms").text == str(MANY))
    said("the server again: the page goes on, also when it is loaded anew")
    return server


def other_root(page):
    """The root goes, and another is there, and it is there again."""
    os.rename(ROOT, ROOT + ".old")
    until("not told", lambda: page.one("#link").text ==
          "no state root any more: " + ROOT)
    assert page.one("#count-vms").text == ""
    shots(page, "gone")
    tool("vm-create", "-n", "other", "--memory", "32M", "--kernel", KERNEL)
    ask("api/vms", page)
    page.live()
    page.has("other")
    tool("vm-set", "-n", "renamed", "other")
    page.has("renamed")
    os.rename(ROOT, ROOT + ".new")
    until("not told", lambda: "no state root" in page.one("#link").text)
    os.rename(ROOT + ".old", ROOT)
    ask("api/vms", page)
    page.live()
    until("not all", lambda: page.one("#count-vms").text == str(MANY))
    said("without its root, with another, and with the first")


def main():
    for d in ("got", "shots"):
        os.mkdir(d)
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key")
    with open("allowed", "w", encoding="utf-8") as f:
        f.write("me@here " + text_of("key.pub"))
    server = Server()
    d = browser()
    said("Chromium is up")
    try:
        page = Page(d)
        d.get(server.link)
        page.live()
        assert "token" not in d.current_url, d.current_url
        first = d.current_window_handle
        d.switch_to.new_window("window")
        d.get(server.url)
        page.live()
        other = d.current_window_handle
        d.switch_to.window(first)
        machines(page)
        command(page)
        snapshots(page, other)
        there_and_back(page)
        pictures(page)
        removal(page)
        strangers(page, server)
        many(page)
        server = restart(page, server)
        other_root(page)
        bad = [e["message"] for e in d.get_log("browser")
               if "Content Security" in e["message"] or
               "TrustedHTML" in e["message"] or
               "Uncaught" in e["message"]]
        assert not bad, bad
    except BaseException:
        d.save_screenshot("shots/failed.png")
        raise
    finally:
        d.quit()
    server.end()
    said("done")


BEGIN = time.monotonic()
main()
