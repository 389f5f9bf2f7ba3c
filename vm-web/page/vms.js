// SPDX-License-Identifier: ISC
// Machines.

import { openConsole } from "./console.js";
import { access, act, ask, dialog, signers } from "./dialog.js";
import { age, button, bytes, el, label, note } from "./dom.js";
import { List } from "./list.js";

function forwards(vm) {
	return (vm.network_configs || []).flatMap(n => n.forward || [])
		.map(f => `${f.host_port || f.port}→${f.guest_port}`).join(" ");
}

const runs = vm => vm.state === "running" || vm.state === "paused";

export class Vms {
	constructor(view, store) {
		this.store = store;
		this.view = view;
		this.find = el("input", { type: "search", id: "vm-find",
			placeholder: "Find", oninput: () => this.show() });
		this.find.setAttribute("aria-label", "Find machines");
		this.make = button("New machine", "vm-create", () => this.create(),
			{ class: "primary" });
		this.list = new List("Machines", 84, vm => this.row(vm),
			vm => this.details(vm));
		this.empty = el("p", { class: "hint", hidden: true },
			"No machine is here yet. “New machine” makes one; a snapshot’s " +
			"“Clone” does, too.");
		view.append(el("div", { class: "bar" }, this.find, this.make),
			this.empty, this.list.node);
	}

	show() {
		document.getElementById("count-vms").textContent =
			this.store.vms.size || "";
		if (this.view.hidden)
			return;
		const text = this.find.value.toLowerCase();
		const all = [...this.store.vms.values()].filter(vm => !text ||
			`${vm.name || ""} ${vm.id} ${vm.state}`.toLowerCase()
				.includes(text))
			.sort((a, b) => (a.name || "~" + a.id)
				.localeCompare(b.name || "~" + b.id, "en",
					{ numeric: true }));
		this.list.set(all);
		this.empty.hidden = !this.store.loaded ||
			this.store.vms.size > 0;
		this.make.hidden = access.readOnly;
	}

	row(vm) {
		const from = this.store.snaps.get(vm.cloned_from);
		const mem = vm.memory_use;
		const total = vm.config?.memory;
		const acts = [];
		const add = (name, text, title, go, more) => acts.push(button(text,
			title, go, { ...more, id: `${name}-${vm.id}`, class: name }));
		if (vm.state !== "created")
			add("console", "Console", "See what it prints",
				() => openConsole(vm));
		if (!access.readOnly) {
			if (!runs(vm))
				add("start", "Start", "vm-start", e =>
					act(`api/vms/${vm.id}/start`, {}, e.target));
			if (vm.state === "running")
				add("pause", "Pause", "vm-pause", e =>
					act(`api/vms/${vm.id}/pause`, {}, e.target));
			if (vm.state === "paused")
				add("resume", "Resume", "vm-resume", e =>
					act(`api/vms/${vm.id}/resume`, {}, e.target));
			if (runs(vm))
				add("save", "Save", "snap-save", () => this.save(vm));
		}
		add("more", "More", "All about it", () => this.details(vm));
		for (const b of acts)
			b.dataset.act = b.className;
		return el("div", { class: `row vm ${vm.state}` },
			el("div", { class: "name" },
				el("strong", { title: vm.id }, label(vm)),
				el("span", { class: `state ${vm.state}` }, vm.state)),
			el("div", { class: "facts" },
				el("span", { title: "memory: own, shared" }, mem
					? `${bytes(mem.private)} own, ${bytes(mem.shared)} shared`
					: bytes(total)),
				runs(vm) && el("span", { title: "since its start" },
					age(vm.started_at)),
				forwards(vm) && el("span", { title: "forwards" },
					forwards(vm)),
				vm.cloned_from && el("span", { title: "made of" },
					`from ${from ? label(from) : vm.cloned_from.slice(0, 12)}`),
				vm.error && el("span", { class: "bad" }, vm.error)),
			el("div", { class: "acts" }, acts));
	}

	create() {
		ask({ title: "A new machine", go: "Create", path: "api/vms", fields: [
			{ key: "name", text: "Name", hint: "web" },
			{ key: "kernel", text: "Kernel (a path on the server)",
				hint: "/srv/vmlinuz" },
			{ key: "initrd", text: "Initrd", hint: "/srv/initrd.img" },
			{ key: "cmdline", text: "Kernel command line",
				hint: "console=ttyS0" },
			{ key: "base", text: "Disk image, in place of a kernel",
				hint: "/srv/debian.qcow2" },
			{ key: "user", text: "User, whom cloud-init makes",
				hint: "admin" },
			{ key: "ssh_key", text: "The user’s public keys (a file on " +
				"the server)", hint: "/home/me/.ssh/id_ed25519.pub",
				list: true },
			{ key: "memory", text: "Memory", value: "512M", hint: "512M" },
			{ key: "cpu", text: "Processors", kind: "number", value: 1,
				min: 1, max: 255, hint: "1" },
			{ key: "storage", text: "Writable disk",
				hint: "1G; without, none, or as large as the image" },
			{ key: "nic", text: "Network", hint: "user,forward=0:22",
				list: true },
			{ key: "agent", text: "A channel to the guest agent",
				kind: "check" } ] });
	}

	save(vm) {
		ask({ title: `Save ${label(vm)}`, go: "Save",
			path: `api/vms/${vm.id}/save`, fields: [
				{ key: "name", text: "Name of the snapshot",
					hint: "golden" },
				{ key: "description", text: "Description",
					hint: "what there is in it" },
				{ key: "stop", text: "Stop it in the same moment",
					kind: "check" } ],
			done: (all, d) => {
				d.close();
				if (all[0]?.pause_ms !== undefined)
					note(`saved; it stood still for ${
						all[0].pause_ms.toFixed(1)} ms`);
			} });
	}

	restore(vm) {
		const choices = [...this.store.snaps.values()]
			.filter(s => (vm.snapshot_ids || []).includes(s.id) ||
				s.id === vm.cloned_from || s.vm_id === vm.id)
			.map(s => ({ value: s.id,
				text: `${label(s)}, ${age(s.created_at)} ago` }));
		if (choices.length === 0) {
			note("No snapshot of it is here.", true);
			return;
		}
		ask({ title: `Put ${label(vm)} back`, go: "Restore", danger: true,
			path: `api/vms/${vm.id}/restore`,
			lost: "What it has in memory and on its disks since the " +
				"snapshot is lost.",
			fields: [{ key: "snapshot", text: "To", choices,
				value: choices[0].value }, ...signers()] });
	}

	stop(vm) {
		ask({ title: `Stop ${label(vm)}`, go: "Stop", danger: true,
			path: `api/vms/${vm.id}/stop`,
			lost: "What it has in memory is lost; its disks stay.",
			fields: [{ key: "force", kind: "check",
				text: "At once, without the power button" }] });
	}

	remove(vm) {
		ask({ title: `Remove ${label(vm)}`, go: "Remove", danger: true,
			path: `api/vms/${vm.id}/remove`,
			lost: runs(vm)
				? "It runs: it is stopped, and its memory and disks are lost."
				: "Its disks are lost. Snapshots of it stay.",
			shape: () => runs(vm) ? { force: true } : {} });
	}

	exec(vm) {
		const out = el("pre", { class: "out", role: "log" });
		const d = ask({ title: `Run a command in ${label(vm)}`, go: "Run",
			path: `api/vms/${vm.id}/exec`, fields: [
				{ key: "command", text: "Command, as the guest's shell " +
					"reads it", required: true, hint: "uname -a" },
				{ key: "timeout", text: "At most", value: "30s",
					hint: "30s" } ],
			begun: () => out.textContent = "",
			shape: b => ({ argv: ["sh", "-c", b.command],
				timeout: b.timeout }),
			done: all => {
				const r = all[0] || {};
				out.textContent = `${r.stdout || ""}${r.stderr || ""}` +
					`\n[status ${r.status}]`;
			} });
		d.append(out);
	}

	details(vm) {
		const line = (name, value) => value !== undefined && value !== "" &&
			[el("dt", {}, name), el("dd", {}, String(value))];
		const d = dialog(label(vm), el("dl", {},
			line("Id", vm.id), line("State", vm.state),
			line("Description", vm.description),
			line("Hypervisor", vm.hypervisor),
			line("Processors", vm.config?.cpu),
			line("Memory", bytes(vm.config?.memory)),
			line("Memory from", vm.memory_backing),
			line("Forwards", forwards(vm)),
			line("Process", vm.pid), line("Directory", vm.dir),
			line("Created", vm.created_at), line("Started", vm.started_at)));
		const acts = el("div", { class: "bar" });
		const add = (text, title, go, more) => acts.append(button(text, title,
			() => {
				d.close();
				go();
			}, more));
		if (vm.state !== "created")
			add("Console", "See what it prints",
				() => openConsole(vm));
		if (!access.readOnly) {
			const run = (what, text) => add(text, `vm-${what}`,
				() => act(`api/vms/${vm.id}/${what}`));
			if (!runs(vm))
				run("start", "Start");
			if (vm.state === "running")
				run("pause", "Pause");
			if (vm.state === "paused")
				run("resume", "Resume");
			if (vm.state === "running" && vm.config?.agent)
				add("Run a command", "vm-exec", () => this.exec(vm));
			if (runs(vm)) {
				add("Save", "snap-save", () => this.save(vm));
				add("Stop", "vm-stop", () => this.stop(vm),
					{ class: "danger" });
			}
			add("Restore", "vm-restore", () => this.restore(vm),
				{ class: "danger" });
			add("Remove", "vm-rm", () => this.remove(vm),
				{ class: "danger" });
		}
		d.append(acts);
	}
}
