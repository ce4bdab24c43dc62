// The page: what is selected, what is filtered, and the keys (decision 78).

const $ = (id) => document.getElementById(id);

const FILTERS = [
  ["errors", "Errors", "e"],
  ["memo", "Memo", "m"],
  ["slow", "Slow", "s"],
  ["expensive", "Expensive", "x"],
  ["critical", "Critical path", "c"],
];

const KEYS = [
  ["↑ ↓ or k j", "previous call, next call"],
  ["→ ←", "open; close, or go to the parent"],
  ["Page, Home, End", "by pages; first, last"],
  ["Enter", "read the call"],
  ["*", "open everything"],
  ["/", "search"],
  ["e m s x c", "filters: errors, memo, slow, expensive, critical path"],
  ["n p", "next error, previous error"],
  ["t", "the tree"],
  ["1 2 3", "call, program, run"],
  ["+ - 0", "timeline: zoom in, zoom out, all"],
  ["[ ] \\", "timeline: show costs until an earlier time, a later time, the end"],
  ["d", "light or dark"],
  ["Esc", "back to the tree, then clear filters"],
];

const NARROW = matchMedia("(max-width: 760px)"); // as in the style sheet
const PAUSE = 150; // milliseconds without a key before a search begins

class Page {
  constructor(model) {
    this.model = model;
    this.on = new Set();
    this.line = null;
    this.text = "";
    this.pane = "call";
    this.shown = -1;
    this.tree = new Tree(model, $("tree"), (node) => this.picked(node), (call, keep) => this.read(keep));
    this.timeline = new Timeline(model, $("timeline"), (call) => this.pick(call), () => this.later());
    this.header();
    this.buttons();
    this.tree.update();
    $("search").oninput = () => this.typed();
    $("order").onchange = () => this.sort();
    for (const tab of $("tabs").children) tab.onclick = () => this.turn(tab.dataset.pane, true);
    $("theme").onclick = () => this.theme();
    $("keys").onclick = () => $("help").showModal();
    facts(KEYS, $("keylist"));
    document.addEventListener("keydown", (event) => this.key(event));
    const end = model.index.end;
    this.turn(NARROW.matches ? "calls" : end?.error || !model.n ? "run" : "code");
    this.tree.selected = this.tree.rows[0] ?? -1;
    this.apply();
    $("tree").focus({ preventScroll: true });
  }

  header() {
    const { model } = this, { run, end, seconds } = model.index, total = (column) => model[column].reduce((a, b) => a + b, 0);
    const statuses = {};
    for (let i = 0; i < model.n; i++) statuses[model.name("status", i)] = (statuses[model.name("status", i)] ?? 0) + 1;
    const status = end ? end.status : "unfinished", hits = total("hits");
    document.title = oneLine(run.program.name || "run", 100) + " · trace";
    $("program").textContent = oneLine(run.program.name || `rlmlang ${run.command}`);
    $("status").textContent = visible(status);
    $("status").classList.add({ done: "done", failed: "failed" }[status] ?? "unfinished");
    $("about").textContent = oneLine(`${run.leaf_model ? `${run.model} and ${run.leaf_model}` : run.model} · ${run.run}`);
    facts([
      ["calls", count(model.n)],
      ["asked", count(total("generations"))],
      ["memo", count(hits + (statuses.stored ?? 0))],
      ["failed", statuses.failed ? make("span", "failed", count(statuses.failed)) : undefined],
      ["unfinished", statuses.unfinished && count(statuses.unfinished)],
      ["tokens in", short(total("prompt"))],
      ["out", short(total("completion"))],
      ["cost", model.priced ? money(model.money.reduce((a, b) => a + b, 0)) : undefined],
      ["time", duration(seconds * 1e6)],
    ], $("totals"));
  }

  buttons() {
    const { model } = this, limit = { slow: duration(model.slow), expensive: model.priced ? money(model.expensive) : `${short(model.expensive)} tokens` };
    for (const [name, label, key] of FILTERS) {
      let n = 0;
      for (let i = 0; i < model.n; i++) if (model.passes(name, i)) n++;
      const button = make("button", "chip", label);
      button.append(make("small", "", short(n)));
      button.dataset.filter = name;
      button.title = `${count(n)} calls (${key})` + (name in limit && n ? `, from ${limit[name]}` : "");
      button.onclick = () => this.flip(name);
      button.setAttribute("aria-pressed", "false");
      $("filters").append(button);
    }
  }

  flip(name) {
    if (!this.on.delete(name)) this.on.add(name);
    this.apply();
  }

  chooseLine(line) {
    this.line = this.line === line ? null : line;
    this.turn(NARROW.matches ? "calls" : this.pane);
    this.apply();
  }

  typed() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      this.text = $("search").value.toLowerCase();
      this.apply();
    }, PAUSE);
  }

  sort() {
    this.tree.order = $("order").value;
    this.tree.update();
    this.tree.show();
  }

  /** Filter again. Prompts are searched block by block, until another filter is set. */
  async apply() {
    const { model } = this, mine = (this.applied = (this.applied ?? 0) + 1);
    for (const button of $("filters").children) button.setAttribute("aria-pressed", this.on.has(button.dataset.filter));
    if (!this.text) return this.pass(null, 1);
    const found = model.search(this.text);
    this.pass(found, 0);
    let last = performance.now();
    for await (const done of model.searchAll(this.text, found)) {
      if (this.applied !== mine) return;
      if (done < 1 && performance.now() - last < 250) continue;
      this.pass(found, done);
      last = performance.now();
    }
  }

  /** Show the calls that a search has found and that pass the other filters. */
  pass(found, done) {
    const { model, on, line } = this, all = !found && !on.size && line === null;
    let n = model.n;
    const calls = all ? null : new Uint8Array(model.n);
    if (calls) {
      n = 0;
      const program = model.index.run.program.name;
      for (let i = 0; i < model.n; i++) {
        if (found && !found[i]) continue;
        if (line !== null && (model.parent[i] >= 0 || model.line[i] !== line || model.name("source", i) !== program)) continue;
        if ([...on].every((name) => model.passes(name, i))) calls[i] = ++n && 1;
      }
    }
    this.passed = calls;
    this.timeline.calls = calls;
    this.timeline.soon();
    this.tree.filter(calls);
    const where = line === null ? "" : ` on line ${line}`, rest = done < 1 ? `, searching: ${Math.round(100 * done)} %` : "";
    $("found").textContent = all ? `${plural(n, "call")}` : `${count(n)} of ${plural(model.n, "call")}${where}${rest}`;
    $("found").dataset.done = done;
    if (!all) $("found").append(" ", link("show all", () => this.clear()));
    this.later();
  }

  clear() {
    this.on.clear();
    this.line = null;
    this.text = $("search").value = "";
    this.apply();
  }

  /** Go to a call, from outside the tree. */
  pick(call) {
    if (this.passed && !this.passed[call]) this.clear();
    this.tree.select(call);
    this.turn("call", true);
  }

  picked(node) {
    this.timeline.selected = node < this.model.n ? node : -1;
    this.timeline.soon(false);
    if (!NARROW.matches) this.turn("call");
    this.later();
  }

  /** Show the pane of the selected call; with `keep`, the focus stays in the tree. */
  read(keep) {
    this.turn("call", true);
    if (!keep) $("call").focus();
  }

  /** Show a pane. On a narrow page the calls are a pane too. */
  turn(pane, asked = false) {
    if (pane === "calls" && !NARROW.matches && asked) return $("tree").focus();
    this.pane = pane;
    document.body.dataset.pane = pane;
    for (const tab of $("tabs").children) tab.setAttribute("aria-selected", tab.dataset.pane === pane);
    for (const id of ["call", "code", "run"]) $(id).hidden = id !== pane;
    this.later();
  }

  /** Draw the pane in the next frame: keys may come faster than panes are drawn. */
  later() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  async draw() {
    const { model, tree, timeline, line } = this, node = tree.selected, pick = (call) => this.pick(call);
    if (this.pane === "code") {
      const wrote = model.only < 0 ? undefined : (await model.details(model.only)).program;
      $("code").replaceChildren(...codePane(model, timeline.head, (at) => this.chooseLine(at), line, wrote));
    }
    if (this.pane === "run") $("run").replaceChildren(...runPane(model, pick));
    if (this.pane !== "call" || this.shown === node) return;
    this.shown = node;
    delete $("call").dataset.call;
    if (node < 0) return $("call").replaceChildren(make("p", "hint", "Select a call."));
    if (node >= model.n) return $("call").replaceChildren(...sitePane(model, node));
    const details = await model.details(node), shared = await model.shared;
    if (this.shown !== node) return;
    $("call").replaceChildren(...callPane(model, node, details, shared, pick));
    $("call").scrollTop = 0;
    $("call").dataset.call = model.id[node];
  }

  /** Go to the next call with an error, or to the previous one. */
  error(step) {
    const { model, tree } = this;
    const from = tree.selected < 0 ? -1 : tree.selected < model.n ? tree.selected : model.site(tree.selected).first;
    for (let i = 1; i <= model.n; i++) {
      const call = (((from + step * i) % model.n) + model.n) % model.n;
      if (model.passes("errors", call)) return this.pick(call);
    }
  }

  theme() {
    const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
    this.timeline.soon();
  }

  /** Go back: from the search or a pane to the tree, and from the tree to all calls. */
  escape() {
    if (document.activeElement !== $("tree")) {
      if (NARROW.matches) this.turn("calls");
      $("tree").focus();
    } else this.clear();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    if (event.key === "Escape") {
      event.preventDefault(); // which would clear the search
      return this.escape();
    }
    if (event.target === $("search")) {
      if (event.key === "Enter" || event.key === "ArrowDown") $("tree").focus();
      return;
    }
    if (event.target === $("order")) return;
    const { timeline } = this, twentieth = (timeline.to - timeline.from) / 20, head = timeline.head ?? this.model.end;
    const keys = {
      "/": () => $("search").focus(),
      "?": () => $("help").showModal(),
      d: () => this.theme(),
      t: () => (this.escape(), $("tree").focus()),
      n: () => this.error(1),
      p: () => this.error(-1),
      1: () => this.turn("call", true),
      2: () => this.turn("code", true),
      3: () => this.turn("run", true),
      "+": () => timeline.zoom(0.5),
      "=": () => timeline.zoom(0.5),
      "-": () => timeline.zoom(2),
      0: () => timeline.whole(),
      "[": () => timeline.setHead(head - twentieth),
      "]": () => timeline.setHead(head + twentieth),
      "\\": () => timeline.setHead(null),
    };
    for (const [name, , key] of FILTERS) keys[key] = () => this.flip(name);
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }
}

performance.mark("begun");
unpack("index").then((index) => {
  new Page(new Model(index));
  requestAnimationFrame(() => performance.mark("ready"));
});
