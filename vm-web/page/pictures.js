// SPDX-License-Identifier: ISC
// Pictures: who came from whom, what stood still, what is shared.

import { records } from "./api.js";
import { bytes, el, label, svg } from "./dom.js";

const SHOWN = 400; // nodes of the graph, and bars of a chart

// A chart is read by its table, too.
function figure(title, text, ...nodes) {
	return el("figure", {}, el("figcaption", {}, el("h3", {}, title),
		el("p", { class: "hint" }, text)), nodes);
}

function bar(parts, total, name) {
	const s = svg("svg", { class: "bar-chart", viewBox: "0 0 1000 22",
		preserveAspectRatio: "none", role: "img" });
	s.setAttribute("aria-label", name);
	let x = 0;
	for (const p of parts) {
		const w = total > 0 ? p.value / total * 1000 : 0;
		s.append(svg("rect", { x, y: 0, width: Math.max(w, 0), height: 22,
			class: p.class }, svg("title", {}, p.text)));
		x += w;
	}
	return s;
}

function row(name, chart, text) {
	return el("div", { class: "chart-row" }, el("span", { title: name }, name),
		chart, el("span", { class: "figure" }, text));
}

// Snapshots and machines in columns: each right of what it was made of.
function lineage(store) {
	const nodes = new Map();
	for (const s of store.snaps.values())
		nodes.set(s.id, { id: s.id, kind: "snap", text: label(s), from: s.vm_id });
	for (const v of store.vms.values())
		nodes.set(v.id, { id: v.id, kind: "vm", text: label(v),
			from: v.cloned_from, state: v.state });
	const kids = new Map();
	const roots = [];
	for (const n of nodes.values())
		if (n.from && nodes.has(n.from) && n.from !== n.id)
			kids.set(n.from, [...(kids.get(n.from) || []), n]);
		else
			roots.push(n);
	const placed = [];
	const seen = new Set();
	let y = 0;
	const place = (n, depth) => {
		if (seen.has(n.id) || placed.length >= SHOWN)
			return;
		seen.add(n.id);
		n.x = depth;
		placed.push(n);
		const before = y;
		for (const k of kids.get(n.id) || [])
			place(k, depth + 1);
		n.y = y === before ? y++ : before;
	};
	// What has descendants first: that is what the picture is for.
	roots.sort((a, b) => (kids.get(b.id) || []).length -
		(kids.get(a.id) || []).length);
	for (const n of roots)
		place(n, 0);
	const W = 170, H = 34;
	const width = (Math.max(0, ...placed.map(n => n.x)) + 1) * W;
	const s = svg("svg", { class: "graph", role: "img",
		width, height: y * H + 8, viewBox: `0 0 ${width} ${y * H + 8}` });
	s.setAttribute("aria-label", `${placed.length} snapshots and machines`);
	for (const n of placed) {
		const p = n.from && nodes.get(n.from);
		if (p && seen.has(p.id) && p !== n)
			s.append(svg("path", { class: "edge",
				d: `M${p.x * W + 146} ${p.y * H + 17} ` +
				`C${p.x * W + 160} ${p.y * H + 17} ` +
				`${n.x * W - 14} ${n.y * H + 17} ${n.x * W} ${n.y * H + 17}` }));
	}
	for (const n of placed)
		s.append(svg("g", { class: `node ${n.kind} ${n.state || ""}`,
			transform: `translate(${n.x * W} ${n.y * H + 4})` },
			svg("rect", { width: 146, height: 26,
				rx: n.kind === "vm" ? 13 : 3 }),
			svg("text", { x: 73, y: 17, "text-anchor": "middle" },
				n.text.length > 19 ? `${n.text.slice(0, 18)}…` : n.text),
			svg("title", {}, `${n.kind === "vm" ? "machine" : "snapshot"} ` +
				`${n.text} ${n.state || ""}`)));
	return figure("Where they come from",
		"A snapshot stands right of the machine that it was saved from, a " +
		"clone right of its snapshot." + (nodes.size > placed.length
			? ` The first ${placed.length} of ${nodes.size}.` : ""),
		placed.length ? el("div", { class: "scroll", tabIndex: 0 }, s)
			: el("p", {}, "Nothing yet."));
}

function saves(log) {
	const all = [];
	for (const r of log)
		if (r.command.startsWith("snap-save ") && r.exit === 0 && r.stdout)
			for (const text of r.stdout.split("\n").filter(Boolean))
				try {
					const one = JSON.parse(text);
					if (one.phases)
						all.push({ ...one, at: r.at });
				} catch {
					// Cut: not for a picture.
				}
	return all.slice(0, 50);
}

function phases(list) {
	return figure("What a save is made of",
		"The whole bar is the save. Filled: the guest stood still. " +
		"Light: it ran meanwhile.",
		list.length === 0 ? el("p", {}, "No save from here yet.") :
		list.map(s => {
			const entries = Object.entries(s.phases);
			const total = entries.reduce((n, [, ms]) => n + ms, 0);
			// The pause is the part whose phases add up to it.
			const still = stillOf(entries, s.pause_ms);
			return row(label(s), bar(entries.map(([name, ms], i) => ({
				value: ms,
				class: still.has(name) ? "still" : i % 2 ? "ran" : "ran odd",
				text: `${name}: ${ms.toFixed(1)} ms` })), total,
				entries.map(([n, ms]) => `${n} ${ms.toFixed(1)} ms`)
					.join(", ")),
				`${s.pause_ms.toFixed(1)} of ${total.toFixed(0)} ms`);
		}));
}

// The run of phases whose sum is nearest the time it stood still.
function stillOf(entries, pause) {
	let best = [0, 0], least = Infinity;
	for (let i = 0; i < entries.length; i++)
		for (let k = i, sum = 0; k < entries.length; k++) {
			sum += entries[k][1];
			if (Math.abs(sum - pause) < least) {
				least = Math.abs(sum - pause);
				best = [i, k];
			}
		}
	return new Set(entries.slice(best[0], best[1] + 1).map(([n]) => n));
}

function pauses(list) {
	if (list.length === 0)
		return null;
	const most = Math.max(...list.map(s => s.pause_ms), 1);
	const s = svg("svg", { class: "columns", viewBox: "0 0 1000 120",
		preserveAspectRatio: "none", role: "img" });
	s.setAttribute("aria-label", "Pauses of saves, the latest on the right");
	const w = Math.min(60, 1000 / list.length);
	[...list].reverse().forEach((one, i) => s.append(svg("rect", {
		x: i * w + 2, width: w - 4, class: "still",
		y: 118 - one.pause_ms / most * 110, height: one.pause_ms / most * 110 + 2
	}, svg("title", {}, `${label(one)}: ${one.pause_ms.toFixed(1)} ms at ${one.at}`))));
	return figure("How long each stood still",
		`The latest is on the right; the longest is ${most.toFixed(1)} ms.`, s);
}

function memory(store) {
	const all = [...store.vms.values()].filter(v => v.memory_use)
		.sort((a, b) => b.memory_use.private - a.memory_use.private).slice(0, 60);
	const most = Math.max(...all.map(v => v.memory_use.private +
		v.memory_use.shared), 1);
	return figure("Memory of each, own and shared",
		"Siblings share what they have not written: it is counted in each, " +
		"and there once.",
		all.length === 0 ? el("p", {}, "None runs.") : all.map(v =>
			row(label(v), bar([
				{ value: v.memory_use.private, class: "own",
					text: `own: ${bytes(v.memory_use.private)}` },
				{ value: v.memory_use.shared, class: "shared",
					text: `shared: ${bytes(v.memory_use.shared)}` }], most,
				`own ${bytes(v.memory_use.private)}, shared ` +
				bytes(v.memory_use.shared)),
			`${bytes(v.memory_use.private)} + ${bytes(v.memory_use.shared)}`)));
}

function sharing(store, exclusive) {
	const all = [...store.snaps.values()].slice(0, 60);
	const most = Math.max(...all.map(s => s.disk_usage || 0), 1);
	return figure("What a snapshot has to itself",
		"Filled: what removing it frees. Light: what it shares with its " +
		"parent, its clones and its siblings.",
		all.length === 0 ? el("p", {}, "No snapshot is here.") : all.map(s => {
			const own = Math.min(exclusive.get(s.id) ?? 0, s.disk_usage || 0);
			const rest = (s.disk_usage || 0) - own;
			return row(label(s), bar([
				{ value: own, class: "own", text: `own: ${bytes(own)}` },
				{ value: rest, class: "shared",
					text: `shared: ${bytes(rest)}` }], most,
				`own ${bytes(own)}, shared ${bytes(rest)}`),
			`${bytes(own)} + ${bytes(rest)}`);
		}));
}

export class Pictures {
	constructor(view, store, log) {
		this.view = view;
		this.store = store;
		this.log = log;
		this.exclusive = new Map();
	}

	// Asked when somebody looks: it reads the map of every file.
	async open() {
		this.show();
		if (this.store.snaps.size > SHOWN)
			return;
		try {
			for (const s of await records("GET", "api/snaps?more=1"))
				this.exclusive.set(s.id, s.disk_usage);
			this.show();
		} catch {
			// Shown without.
		}
	}

	show() {
		if (this.view.hidden)
			return;
		const list = saves(this.log.items);
		this.view.replaceChildren(...[lineage(this.store), phases(list),
			pauses(list), memory(this.store),
			sharing(this.store, this.exclusive)].filter(Boolean));
	}
}
