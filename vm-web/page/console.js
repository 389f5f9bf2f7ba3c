// SPDX-License-Identifier: ISC
// The console of one machine, in a window of its own: looked at by anybody,
// typed into by one.

import { mark, output, request } from "./api.js";
import { access, dialog, failureText } from "./dialog.js";
import { button, el, label, note } from "./dom.js";
import { Term } from "./term.js";

const KEYS_MAX = 1024; // bytes at a time
const open = new Map(); // id: what a release is told to

export function released(event) {
	open.get(event.id)?.(event);
}

export function openConsole(vm) {
	const term = new Term();
	const stop = new AbortController();
	const state = el("p", { class: "hint", role: "status" });
	let queue = Promise.resolve();
	const me = mark(); // who types, of several windows
	const path = what => `api/vms/${vm.id}/${what}?by=${me}`;

	const look = text => {
		term.onkeys = null;
		take.hidden = access.readOnly;
		give.hidden = true;
		state.textContent = text ||
			"You see what it says. Nothing you press reaches it.";
		term.later();
	};
	const send = keys => {
		// One after another, in the order they were pressed.
		const bytes = new TextEncoder().encode(keys);
		for (let i = 0; i === 0 || i < bytes.length; i += KEYS_MAX)
			queue = queue.then(() => request("POST", path("keys"),
				bytes.slice(i, i + KEYS_MAX)))
				.catch(e => look(failureText(e)));
	};
	const take = button("Type", "Take the console: keys go to the guest",
		() => {
			send("");
			term.onkeys = send;
			take.hidden = true;
			give.hidden = false;
			state.textContent = "Keys go to the guest. Ctrl-] gives " +
				"the console back.";
			term.pre.focus();
			term.later();
		}, { class: "primary", id: "console-type" });
	const give = button("Only look", "Give the console back", () => {
		look();
		queue = queue.then(() => request("POST", path("release"), {}))
			.catch(() => {});
	});
	term.onleave = () => {
		give.click();
		take.focus();
	};
	open.set(vm.id, event => {
		const said = (event.stderr || "").trim();
		if (event.by !== me)
			return;
		if (event.exit === undefined)
			look("Another window types now.");
		else
			look(said && event.exit !== 143 ? `${said} (exit ${event.exit})`
				: undefined);
	});
	const d = dialog(`Console of ${label(vm)}`, term.pre,
		el("div", { class: "bar" }, take, give, state));
	d.classList.add("wide");
	d.addEventListener("cancel", e => {
		if (term.onkeys)
			e.preventDefault();
	});
	d.addEventListener("close", () => {
		stop.abort();
		open.delete(vm.id);
		if (term.onkeys)
			request("POST", path("release"), {}).catch(() => {});
	});
	look();
	(async () => {
		while (!stop.signal.aborted) {
			try {
				await output(vm.id, data => term.write(data), stop.signal);
			} catch (e) {
				if (stop.signal.aborted)
					return;
				if (e.status) {
					note(failureText(e), true);
					return;
				}
			}
			// Put back to a snapshot, it has another log.
			await new Promise(r => setTimeout(r, 500));
		}
	})();
}
