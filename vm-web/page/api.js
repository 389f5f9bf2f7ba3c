// SPDX-License-Identifier: ISC
// What the server knows, and how it is asked.  The key stays with this origin;
// the cookie that belongs to it goes by itself.

const base = new URL(".", location.href);
// One origin may have several servers, each beneath a path.
const KEY = `vm-web-key ${base.pathname}`;

export const api = { onlogin: () => {} };

export class Failure extends Error {
	constructor(status, answer) {
		super(answer.error || `status ${status}`);
		this.status = status;
		this.answer = answer;
	}
}

export async function request(method, path, body, signal) {
	const headers = { "X-Vm-Web-Key": localStorage.getItem(KEY) || "" };
	if (body !== undefined && !(body instanceof Uint8Array)) {
		headers["Content-Type"] = "application/json";
		body = JSON.stringify(body);
	}
	const answer = await fetch(new URL(path, base),
		{ method, headers, body, signal, credentials: "same-origin" });
	if (answer.ok)
		return answer;
	if (answer.status === 401)
		api.onlogin();
	let text = {};
	try {
		text = await answer.json();
	} catch {
		// Not of ours: the status has to do.
	}
	throw new Failure(answer.status, text);
}

export async function login(token) {
	const answer = await request("POST", "api/login", { token });
	localStorage.setItem(KEY, (await answer.json()).key);
}

// The lines of a body, each as it comes.
async function* lines(answer) {
	const reader = answer.body.getReader();
	const decoder = new TextDecoder();
	let rest = "";
	for (;;) {
		const { done, value } = await reader.read();
		if (done)
			return;
		rest += decoder.decode(value, { stream: true });
		const parts = rest.split("\n");
		rest = parts.pop();
		yield* parts;
	}
}

export async function records(method, path, body) {
	const all = [];
	for await (const line of lines(await request(method, path, body)))
		if (line)
			all.push(JSON.parse(line));
	return all;
}

// Events until the line is cut; returns the last one's id.
export async function events(last, tell, signal) {
	const headers = { "X-Vm-Web-Key": localStorage.getItem(KEY) || "" };
	if (last)
		headers["Last-Event-ID"] = last;
	const answer = await fetch(new URL("api/events", base),
		{ headers, signal, credentials: "same-origin" });
	if (!answer.ok) {
		if (answer.status === 401)
			api.onlogin();
		throw new Failure(answer.status, {});
	}
	tell("open", null, last);
	let name = "", data = "", id = last;
	for await (const line of lines(answer)) {
		if (line.startsWith("id: "))
			id = line.slice(4);
		else if (line.startsWith("event: "))
			name = line.slice(7);
		else if (line.startsWith("data: "))
			data = line.slice(6);
		else if (line === "") {
			if (name)
				tell(name, JSON.parse(data), id);
			name = data = "";
		}
	}
}

export async function output(id, take, signal) {
	const answer = await request("GET", `api/vms/${id}/output`, undefined,
		signal);
	const reader = answer.body.getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done)
			return;
		take(value);
	}
}

// By which one of many is known again.
export const mark = () => [...crypto.getRandomValues(new Uint8Array(16))]
	.map(b => b.toString(16).padStart(2, "0")).join("");

const uploads = new Map(); // on their way: the mark, who is told of the end

// A line of the log: it may be that of an upload, which need not be sent to its
// end when it was refused.
export function logged(line) {
	uploads.get(line.mark)?.(line);
}

// An archive: the browser streams it from the disk, and tells how far it is.
export function upload(path, file, progress) {
	const own = mark();
	return new Promise((resolve, reject) => {
		const x = new XMLHttpRequest();
		x.open("POST", new URL(`${path}&mark=${own}`, base));
		x.setRequestHeader("X-Vm-Web-Key", localStorage.getItem(KEY) || "");
		x.upload.onprogress = e => progress(e.loaded, e.total);
		x.onerror = () => reject(new Failure(0,
			{ error: "the connection was cut" }));
		x.onload = () => {
			if (x.status === 200) {
				resolve(JSON.parse(x.responseText));
				return;
			}
			let text = {};
			try {
				text = JSON.parse(x.responseText);
			} catch {
				// As above.
			}
			reject(new Failure(x.status, text));
		};
		x.onloadend = () => uploads.delete(own);
		uploads.set(own, line => {
			if (line.exit === 0)
				return;
			reject(new Failure(0, { ...line, error: line.meaning }));
			x.abort();
		});
		x.send(file);
		progress(0, file.size, () => x.abort());
	});
}

// A download of the browser's own, which goes to the disk as it comes.
export async function download(id, wish) {
	const answer = await request("POST", `api/snaps/${id}/link`, wish);
	const a = document.createElement("a");
	a.href = new URL((await answer.json()).path, base);
	a.download = "";
	document.body.append(a);
	a.click();
	a.remove();
}
