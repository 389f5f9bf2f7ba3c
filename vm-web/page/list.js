// SPDX-License-Identifier: ISC
// A list of any length: only the rows that are seen are there.

import { el } from "./dom.js";

export class List {
	// `row(record)` makes one; `open(record)` is what Enter does.
	constructor(name, height, row, open) {
		this.height = height;
		this.row = row;
		this.open = open;
		this.items = [];
		this.rows = new Map();
		this.at = 0;
		this.space = el("div", { class: "space", role: "presentation" });
		this.node = el("div", { class: "list", role: "list", tabIndex: 0,
			onkeydown: e => this.key(e), onscroll: () => this.later() },
			this.space);
		this.node.setAttribute("aria-label", name);
		new ResizeObserver(() => this.later()).observe(this.node);
	}

	set(items) {
		this.items = items;
		if (this.at >= items.length)
			this.at = Math.max(0, items.length - 1);
		this.space.style.height = `${items.length * this.height}px`;
		this.show(); // in the same frame as the number of them
	}

	// Shown at the next frame, however many changes there were until then.
	later() {
		if (this.waits)
			return;
		this.waits = true;
		requestAnimationFrame(() => {
			this.waits = false;
			this.show();
		});
	}

	show() {
		const top = this.node.scrollTop;
		const first = Math.max(0, Math.floor(top / this.height) - 4);
		const last = Math.min(this.items.length, Math.ceil((top +
			this.node.clientHeight) / this.height) + 4);
		const keep = new Set(this.items.slice(first, last).map(r => r.id));
		for (const [id, row] of this.rows)
			if (!keep.has(id)) {
				row.node.remove();
				this.rows.delete(id);
			}
		const focused = document.activeElement;
		let before = null; // in the order that is seen, for Tab and readers
		for (let i = first; i < last; i++) {
			const item = this.items[i];
			let row = this.rows.get(item.id);
			if (!row || row.item !== item) {
				const had = row && row.node.contains(document.activeElement)
					? document.activeElement.dataset.act : undefined;
				row?.node.remove();
				row = { item, node: this.row(item) };
				row.node.setAttribute("role", "listitem");
				this.rows.set(item.id, row);
				this.put(row.node, before);
				if (had)
					row.node.querySelector(`[data-act="${had}"]`)?.focus();
			} else if (row.node.previousSibling !== before) {
				this.put(row.node, before);
				if (row.node.contains(focused))
					focused.focus();
			}
			before = row.node;
			row.node.style.transform = `translateY(${i * this.height}px)`;
			row.node.setAttribute("aria-posinset", i + 1);
			row.node.setAttribute("aria-setsize", this.items.length);
			row.node.classList.toggle("at", i === this.at);
		}
	}

	put(node, before) {
		if (before)
			before.after(node);
		else
			this.space.prepend(node);
	}

	key(e) {
		if (e.target !== this.node)
			return;
		const page = Math.floor(this.node.clientHeight / this.height);
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page,
			PageUp: -page, Home: -Infinity, End: Infinity }[e.key];
		if (step !== undefined) {
			this.at = Math.min(this.items.length - 1,
				Math.max(0, this.at + step));
			const y = this.at * this.height;
			if (y < this.node.scrollTop)
				this.node.scrollTop = y;
			else if (y + this.height > this.node.scrollTop +
			    this.node.clientHeight)
				this.node.scrollTop = y + this.height -
					this.node.clientHeight;
			this.later();
			e.preventDefault();
		} else if (e.key === "Enter" && this.items[this.at]) {
			this.open(this.items[this.at]);
			e.preventDefault();
		}
	}
}
