// SPDX-License-Identifier: ISC
// A question, its answer to the server, and what that said.

import { el, note } from "./dom.js";
import { Failure, records } from "./api.js";

export const access = { readOnly: false };

// What a tool said, with what its exit code means.
export function failureText(e) {
	if (!(e instanceof Failure))
		return String(e.message || e);
	const a = e.answer;
	if (a.exit === undefined)
		return a.error || `status ${e.status}`;
	return `${(a.stderr || "").trim() || a.command}\n` +
		`(exit ${a.exit}: ${a.error})`;
}

export function dialog(title, ...children) {
	const d = el("dialog", {},
		el("form", { method: "dialog", class: "close" },
			el("h2", { id: "dialog-title" }, title),
			el("button", { class: "quiet", title: "Close" }, "✕")),
		...children);
	d.setAttribute("aria-labelledby", "dialog-title");
	d.querySelector(".close button").setAttribute("aria-label", "Close");
	d.addEventListener("close", () => d.remove());
	document.body.append(d);
	d.showModal();
	return d;
}

function input(field) {
	const id = `field-${field.key}`;
	let node;
	if (field.kind === "check")
		node = el("input", { type: "checkbox", id, checked: !!field.value });
	else if (field.choices)
		node = el("select", { id }, field.choices.map(c =>
			el("option", { value: c.value, selected: c.value === field.value },
				c.text)));
	else
		node = el("input", { type: field.kind || "text", id,
			required: field.required, value: field.value ?? "",
			placeholder: field.hint || "", min: field.min, max: field.max,
			autocomplete: "off" });
	field.node = node;
	return el("p", { class: field.kind === "check" ? "check" : "field" },
		el("label", { htmlFor: id }, field.text), node);
}

// Undefined: it is left out.  What there was and is emptied is said to be empty.
function valueOf(field) {
	if (field.kind === "check")
		return field.node.checked || undefined;
	const text = field.node.value.trim();
	if (text === "")
		return field.clears && field.value ? "" : undefined;
	if (field.list)
		return [text];
	return field.kind === "number" ? Number(text) : text;
}

// The fields' nodes; those that few need are folded away.
export function inputs(fields) {
	const some = fields.filter(f => f.more).map(input);
	return [fields.filter(f => !f.more).map(input),
		some.length > 0 && el("details", { class: "more" },
			el("summary", {}, "Details"), some)];
}

export function values(fields) {
	const body = {};
	for (const f of fields) {
		const v = valueOf(f);
		if (v !== undefined)
			body[f.key] = v;
	}
	return body;
}

// Whose signature has to be there; files are the server's.  Folded away
// unless they must be there.
export const signers = (required = false) => [
	{ key: "signed_by", text: "Allowed signers (a file on the server)",
		hint: "/etc/instar/signers", required },
	{ key: "as", text: "Only this one of them", hint: "releases@example.org" },
	{ key: "revoked", text: "Revoked keys (a file on the server)",
		hint: "/etc/instar/revoked" }]
	.map(f => ({ ...f, more: !required }));

// `fields` become members of the body; `lost` says what there is no way back to;
// `begun` is called each time it is sent.
export function ask({ title, go, path, fields = [], lost, danger, done, shape,
	begun }) {
	const error = el("p", { class: "error", role: "alert" });
	const button = el("button", { type: "submit",
		class: danger ? "danger" : "primary" }, go);
	const form = el("form", { class: "ask" },
		lost && el("p", { class: "lost" }, lost),
		inputs(fields), error,
		el("p", { class: "go" }, button));
	const d = dialog(title, form);
	form.addEventListener("submit", async e => {
		e.preventDefault();
		error.textContent = "";
		button.disabled = true;
		begun?.();
		const body = values(fields);
		try {
			const all = await records("POST", path,
				shape ? shape(body) : body);
			if (done)
				done(all, d);
			else
				d.close();
		} catch (failure) {
			error.textContent = failureText(failure);
		}
		button.disabled = false;
	});
	(fields[0]?.node || button).focus();
	return d;
}

// What needs no question.
export async function act(path, body, button) {
	if (button)
		button.disabled = true;
	try {
		return await records("POST", path, body || {});
	} catch (failure) {
		note(failureText(failure), true);
		return undefined;
	} finally {
		if (button)
			button.disabled = false;
	}
}
