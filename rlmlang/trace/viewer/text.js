"use strict";
// Text and elements. Texts of the run reach the page through textContent only.

const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

const escaped = (char) => "\\u" + char.codePointAt(0).toString(16).padStart(4, "0");

/** Return a text with invisible characters, and those that reverse its direction, as escapes. */
const visible = (text) => text.replace(UNSAFE, escaped);

/** Return the beginning of a text on one line. */
const oneLine = (text, most = 300) => visible(text.slice(0, 4 * most).replace(/\s+/g, " ").slice(0, most));

/** Return a new element with a class and a text. */
function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = visible(text);
  return element;
}

const MOST_ESCAPES = 1000; // elements for escapes in one text; further escapes are plain text

/** Return an element with a text of many lines, and its escapes marked. */
function prose(text, name = "text") {
  const element = make("pre", name);
  let at = 0, marked = 0;
  for (const found of text.matchAll(UNSAFE)) {
    if (++marked > MOST_ESCAPES) break;
    element.append(text.slice(at, found.index), make("span", "escape", found[0]));
    at = found.index + found[0].length;
  }
  element.append(visible(text.slice(at)));
  return element;
}

const LINE = 2_000; // characters of a text on one line
const LONG = 20_000; // characters of a text that are shown at first

/** Return an element with a text, or with its beginning and a button for the rest. */
function longText(text) {
  if (text.length <= LONG) return prose(text);
  const box = make("div");
  const more = make("button", "more", `Show all ${count(text.length)} characters`);
  more.onclick = () => box.replaceChildren(prose(text));
  box.append(prose(text.slice(0, LONG)), more);
  return box;
}

/** Return a list of terms, each with a text or an element. Undefined ones are left out. */
function facts(pairs, list = make("dl", "facts")) {
  for (const [term, value] of pairs) {
    if (value === undefined) continue;
    const pair = make("div"), detail = make("dd");
    detail.append(value instanceof Node ? value : visible(String(value).slice(0, LINE)));
    pair.append(make("dt", "", term), detail);
    list.append(pair);
  }
  return list;
}

const count = (n) => n.toLocaleString("en");
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** Return a count in few characters. */
function short(n) {
  if (n < 10_000) return count(n);
  return n < 1e6 ? `${(n / 1e3).toFixed(n < 1e5 ? 1 : 0)}k` : `${(n / 1e6).toFixed(n < 1e8 ? 2 : 0)}M`;
}

/** Return microseconds as a time in few characters. */
function duration(micros) {
  const seconds = micros / 1e6;
  if (seconds < 0.0995) return `${(micros / 1e3).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.95 ? 2 : 1)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), two = (n) => String(n).padStart(2, "0");
  return minutes < 60 ? `${minutes} m ${two(whole % 60)} s` : `${count(Math.floor(minutes / 60))} h ${two(minutes % 60)} m`;
}

/** Return US dollars, null if no price is known, in at most ten characters below a billion. */
function money(cost) {
  if (cost === null) return "–";
  if (cost >= 1e5) return `$${short(Math.round(cost))}`;
  return `$${cost >= 1 ? cost.toFixed(2) : Number(cost.toPrecision(cost < 1e-4 ? 2 : 3))}`;
}
