// SPDX-License-Identifier: ISC
// A terminal: what ECMA-48 and xterm's control sequences make of bytes, as far
// as consoles, editors and installers use it.  Whatever a guest sends becomes
// text of cells, and is never anything else.

import { el } from "./dom.js";

const KEYS = { ArrowUp: "\x1b[A", ArrowDown: "\x1b[B", ArrowRight: "\x1b[C",
	ArrowLeft: "\x1b[D", Home: "\x1b[H", End: "\x1b[F", PageUp: "\x1b[5~",
	PageDown: "\x1b[6~", Insert: "\x1b[2~", Delete: "\x1b[3~", Enter: "\r",
	Backspace: "\x7f", Tab: "\t", Escape: "\x1b", F1: "\x1bOP", F2: "\x1bOQ",
	F3: "\x1bOR", F4: "\x1bOS", F5: "\x1b[15~", F6: "\x1b[17~",
	F7: "\x1b[18~", F8: "\x1b[19~", F9: "\x1b[20~", F10: "\x1b[21~",
	F11: "\x1b[23~", F12: "\x1b[24~" };
const HISTORY = 2000; // lines
const PARAMS_MAX = 512; // characters of one sequence; longer is dropped

export class Term {
	constructor(cols = 80, rows = 24) {
		this.cols = cols;
		this.rows = rows;
		this.decoder = new TextDecoder();
		this.state = "text";
		this.params = "";
		this.history = []; // lines that went out above
		this.gone = 0; // how many of all of them are forgotten
		this.first = this.next = 0; // those that have rows, by their number
		this.reset();
		this.pre = el("pre", { class: "screen", tabIndex: 0 });
		this.pre.setAttribute("role", "log");
		this.pre.setAttribute("aria-label", "Console");
		this.pre.setAttribute("aria-live", "off");
		this.nodes = []; // of the screen
		this.onkeys = null;
		this.pre.addEventListener("keydown", e => this.key(e));
		this.pre.addEventListener("paste", e => {
			if (!this.onkeys)
				return;
			e.preventDefault();
			this.onkeys(e.clipboardData.getData("text")
				.replace(/\r?\n/g, "\r"));
		});
	}

	reset() {
		this.lines = Array.from({ length: this.rows }, () => this.blank());
		this.forget();
		this.x = this.y = 0;
		this.top = 0;
		this.bottom = this.rows - 1;
		this.style = "";
		this.attr = { bold: false, under: false, inverse: false, fg: "", bg: "" };
		this.saved = null;
		this.other = null;
		this.wrap = false;
		this.returns = false; // whether any came
	}

	forget() {
		this.gone += this.history.length;
		this.history = [];
	}

	blank() {
		return [];
	}

	write(data) {
		for (const c of this.decoder.decode(data, { stream: true }))
			this.take(c);
		this.later();
	}

	take(c) {
		const n = c.codePointAt(0);
		if (this.state === "string") {
			// A title or the like: until BEL or ST.
			if (n === 7)
				this.state = "text";
			else if (n === 27)
				this.state = "escape";
			return;
		}
		if (n === 27) {
			this.state = "escape";
			return;
		}
		if (n < 32 || n === 127) {
			this.control(n);
			return;
		}
		if (this.state === "escape")
			this.escape(c);
		else if (this.state === "charset")
			this.state = "text";
		else if (this.state === "csi")
			this.csiPart(c, n);
		else
			this.print(c);
	}

	control(n) {
		if (n === 13) {
			this.x = 0;
			this.returns = true;
		} else if (n === 10 || n === 11 || n === 12) {
			// A guest that knows no carriage return means both.
			if (!this.returns)
				this.x = 0;
			this.feed();
		}
		if (n === 8)
			this.x = Math.max(0, this.x - 1);
		else if (n === 9)
			this.x = Math.min(this.cols - 1, (this.x & ~7) + 8);
		if (n !== 0)
			this.wrap = false;
	}

	escape(c) {
		this.state = "text";
		if (c === "[") {
			this.state = "csi";
			this.params = "";
		} else if (c === "]" || c === "P" || c === "^" || c === "_")
			this.state = "string";
		else if (c === "(" || c === ")" || c === "#" || c === "%")
			this.state = "charset";
		else if (c === "7")
			this.saved = [this.x, this.y];
		else if (c === "8" && this.saved)
			[this.x, this.y] = this.saved;
		else if (c === "D")
			this.feed();
		else if (c === "E") {
			this.x = 0;
			this.feed();
		} else if (c === "M") {
			if (this.y === this.top)
				this.scroll(-1);
			else
				this.y = Math.max(0, this.y - 1);
		} else if (c === "c")
			this.reset();
	}

	csiPart(c, n) {
		if (n >= 0x40 && n <= 0x7e) {
			this.state = "text";
			if (this.params.length < PARAMS_MAX)
				this.csi(c);
		} else if (this.params.length < PARAMS_MAX)
			this.params += c;
	}

	csi(c) {
		const isPrivate = this.params[0] === "?";
		const list = this.params.replace(/[^0-9;]/g, "").split(";")
			.map(p => Math.min(9999, parseInt(p, 10) || 0));
		const n = Math.max(1, list[0]);
		const limit = (v, max) => Math.min(Math.max(v, 0), max - 1);
		this.wrap = false;
		switch (c) {
		case "A": this.y = limit(this.y - n, this.rows); break;
		case "B": case "e": this.y = limit(this.y + n, this.rows); break;
		case "C": case "a": this.x = limit(this.x + n, this.cols); break;
		case "D": this.x = limit(this.x - n, this.cols); break;
		case "E": this.x = 0; this.y = limit(this.y + n, this.rows); break;
		case "F": this.x = 0; this.y = limit(this.y - n, this.rows); break;
		case "G": case "`": this.x = limit(n - 1, this.cols); break;
		case "d": this.y = limit(n - 1, this.rows); break;
		case "H": case "f":
			this.y = limit(n - 1, this.rows);
			this.x = limit(Math.max(1, list[1] || 1) - 1, this.cols);
			break;
		case "J": this.eraseScreen(list[0]); break;
		case "K": this.eraseLine(list[0]); break;
		case "L": this.insertLines(n); break;
		case "M": this.deleteLines(n); break;
		case "P": this.line().splice(this.x, n); break;
		case "@": this.line().splice(this.x, 0,
			...Array(Math.min(n, this.cols)).fill([" ", ""]));
			this.line().length = Math.min(this.line().length, this.cols);
			break;
		case "X":
			for (let i = this.x; i < Math.min(this.cols, this.x + n); i++)
				this.cell(i, " ");
			break;
		case "S": this.scroll(Math.min(n, this.rows)); break;
		case "T": this.scroll(-Math.min(n, this.rows)); break;
		case "r":
			this.top = limit(n - 1, this.rows);
			this.bottom = limit((list[1] || this.rows) - 1, this.rows);
			if (this.top >= this.bottom) {
				this.top = 0;
				this.bottom = this.rows - 1;
			}
			this.x = this.y = 0;
			break;
		case "s": this.saved = [this.x, this.y]; break;
		case "u": if (this.saved) [this.x, this.y] = this.saved; break;
		case "m": if (!isPrivate) this.sgr(list); break;
		case "h": case "l": if (isPrivate) this.mode(list, c === "h"); break;
		}
	}

	mode(list, on) {
		for (const m of list) {
			if (m !== 1049 && m !== 47 && m !== 1047)
				continue;
			if (on && !this.other) {
				this.other = { lines: this.lines, x: this.x, y: this.y };
				this.lines = Array.from({ length: this.rows },
					() => this.blank());
			} else if (!on && this.other) {
				this.lines = this.other.lines;
				this.x = this.other.x;
				this.y = this.other.y;
				this.other = null;
			}
		}
	}

	// Colours are classes: 0 to 15 as they are, of the 256 the nearest of these.
	colour(list, i) {
		if (list[i + 1] === 5) {
			const n = list[i + 2] || 0;
			const grey = n >= 232 ? (n - 232) / 24 : 0;
			let c = n;
			if (n >= 232)
				c = grey < 0.3 ? 8 : grey < 0.7 ? 7 : 15;
			else if (n >= 16) {
				const k = n - 16;
				const rgb = [Math.floor(k / 36), Math.floor(k / 6) % 6, k % 6];
				const most = Math.max(...rgb);
				c = most === 0 ? 0 : rgb.reduce((v, p, b) =>
					v | (p * 2 > most ? 1 << b : 0), most > 3 ? 8 : 0);
			}
			return [String(c), i + 2];
		}
		if (list[i + 1] === 2) {
			const rgb = list.slice(i + 2, i + 5);
			const most = Math.max(...rgb, 0);
			const c = most < 40 ? 0 : rgb.reduce((v, p, b) =>
				v | (p * 2 > most ? 1 << b : 0), most > 160 ? 8 : 0);
			return [String(c), i + 4];
		}
		return ["", i];
	}

	sgr(list) {
		const a = this.attr;
		for (let i = 0; i < list.length; i++) {
			const p = list[i];
			if (p === 0)
				Object.assign(a, { bold: false, under: false,
					inverse: false, fg: "", bg: "" });
			else if (p === 1) a.bold = true;
			else if (p === 4) a.under = true;
			else if (p === 7) a.inverse = true;
			else if (p === 22) a.bold = false;
			else if (p === 24) a.under = false;
			else if (p === 27) a.inverse = false;
			else if (p >= 30 && p <= 37) a.fg = String(p - 30);
			else if (p === 38) [a.fg, i] = this.colour(list, i);
			else if (p === 39) a.fg = "";
			else if (p >= 40 && p <= 47) a.bg = String(p - 40);
			else if (p === 48) [a.bg, i] = this.colour(list, i);
			else if (p === 49) a.bg = "";
			else if (p >= 90 && p <= 97) a.fg = String(p - 82);
			else if (p >= 100 && p <= 107) a.bg = String(p - 92);
		}
		this.style = [a.bold && "b", a.under && "u", a.inverse && "i",
			a.fg && `f${a.fg}`, a.bg && `g${a.bg}`].filter(Boolean).join(" ");
	}

	line() {
		return this.lines[this.y];
	}

	cell(x, c) {
		const line = this.line();
		while (line.length < x)
			line.push([" ", ""]);
		line[x] = [c, this.style];
	}

	print(c) {
		if (this.wrap) {
			this.x = 0;
			this.feed();
			this.wrap = false;
		}
		this.cell(this.x, c);
		if (this.x === this.cols - 1)
			this.wrap = true;
		else
			this.x++;
	}

	feed() {
		if (this.y === this.bottom)
			this.scroll(1);
		else if (this.y < this.rows - 1)
			this.y++;
	}

	scroll(n) {
		for (; n > 0; n--) {
			const [gone] = this.lines.splice(this.top, 1);
			this.lines.splice(this.bottom, 0, this.blank());
			if (this.top === 0 && !this.other) {
				this.history.push(gone);
				if (this.history.length > HISTORY) {
					this.history.shift();
					this.gone++;
				}
			}
		}
		for (; n < 0; n++) {
			this.lines.splice(this.bottom, 1);
			this.lines.splice(this.top, 0, this.blank());
		}
	}

	insertLines(n) {
		for (n = Math.min(n, this.rows); n > 0 && this.y <= this.bottom; n--) {
			this.lines.splice(this.bottom, 1);
			this.lines.splice(this.y, 0, this.blank());
		}
	}

	deleteLines(n) {
		for (n = Math.min(n, this.rows); n > 0 && this.y <= this.bottom; n--) {
			this.lines.splice(this.y, 1);
			this.lines.splice(this.bottom, 0, this.blank());
		}
	}

	eraseScreen(how) {
		if (how === 3) {
			this.forget();
			return;
		}
		const from = how === 0 ? this.y + 1 : 0;
		const to = how === 1 ? this.y : this.rows;
		for (let i = from; i < to; i++)
			this.lines[i] = this.blank();
		if (how !== 2)
			this.eraseLine(how);
	}

	eraseLine(how) {
		if (how === 2)
			this.lines[this.y] = this.blank();
		else if (how === 1)
			for (let i = 0; i <= this.x; i++)
				this.cell(i, " ");
		else
			this.line().length = Math.min(this.line().length, this.x);
	}

	later() {
		if (this.waits)
			return;
		this.waits = true;
		requestAnimationFrame(() => {
			this.waits = false;
			this.show();
		});
	}

	row(line, cursor) {
		const node = el("div");
		let text = "", style = "";
		const flush = () => {
			if (text)
				node.append(style ? el("span", { class: style }, text) : text);
			text = "";
		};
		const n = cursor >= 0 ? Math.max(line.length, cursor + 1) : line.length;
		for (let i = 0; i < n; i++) {
			const [c, s] = line[i] || [" ", ""];
			const here = i === cursor ? `${s} cursor`.trim() : s;
			if (here !== style) {
				flush();
				style = here;
			}
			text += c;
		}
		flush();
		if (!node.firstChild)
			node.append("\u00a0");
		return node;
	}

	// Lines of the history stay as they are: those that are shown are kept, and
	// the screen alone is made anew.
	show() {
		const pre = this.pre;
		const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 8;
		for (const node of this.nodes)
			node.remove();
		const end = this.gone + this.history.length;
		const from = this.other ? end : this.gone;
		for (; this.first < Math.min(from, this.next); this.first++)
			pre.firstChild.remove();
		if (this.first === this.next)
			this.first = this.next = from;
		for (; this.next < end; this.next++)
			pre.append(this.row(this.history[this.next - this.gone], -1));
		let last = this.lines.length;
		while (last > this.y + 1 && this.lines[last - 1].length === 0)
			last--;
		this.nodes = this.lines.slice(0, last).map((line, i) =>
			this.row(line, this.onkeys && i === this.y ? this.x : -1));
		pre.append(...this.nodes);
		if (atEnd)
			pre.scrollTop = pre.scrollHeight;
	}

	key(e) {
		if (!this.onkeys || e.isComposing)
			return;
		// Ctrl-] leaves, as vm-console has it; so does the key that moves on.
		if (e.ctrlKey && e.key === "]") {
			e.preventDefault();
			this.onleave?.();
			return;
		}
		let keys = KEYS[e.key];
		if (e.key === "Tab" && e.shiftKey)
			return;
		if (keys === undefined && e.key.length === 1 && !e.metaKey) {
			keys = e.key;
			if (e.ctrlKey) {
				if (e.shiftKey && (e.key === "C" || e.key === "V"))
					return;
				const n = e.key.toUpperCase().charCodeAt(0);
				if (n < 64 || n > 95)
					return;
				keys = String.fromCharCode(n - 64);
			}
			if (e.altKey && !e.ctrlKey)
				keys = `\x1b${keys}`;
		}
		if (keys === undefined)
			return;
		e.preventDefault();
		this.onkeys(keys);
	}
}
