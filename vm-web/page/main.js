// SPDX-License-Identifier: ISC
// What is known, kept as the events tell it, and the views of it.

import { api, events, logged, login, records, request } from "./api.js";
import { released } from "./console.js";
import { access, failureText } from "./dialog.js";
import { note } from "./dom.js";
import { Log } from "./log.js";
import { Pictures } from "./pictures.js";
import { Snaps } from "./snaps.js";
import { Store } from "./store.js";
import { Vms } from "./vms.js";

const LOOK_MS = 10000; // while this is seen
const NO_INPUT = 66; // exit of a tool that finds no root: sysexits(3)
const $ = id => document.getElementById(id);

const store = new Store(later);
const views = {};
views.log = new Log($("view-log"));
views.vms = new Vms($("view-vms"), store);
views.snaps = new Snaps($("view-snaps"), store);
views.pictures = new Pictures($("view-pictures"), store, views.log);

let waits = false;
function later() {
	if (waits)
		return;
	waits = true;
	requestAnimationFrame(() => {
		waits = false;
		views.vms.show();
		views.snaps.show();
		views.pictures.show();
	});
}

const tabs = ["vms", "snaps", "pictures", "log"];

function open(name, focus) {
	for (const t of tabs) {
		$(`view-${t}`).hidden = t !== name;
		$(`tab-${t}`).setAttribute("aria-selected", String(t === name));
		$(`tab-${t}`).tabIndex = t === name ? 0 : -1;
	}
	if (focus)
		$(`tab-${name}`).focus();
	if (name === "pictures")
		views.pictures.open();
	else
		views[name].show();
	history.replaceState(null, "", `#${name}`);
}

for (const [i, t] of tabs.entries()) {
	$(`tab-${t}`).addEventListener("click", () => open(t));
	$(`tab-${t}`).addEventListener("keydown", e => {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
		if (step)
			open(tabs[(i + step + tabs.length) % tabs.length], true);
	});
}
document.addEventListener("keydown", e => {
	if (e.target.closest("input, select, textarea, dialog") || e.ctrlKey ||
	    e.metaKey || e.altKey)
		return;
	if (e.key >= "1" && e.key <= "4")
		open(tabs[e.key - 1], true);
	else if (e.key === "/") {
		const find = $($("view-snaps").hidden ? "vm-find" : "snap-find");
		find.focus();
		e.preventDefault();
	}
});

function paint(theme) {
	if (theme)
		document.documentElement.dataset.theme = theme;
	else
		delete document.documentElement.dataset.theme;
}
paint(localStorage.getItem("vm-web-theme"));
$("theme").addEventListener("click", () => {
	const dark = matchMedia("(prefers-color-scheme: dark)").matches;
	const now = document.documentElement.dataset.theme ||
		(dark ? "dark" : "light");
	const next = now === "dark" ? "light" : "dark";
	localStorage.setItem("vm-web-theme", next);
	paint(next);
});

function say(text, bad) {
	$("link").textContent = text;
	$("link").classList.toggle("bad", !!bad);
}

let live = false; // events come
let root = ""; // where the server has its VMs and snapshots
let gone = false; // that

function sayLive() {
	if (gone)
		say(`no state root any more: ${root}`, true);
	else
		say(access.readOnly ? "live, read-only" : "live");
}

async function listed(lists) {
	try {
		await lists;
		gone = false;
	} catch (e) {
		gone = e.answer?.exit === NO_INPUT;
		if (gone)
			store.clear();
		else if (e.status)
			note(failureText(e), true);
	}
	if (live)
		sayLive();
}

// All of it, at first and where some was missed.
const load = () => listed(Promise.all([store.load(),
	records("GET", "api/log").then(r => views.log.set(r))]));

const tell = {
	vm: r => store.put("vms", r),
	snap: r => store.put("snaps", r),
	"vm-gone": r => store.drop("vms", r.id),
	"snap-gone": r => store.drop("snaps", r.id),
	did: r => {
		logged(r);
		views.log.add(r);
		views.pictures.show();
	},
	released,
	reset: load,
};

let known = true; // whether the server takes what we have
let line = new AbortController(); // of the events
api.onlogin = () => {
	known = false;
	line.abort();
	$("login").hidden = false;
	for (const t of tabs)
		$(`view-${t}`).classList.add("closed");
	say("no token", true);
};

async function begin() {
	const about = await (await request("GET", "api/about")).json();
	known = true;
	access.readOnly = about.read_only;
	later(); // which has buttons
	$("login").hidden = true;
	for (const t of tabs)
		$(`view-${t}`).classList.remove("closed");
	root = about.root;
	document.title = `instar: ${root}`;
}

// Follows the server, also over its restarts; events first, so that nothing
// falls between them and the lists.
async function follow() {
	let last;
	for (;;) {
		try {
			if (known) {
				line = new AbortController();
				await begin();
				await events(last, (name, data, id) => {
					if (name === "open") {
						live = true;
						sayLive();
						if (!last)
							load();
					} else
						tell[name]?.(data);
					last = id || last;
				}, line.signal);
			}
		} catch {
			// Said below; tried again.
		}
		live = false;
		if (known)
			say("the server does not answer", true);
		else
			last = undefined;
		await new Promise(r => setTimeout(r, 1000));
	}
}

$("login-form").addEventListener("submit", async e => {
	e.preventDefault();
	try {
		await login($("token").value.trim());
		$("token").value = "";
		$("login-error").textContent = "";
		known = true;
	} catch (failure) {
		$("login-error").textContent = failure.message;
	}
});

// The link's token, out of the address before anything else.
async function enter() {
	const hash = location.hash.slice(1);
	if (!hash.startsWith("token="))
		return hash;
	history.replaceState(null, "", location.pathname);
	const [token, view] = hash.slice(6).split("&view=");
	try {
		await login(token);
		known = true;
	} catch {
		// The form asks for it.
	}
	return view || "";
}

addEventListener("hashchange", enter);

// What changes without a word: memory, and what others pause; now and then, and
// never more than a twentieth of the time.
async function look() {
	for (;;) {
		const begin = performance.now();
		if (!document.hidden && known && live)
			await (store.loaded ? listed(store.listVms()) : load());
		const took = performance.now() - begin;
		await new Promise(r => setTimeout(r, Math.max(LOOK_MS,
			took * 20)));
	}
}

async function start() {
	const hash = await enter();
	open(tabs.includes(hash) ? hash : "vms");
	look();
	follow();
}

start();
