# SPDX-License-Identifier: ISC
"""usage: web_axe.py AXE.js KERNEL

Every view of vm-web's page, dark and light, by axe-core: a line for each finding
that is serious or critical.
"""
import sys

sys.dont_write_bytecode = True
from web_page import Page, Server, browser, tool, until  # noqa: E402

with open(sys.argv[1], encoding="utf-8") as f:
    AXE = f.read()
tool("vm-create", "-n", "web", "--kernel", sys.argv[2], "--memory", "32M")
tool("vm-start", "web")
tool("snap-save", "-n", "golden", "web")
tool("vm-clone", "-n", "worker", "golden")
server = Server()
d = browser()
found = looked = 0


def look(where):
    global found, looked
    for theme in ("light", "dark"):
        d.execute_script(
            "document.documentElement.dataset.theme = arguments[0]", theme)
        got = d.execute_async_script("""
            const done = arguments[0];
            axe.run(document, { resultTypes: ["violations"] })
                .then(r => done(r.violations), e => done([{ id: String(e),
                    impact: "critical", nodes: [] }]));""")
        looked += 1
        for v in got:
            if v["impact"] in ("serious", "critical"):
                found += 1
                at = [n["target"] for n in v["nodes"]][:3]
                print(f"{where}, {theme}: {v['id']}: {at}")


try:
    page = Page(d)
    d.get(server.link)
    page.live()
    page.has("worker", "running")
    d.execute_script(AXE)
    for view in ("vms", "snaps", "pictures", "log"):
        page.tab(view)
        until(view, lambda v=view: page.one(f"#view-{v}").text)
        look(view)
    page.tab("vms")
    for act in ("console", "save", "more"):
        page.press("web", act)
        until(act, lambda: page.one("dialog"))
        look(act)
        page.one("dialog .close button").click()
        page.closed()
    page.one("#view-vms .bar .primary").click()
    look("create")
    page.one("dialog .close button").click()
    page.tab("snaps")
    for act in ("clone", "export", "more"):
        page.press("golden", act)
        until(act, lambda: page.one("dialog"))
        if act == "clone":
            page.one("dialog summary").click()
        look(f"snapshot: {act}")
        page.one("dialog .close button").click()
        page.closed()
finally:
    d.quit()
server.end()
print(f"{looked} looks, {found} serious")
