"use strict";
// Follow a run: each event is a picture of it. Every text goes into the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en-US");

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function time(seconds) {
  if (seconds < 59.5) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// A bar is drawn: the policy of the page allows no styles but its own.
function bar(branch) {
  const made = element("div", undefined, "bar");
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 100 1");
  drawing.setAttribute("preserveAspectRatio", "none");
  let from = 0;
  const done = branch.ended - branch.failed;
  for (const [kind, count] of [["done", done], ["failed", branch.failed], ["running", branch.running]]) {
    const width = (100 * count) / Math.max(1, branch.asked);
    const part = document.createElementNS(SVG, "rect");
    part.setAttribute("class", kind);
    part.setAttribute("x", String(from));
    part.setAttribute("width", String(width));
    part.setAttribute("height", "1");
    drawing.append(part);
    from += width;
  }
  made.append(drawing);
  return made;
}

function branchItem(branch) {
  const item = element("li");
  const row = element("div", undefined, "branch");
  const name = element("b", branch.within);
  if (branch.line) name.append(element("small", `line ${branch.line}`));
  const counts = [`${number(branch.ended)}/${number(branch.asked)}`];
  for (const what of ["running", "failed", "memo"]) if (branch[what]) counts.push(`${number(branch[what])} ${what}`);
  row.append(name, bar(branch), element("span", counts.join(" · ")), element("q", branch.latest));
  item.append(row);
  if (branch.below.length) item.append(list(branch.below));
  return item;
}

function list(branches) {
  const made = element("ul");
  made.append(...branches.map(branchItem));
  return made;
}

function total(name, value, kind) {
  const made = element("div", undefined, kind);
  made.append(element("dt", name), element("dd", value));
  return made;
}

function show(run) {
  document.title = `${run.title} · running`;
  at("title").textContent = run.title;
  const counts = Object.entries(run.counts).filter(([, count]) => count);
  at("totals").replaceChildren(
    total("time", time(run.seconds)),
    total("asked", number(run.asked)),
    ...counts.map(([name, count]) => total(name, number(count), name)),
    total("tokens", `${number(run.read)} → ${number(run.written)}`),
    ...(run.speed ? [total("speed", `${run.speed} tokens/s`)] : []),
    ...(run.money ? [total("cost", run.money)] : []),
    ...(run.to_go ? [total("to go", run.to_go)] : []),
  );
  at("left").replaceChildren(
    ...run.left.map((each) => {
      const made = element("div", `left: ${each.text}`);
      const share = element("progress");
      share.max = 1;
      share.value = each.share;
      made.append(share);
      return made;
    }),
  );
  at("tree").replaceChildren(...run.tree.map(branchItem));
  if (!run.tree.length) at("tree").append(element("li", "no calls yet", "none"));
  at("running").replaceChildren(
    ...run.running.map((each) => {
      const item = element("li");
      item.append(element("time", each.for), element("q", each.text));
      return item;
    }),
  );
  if (!run.running.length) at("running").append(element("li", "no call", "none"));
}

const source = new EventSource(`${location.pathname}/events`);
source.onmessage = (event) => show(JSON.parse(event.data));
source.addEventListener("end", () => {
  source.close();
  location.reload();
});
source.onerror = () => {
  at("status").textContent = "the server is not reached";
  at("status").classList.add("lost");
};
source.onopen = () => {
  at("status").textContent = "running";
  at("status").classList.remove("lost");
};
