// SPDX-License-Identifier: ISC
// What was done from here, as the commands that would do it in a shell.

import { button, el, note } from "./dom.js";
import { List } from "./list.js";

export class Log {
	constructor(view) {
		this.items = [];
		this.list = new List("Commands", 64, r => this.row(r),
			r => this.copy(r));
		view.append(el("p", { class: "hint" },
			"Each of these is a command line: what you clicked, you can type."),
			this.list.node);
	}

	copy(r) {
		navigator.clipboard?.writeText(r.command)
			.then(() => note("copied"), () => note("not copied", true));
	}

	row(r) {
		const said = (r.stderr || "").trim().split("\n").pop();
		return el("div", { class: "row log" },
			el("code", { title: r.command }, r.command),
			button("Copy", "Copy the command", () => this.copy(r),
				{ class: "quiet" }),
			el("span", { class: r.exit ? "bad" : "good" }, r.exit
				? `exit ${r.exit}: ${r.meaning}${said ? ` – ${said}` : ""}`
				: `done in ${r.ms} ms`));
	}

	set(items) {
		this.items = items.map(r => ({ ...r, id: String(r.seq) })).reverse();
		this.show();
	}

	add(r) {
		this.items = [{ ...r, id: String(r.seq) },
			...this.items.filter(i => i.seq !== r.seq)].slice(0, 256);
		this.show();
	}

	show() {
		this.list.set(this.items);
		document.getElementById("count-log").textContent =
			this.items.length || "";
	}
}
