// The tree of calls. Only visible rows have elements.

const TALLEST = 15e6; // pixels; browsers draw nothing beyond about 17 million
const SPARE = 6; // rows above and below the visible ones
const OPENED = 200; // rows that are shown at first, approximately

const MARKS = { done: "●", stored: "↺", failed: "✕", cancelled: "○", unfinished: "…" };

class Tree {
  /** `pick` is called with a node that is selected, `enter` with one that is opened to be read. */
  constructor(model, box, pick, enter) {
    Object.assign(this, { model, box, pick, enter });
    this.spacer = box.firstElementChild;
    box.classList.toggle("unpriced", !model.priced);
    this.pool = [];
    this.rows = [];
    this.updates = 0;
    this.selected = -1;
    this.order = "tree";
    this.calls = null; // which calls pass the filters, or null for all
    this.open = this.begin();
    this.folded = new Set(); // what was closed while a filter was on
    this.place();
    box.addEventListener("scroll", () => this.soon(), { passive: true });
    box.addEventListener("click", (event) => this.click(event));
    box.addEventListener("dblclick", (event) => this.click(event, true));
    box.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.soon()).observe(box);
  }

  /** Return what is open at first: from the top down, as much as fits into `OPENED` rows. */
  begin() {
    const open = new Set([-1]), { kids } = this.model;
    const queue = [-1];
    let rows = 0;
    for (const node of queue) {
      const below = kids.get(node) ?? [];
      if (node >= 0 && rows + below.length > OPENED) continue;
      open.add(node);
      rows += below.length;
      queue.push(...(below.length > OPENED ? [] : below.filter((kid) => kids.has(kid))));
    }
    return open;
  }

  place() {
    const { kids, n, sites } = this.model;
    this.nth = new Uint32Array(n + sites.length);
    for (const nodes of kids.values()) nodes.forEach((node, at) => (this.nth[node] = at + 1));
  }

  isOpen(node) {
    return this.calls ? !this.folded.has(node) : this.open.has(node);
  }

  /** Show the calls that pass the filters: an array of flags, or null for all. */
  filter(calls) {
    this.calls = calls;
    this.passed = null;
    this.folded.clear();
    this.update();
  }

  /** Compute the rows again. */
  update() {
    const { model, calls } = this;
    if (this.order !== "tree") {
      const by = this.order === "cost" ? model.expense : model.finished.map((_, i) => model.seconds(i));
      this.rows = Int32Array.from({ length: model.n }, (_, i) => i).filter((i) => !calls || calls[i]);
      this.rows.sort((a, b) => by[b] - by[a]);
    } else {
      const keep = calls && this.above(calls);
      const rows = [], stack = [...model.kids.get(-1)].reverse();
      while (stack.length) {
        const node = stack.pop();
        if (keep && !keep[node]) continue;
        rows.push(node);
        const below = this.isOpen(node) ? model.kids.get(node) : null;
        if (below) for (let i = below.length - 1; i >= 0; i--) stack.push(below[i]);
      }
      this.rows = rows;
    }
    this.updates++;
    this.at = new Map();
    this.rows.forEach((node, row) => this.at.set(node, row));
    this.soon();
  }

  /** Return the nodes of some calls and those above them; sets `passed`, the number of these calls in each site. */
  above(calls) {
    const { up, n, sites } = this.model;
    const keep = new Uint8Array(n + sites.length);
    this.passed = new Uint32Array(sites.length);
    for (let i = 0; i < n; i++) {
      if (!calls[i]) continue;
      if (up[i] >= n) this.passed[up[i] - n]++;
      for (let node = i; node >= 0 && !keep[node]; node = up[node]) keep[node] = 1;
    }
    return keep;
  }

  soon() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  /** Return the sizes, in pixels, of a row, the view and all rows, and how far the rows are scrolled. */
  measure() {
    const row = parseFloat(getComputedStyle(this.box).getPropertyValue("--row"));
    const view = this.box.clientHeight, total = this.rows.length * row, height = Math.min(total, TALLEST);
    const scale = height > view ? (total - view) / (height - view) : 1;
    return { row, view, height, scale, offset: this.box.scrollTop * scale };
  }

  draw() {
    const { row, view, height, offset } = this.measure();
    this.spacer.style.height = `${height}px`;
    const first = Math.max(0, Math.floor(offset / row) - SPARE);
    const last = Math.min(this.rows.length, Math.ceil((offset + view) / row) + SPARE);
    while (this.pool.length < last - first) this.pool.push(this.spacer.appendChild(newRow(this.pool.length)));
    for (const element of this.pool) element.hidden = true;
    for (let at = first; at < last; at++) {
      const element = this.pool[at % this.pool.length]; // so that a row keeps its element while others scroll in
      element.hidden = false;
      element.style.transform = `translateY(${this.box.scrollTop + at * row - offset}px)`;
      this.fill(element, this.rows[at]);
    }
    const active = this.pool.find((element) => !element.hidden && element.node === this.selected);
    if (active) this.box.setAttribute("aria-activedescendant", active.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  fill(element, node) {
    const { model } = this, { parts } = element, flat = this.order !== "tree";
    const stamp = `${node} ${node === this.selected} ${this.updates}`;
    if (element.stamp === stamp) return;
    element.stamp = stamp;
    const kids = model.kids.get(node), depth = flat ? 0 : model.depth[node];
    element.node = node;
    element.style.setProperty("--depth", Math.min(depth, 12));
    element.setAttribute("aria-level", depth + 1);
    element.setAttribute("aria-posinset", this.nth[node]);
    element.setAttribute("aria-setsize", model.kids.get(model.up[node]).length);
    element.setAttribute("aria-selected", node === this.selected);
    if (kids && !flat) element.setAttribute("aria-expanded", this.isOpen(node));
    else element.removeAttribute("aria-expanded");
    parts.fold.textContent = kids && !flat ? (this.isOpen(node) ? "▾" : "▸") : "";
    if (node >= model.n) this.fillSite(element, model.site(node), this.passed?.[node - model.n]);
    else this.fillCall(element, node);
  }

  fillCall(element, call) {
    const { model } = this, { parts } = element, status = model.name("status", call);
    element.className = `row ${status in MARKS ? status : ""}`;
    parts.mark.textContent = MARKS[status] ?? "";
    parts.mark.title = status;
    const [given, asked] = [oneLine(model.arguments[call]), oneLine(model.name("instruction", call))];
    const sameInstruction = this.order === "tree" && model.up[call] >= model.n && model.site(model.up[call]).alike;
    parts.label.textContent = (sameInstruction && given) || asked || `#${model.id[call]}`;
    parts.hint.textContent = sameInstruction ? "" : given;
    parts.answer.textContent = oneLine(model.name("error", call) || model.answer[call]);
    parts.bar.hidden = true;
    parts.more.textContent = model.hits[call] ? `+${short(model.hits[call])}` : "";
    parts.more.title = "Equal calls that it answered";
    parts.seconds.textContent = duration(model.seconds(call));
    parts.tokens.textContent = short(model.allTokens[call]);
    parts.cost.textContent = model.priced ? money(model.allMoney[call]) : "";
  }

  /** Fill the row of a site; `passed` is how many of its calls pass the filters, undefined without filters. */
  fillSite(element, site, passed) {
    const { model } = this, { parts } = element, { first, statuses } = site;
    element.className = "row site";
    parts.mark.textContent = "";
    const many = passed === undefined ? count(site.count) : `${count(passed)} of ${count(site.count)}`;
    parts.label.textContent = `${oneLine(model.name("within", first)) || "the value"} × ${many}`;
    parts.hint.textContent = oneLine(model.name("instruction", first));
    parts.answer.textContent = "";
    parts.bar.hidden = false;
    [...parts.bar.children].forEach((part) => (part.style.flexGrow = statuses[part.className] ?? 0));
    parts.bar.title = Object.entries(statuses).map(([status, n]) => `${count(n)} ${status}`).join(", ");
    parts.more.textContent = site.hits ? `+${short(site.hits)}` : "";
    parts.more.title = "Equal calls that these answered";
    parts.seconds.textContent = duration(site.seconds);
    parts.tokens.textContent = short(site.tokens);
    parts.cost.textContent = model.priced ? money(site.cost) : "";
  }

  /** Select a node, opening the nodes above it where needed. */
  select(node, notify = true) {
    if (!this.at.has(node)) {
      for (let up = this.model.up[node]; up >= 0; up = this.model.up[up]) {
        this.open.add(up);
        this.folded.delete(up);
      }
      this.update();
    }
    this.selected = node;
    this.show();
    if (notify) this.pick(node);
  }

  /** Scroll to the selected node. */
  show() {
    const { row, view, scale, offset } = this.measure();
    const top = (this.at.get(this.selected) ?? 0) * row;
    if (top < offset) this.box.scrollTop = top / scale;
    else if (top + row > offset + view) this.box.scrollTop = (top + row - view) / scale;
    this.soon();
  }

  toggle(node, open = !this.isOpen(node)) {
    if (!this.model.kids.has(node) || this.order !== "tree" || open === this.isOpen(node)) return;
    const set = this.calls ? this.folded : this.open;
    if (open === Boolean(this.calls)) set.delete(node);
    else set.add(node);
    this.update();
  }

  openAll() {
    for (const node of this.model.kids.keys()) this.open.add(node);
    this.folded.clear();
    this.update();
  }

  click(event, twice = false) {
    const element = event.target.closest(".row");
    if (!element) return;
    if (twice || event.target === element.parts.fold) this.toggle(element.node);
    this.select(element.node);
    if (!twice && event.target !== element.parts.fold && element.node < this.model.n) this.enter(element.node, true);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.at.get(this.selected) ?? -1, last = this.rows.length - 1;
    const { row, view } = this.measure(), page = Math.max(1, Math.floor(view / row) - 1);
    const go = (to) => last >= 0 && this.select(this.rows[Math.max(0, Math.min(last, to))]);
    const keys = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      j: () => go(at + 1),
      k: () => go(at - 1),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page),
      Home: () => go(0),
      End: () => go(last),
      ArrowRight: () => this.isOpen(this.selected) ? this.model.kids.has(this.selected) && go(at + 1) : this.toggle(this.selected, true),
      ArrowLeft: () => this.leave(),
      Enter: () => this.selected >= 0 && (this.selected < this.model.n ? this.enter(this.selected) : this.toggle(this.selected)),
      " ": () => this.toggle(this.selected),
      "*": () => this.openAll(),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  }

  /** Close the selected node, or go to the node above it. */
  leave() {
    const node = this.selected, up = this.model.up[node];
    if (node >= 0 && this.model.kids.has(node) && this.isOpen(node)) this.toggle(node, false);
    else if (up >= 0) this.select(up);
  }
}

/** Return an empty row, with its `parts` by name. */
function newRow(number) {
  const element = make("div", "row");
  element.id = `row-${number}`;
  element.setAttribute("role", "treeitem");
  element.parts = {};
  for (const name of ["fold", "mark", "what", "answer", "bar", "more", "seconds", "tokens", "cost"])
    element.append((element.parts[name] = make("span", name)));
  for (const name of ["label", "hint"]) element.parts.what.append((element.parts[name] = make("span", name)));
  for (const status of Object.keys(MARKS)) element.parts.bar.append(make("i", status));
  return element;
}
