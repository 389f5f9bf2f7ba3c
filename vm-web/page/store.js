// SPDX-License-Identifier: ISC
// The machines and snapshots that are known: lists, and what events tell.

import { records } from "./api.js";

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export class Store {
	// `changed` is called when there is something to be shown.
	constructor(changed) {
		this.changed = changed;
		this.vms = new Map();
		this.snaps = new Map();
		this.loaded = false; // whether these are all
		this.told = new Set(); // for each list on its way, the ids told of
	}

	// A record as it is now; false: it was known.
	set(kind, record) {
		const all = this[kind];
		const old = all.get(record.id);
		if (old && same(old, record))
			return false;
		// A name is one's: whoever had it has it no more.
		if (record.name && old?.name !== record.name)
			for (const other of all.values())
				if (other.name === record.name && other.id !== record.id)
					all.set(other.id, { ...other, name: "" });
		all.set(record.id, record);
		return true;
	}

	note(id) {
		for (const ids of this.told)
			ids.add(id);
	}

	put(kind, record) {
		this.note(record.id);
		if (this.set(kind, record))
			this.changed();
	}

	drop(kind, id) {
		this.note(id);
		if (this[kind].delete(id))
			this.changed();
	}

	// All of a kind.  What was told of since it was asked is newer than the list:
	// one that is gone meanwhile stands in it still.
	async list(kind, path) {
		const newer = new Set();
		this.told.add(newer);
		try {
			const all = (await records("GET", path))
				.filter(r => !newer.has(r.id));
			const there = new Set(all.map(r => r.id));
			for (const id of this[kind].keys())
				if (!there.has(id) && !newer.has(id))
					this[kind].delete(id);
			for (const record of all)
				this.set(kind, record);
			this.changed();
		} finally {
			this.told.delete(newer);
		}
	}

	// There is none to ask.
	clear() {
		this.vms.clear();
		this.snaps.clear();
		this.loaded = false;
		this.changed();
	}

	listVms() {
		return this.list("vms", "api/vms?more=1");
	}

	async load() {
		this.loaded = false; // and asked for again where this fails
		await Promise.all([this.listVms(),
			this.list("snaps", "api/snaps")]);
		this.loaded = true;
		this.changed();
	}
}
