// SPDX-License-Identifier: ISC
// Elements, made of text and properties alone: nothing here is ever HTML.

const SVG = "http://www.w3.org/2000/svg";

function put(node, props, children) {
	for (const [key, value] of Object.entries(props)) {
		if (value === undefined || value === null || value === false)
			continue;
		if (key.startsWith("on"))
			node.addEventListener(key.slice(2), value);
		else if (key === "class")
			node.setAttribute("class", value);
		else if (key in node && !(node instanceof SVGElement))
			node[key] = value;
		else
			node.setAttribute(key, value === true ? "" : value);
	}
	for (const child of children.flat(Infinity))
		if (child !== undefined && child !== null && child !== false)
			node.append(child);
	return node;
}

export const el = (tag, props = {}, ...children) =>
	put(document.createElement(tag), props, children);

export const svg = (tag, props = {}, ...children) =>
	put(document.createElementNS(SVG, tag), props, children);

export function bytes(n) {
	if (n === undefined)
		return "–";
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;
	for (; n >= 1024 && i < units.length - 1; i++)
		n /= 1024;
	return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function age(text) {
	if (!text)
		return "–";
	const s = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
	if (s < 60)
		return `${Math.floor(s)} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min`;
	if (s < 172800)
		return `${Math.floor(s / 3600)} h`;
	return `${Math.floor(s / 86400)} d`;
}

export const label = r => r.name || r.id.slice(0, 12);

export function button(text, title, onclick, more = {}) {
	return el("button", { type: "button", title, onclick, ...more }, text);
}

// A word to who looks, for a while.
export function note(text, bad = false) {
	const p = el("p", { class: bad ? "note bad" : "note" }, text);
	const box = document.getElementById("notes");
	box.append(p);
	while (box.children.length > 4)
		box.firstChild.remove();
	setTimeout(() => p.remove(), bad ? 12000 : 5000);
}
