// SPDX-License-Identifier: ISC
// Snapshots.

import { download, records, upload } from "./api.js";
import { access, act, ask, dialog, failureText, inputs, signers, values }
	from "./dialog.js";
import { age, button, bytes, el, label, note } from "./dom.js";
import { List } from "./list.js";

export class Snaps {
	constructor(view, store) {
		this.store = store;
		this.view = view;
		this.find = el("input", { type: "search", id: "snap-find",
			placeholder: "Find", oninput: () => this.show() });
		this.find.setAttribute("aria-label", "Find snapshots");
		this.take = button("Import", "snap-import", () => this.import(),
			{ class: "primary" });
		this.pull = button("Pull", "snap-pull", () => this.askPull());
		this.list = new List("Snapshots", 84, s => this.row(s),
			s => this.details(s));
		this.empty = el("p", { class: "hint", hidden: true },
			"No snapshot is here yet. A machine’s “Save” makes one.");
		view.append(el("div", { class: "bar" }, this.find, this.take,
			this.pull), this.empty, this.list.node);
	}

	show() {
		document.getElementById("count-snaps").textContent =
			this.store.snaps.size || "";
		if (this.view.hidden)
			return;
		const text = this.find.value.toLowerCase();
		const all = [...this.store.snaps.values()].filter(s => !text ||
			`${s.name || ""} ${s.id} ${s.description || ""}`.toLowerCase()
				.includes(text))
			.sort((a, b) => (b.created_at || "")
				.localeCompare(a.created_at || ""));
		this.list.set(all);
		this.empty.hidden = !this.store.loaded ||
			this.store.snaps.size > 0;
		this.take.hidden = this.pull.hidden = access.readOnly;
	}

	row(s) {
		const acts = [];
		const add = (name, text, title, go, more) => acts.push(button(text,
			title, go, { ...more, id: `${name}-${s.id}`, class: name }));
		if (!access.readOnly)
			add("clone", "Clone", "vm-clone", () => this.clone(s));
		add("export", "Export", "snap-export", () => this.export(s));
		add("more", "More", "All about it", () => this.details(s));
		for (const b of acts)
			b.dataset.act = b.className;
		const vm = this.store.vms.get(s.vm_id);
		return el("div", { class: "row snap" },
			el("div", { class: "name" },
				el("strong", { title: s.id }, label(s)),
				el("span", { class: "text" }, s.description || "")),
			el("div", { class: "facts" },
				el("span", { title: "size, of that on the disk" },
					`${bytes(s.size)}, ${bytes(s.disk_usage)} on disk`),
				el("span", { title: `made ${s.created_at}` },
					`${age(s.created_at)} old`),
				s.last_accessed_at && el("span", {
					title: `used ${s.last_accessed_at}` },
					`used ${age(s.last_accessed_at)} ago`),
				s.signed?.length > 0 && el("span", {
					title: s.signed.join("\n") }, "signed"),
				s.vm_id && el("span", {},
					`of ${vm ? label(vm) : s.vm_id.slice(0, 12)}`)),
			el("div", { class: "acts" }, acts));
	}

	clone(s) {
		ask({ title: `Clone ${label(s)}`, go: "Clone",
			path: `api/snaps/${s.id}/clone`, fields: [
				{ key: "name", text: "Name", hint: "worker; of several " +
					"worker-1, worker-2 …" },
				{ key: "count", text: "How many", kind: "number", value: 1,
					min: 1, max: 1000, hint: "1" },
				{ key: "paused", text: "Loaded, and standing still",
					kind: "check" }, ...signers() ],
			shape: b => {
				if (b.count === 1)
					delete b.count;
				return b;
			},
			done: (all, d) => {
				d.close();
				note(`${all.length} made` + (all[0]?.clone_ms !== undefined
					? `, the first in ${all[0].clone_ms.toFixed(0)} ms` : ""));
			} });
	}

	export(s) {
		const form = el("select", { id: "export-form" },
			[["zstd", "zstd"], ["gzip", "gzip"], ["none", "as it is"]]
				.map(([value, text]) => el("option", { value }, text)));
		const d = dialog(`Export ${label(s)}`,
			el("p", {}, "An archive, which your browser saves as it comes."),
			el("p", { class: "field" }, el("label",
				{ htmlFor: "export-form" }, "Compressed by"), form),
			el("p", { class: "go" }, button("Download", "snap-export",
				async () => {
					try {
						await download(s.id, { form: form.value });
						d.close();
					} catch (e) {
						note(failureText(e), true);
					}
				}, { class: "primary" })));
	}

	import() {
		const file = el("input", { type: "file", id: "import-file",
			required: true });
		const fields = [
			{ key: "name", text: "Name", hint: "golden" },
			{ key: "description", text: "Description",
				hint: "what there is in it", more: true },
			...signers()];
		const bar = el("progress", { max: 1, value: 0, hidden: true });
		bar.setAttribute("aria-label", "Sent");
		const error = el("p", { class: "error", role: "alert" });
		const go = el("button", { type: "submit", class: "primary" },
			"Import");
		let abort = null;
		const form = el("form", { class: "ask" },
			el("p", { class: "field" }, el("label",
				{ htmlFor: "import-file" }, "Archive"), file),
			inputs(fields), bar, error, el("p", { class: "go" }, go));
		const d = dialog("Import a snapshot", form);
		d.addEventListener("close", () => abort?.());
		form.addEventListener("submit", async e => {
			e.preventDefault();
			error.textContent = "";
			go.disabled = true;
			bar.hidden = false;
			const path = "api/snaps/import?" + Object.entries(values(fields))
				.map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&");
			try {
				const s = await upload(path, file.files[0],
					(sent, all, stop) => {
						abort = stop || abort;
						bar.value = all ? sent / all : 0;
					});
				abort = null;
				d.close();
				note(`${label(s)} is here`);
			} catch (failure) {
				error.textContent = failureText(failure);
			}
			go.disabled = false;
		});
	}

	askPull() {
		ask({ title: "Pull a snapshot", go: "Pull", path: "api/snaps/pull",
			fields: [
				{ key: "ref", text: "From", required: true,
					hint: "registry.example:5000/golden:v1" },
				{ key: "name", text: "Name", hint: "golden" },
				{ key: "plain_http", text: "Without TLS", kind: "check" },
				...signers() ] });
	}

	push(s) {
		ask({ title: `Push ${label(s)}`, go: "Push",
			path: `api/snaps/${s.id}/push`, fields: [
				{ key: "ref", text: "To", required: true,
					hint: "registry.example:5000/golden:v1" },
				{ key: "parent", text: "What is there already",
					hint: "a reference, or none" },
				{ key: "plain_http", text: "Without TLS", kind: "check" } ],
			done: (all, d) => {
				d.close();
				note(`${bytes(all[0]?.bytes_moved)} moved, ` +
					`${bytes(all[0]?.bytes_shared)} were there`);
			} });
	}

	rename(s) {
		ask({ title: `Name ${label(s)}`, go: "Set",
			path: `api/snaps/${s.id}/set`, fields: [
				{ key: "name", text: "Name", value: s.name, clears: true,
					hint: "none" },
				{ key: "description", text: "Description",
					value: s.description, clears: true, hint: "none" } ] });
	}

	remove(s) {
		const of = [...this.store.vms.values()].filter(v =>
			v.cloned_from === s.id).length;
		ask({ title: `Remove ${label(s)}`, go: "Remove", danger: true,
			path: `api/snaps/${s.id}/remove`,
			lost: "There is no way back to it." + (of
				? ` Its ${of} clones go on, and cannot be put back to it.`
				: "") });
	}

	async verify(s) {
		note(`${label(s)} is read`);
		if (await act(`api/snaps/${s.id}/verify`))
			note(`${label(s)}: every digest holds`);
	}

	checkSigner(s) {
		ask({ title: `Who has signed ${label(s)}`, go: "Check",
			path: `api/snaps/${s.id}/verify`, fields: signers(true),
			done: (all, d) => {
				d.close();
				note(`${label(s)}: signed by one of them, and every ` +
					"digest holds");
			} });
	}

	sign(s) {
		ask({ title: `Sign ${label(s)}`, go: "Sign",
			path: `api/snaps/${s.id}/sign`, fields: [
				{ key: "key", text: "SSH key (a file on the server)",
					hint: "the first in ~/.ssh" } ] });
	}

	details(s) {
		const line = (name, value) => value !== undefined && value !== "" &&
			[el("dt", {}, name), el("dd", {}, String(value))];
		const own = el("dd", {}, "…");
		const d = dialog(label(s), el("dl", {},
			line("Id", s.id), line("Description", s.description),
			line("Hypervisor", s.hypervisor), line("Processors", s.cpu),
			line("Memory", bytes(s.memory)), line("Size", bytes(s.size)),
			line("On disk", bytes(s.disk_usage)),
			el("dt", {}, "Its own"), own,
			el("dt", {}, "Signature"), el("dd", {},
				s.signed?.length > 0 ? s.signed.join(" ") : "none"),
			line("Made", s.created_at), line("Used", s.last_accessed_at),
			line("Directory", s.dir)));
		records("GET", `api/snaps/${s.id}?more=1`).then(all => {
			own.textContent = `${bytes(all[0].disk_usage)}: what removing ` +
				"it frees; the rest is shared";
		}, () => own.textContent = "–");
		const files = el("details", {}, el("summary", {}, "Files"),
			el("ul", { class: "files" }, (s.files || []).map(f =>
				el("li", {}, button(f, "Download, in parts if it is cut",
					() => download(s.id, { file: f })
						.catch(e => note(failureText(e), true)),
					{ class: "quiet" })))));
		const acts = el("div", { class: "bar" });
		const add = (text, title, go, more) => acts.append(button(text, title,
			() => {
				d.close();
				go();
			}, more));
		add("Verify", "snap-verify", () => this.verify(s));
		if (s.signed?.length > 0)
			add("Check signer", "snap-verify --signed-by",
				() => this.checkSigner(s));
		add("Export", "snap-export", () => this.export(s));
		if (!access.readOnly) {
			add("Sign", "snap-sign", () => this.sign(s));
			add("Clone", "vm-clone", () => this.clone(s));
			add("Push", "snap-push", () => this.push(s));
			add("Name", "snap-set", () => this.rename(s));
			add("Remove", "snap-rm", () => this.remove(s),
				{ class: "danger" });
		}
		d.append(files, acts);
	}
}
