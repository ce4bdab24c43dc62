// The run: columns of its calls, their tree, and filters.

/** Return the data in the element `id`, once the browser has read it. */
async function unpack(id) {
  if (!document.getElementById(id) && document.readyState === "loading")
    await new Promise((ready) => document.addEventListener("DOMContentLoaded", ready, { once: true }));
  const packed = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** A run. Nodes of its tree are numbers: calls by their position, then sites, which group the calls of one place. */
class Model {
  constructor(index) {
    Object.assign(this, index.columns);
    this.index = index;
    this.names = index.names;
    this.n = this.id.length;
    this.critical = new Set(index.critical);
    this.end = index.seconds * 1e6;
    this.priced = this.cost.some((cost) => cost !== null);
    this.addUp();
    this.grow();
    this.limits();
    const [only, other] = this.kids.get(-1);
    this.only = other === undefined && only < this.n ? only : -1; // the one call that all others are made for
    this.opened = new Map();
    this.shared = null;
  }

  name(column, call) {
    return this.names[this[column][call]];
  }

  seconds(call) {
    return this.finished[call] - this.started[call];
  }

  /** Compute the totals of each call with those below it, and the root of each call. */
  addUp() {
    const { n, parent } = this;
    this.tokens = Float64Array.from({ length: n }, (_, i) => this.prompt[i] + this.completion[i]);
    this.money = Float64Array.from(this.cost, (cost) => cost ?? 0);
    this.allTokens = this.tokens.slice();
    this.allMoney = this.money.slice();
    this.root = Int32Array.from(parent, (up, i) => (up < 0 ? i : 0));
    for (let i = n - 1; i >= 0; i--)
      if (parent[i] >= 0) {
        this.allTokens[parent[i]] += this.allTokens[i];
        this.allMoney[parent[i]] += this.allMoney[i];
      }
    for (let i = 0; i < n; i++) if (parent[i] >= 0) this.root[i] = this.root[parent[i]];
  }

  /** Build the tree: `kids` of each node, -1 being the run; `up` and `depth`. */
  grow() {
    const places = new Map(); // place → its calls
    for (let i = 0; i < this.n; i++) {
      const place = `${this.parent[i]} ${this.source[i]} ${this.within[i]} ${this.line[i]}`;
      const calls = places.get(place);
      if (calls) calls.push(i);
      else places.set(place, [i]);
    }
    this.kids = new Map([[-1, []]]);
    this.up = new Int32Array(this.n + places.size).fill(-1);
    this.sites = [];
    const add = (above, node) => {
      this.up[node] = above;
      if (!this.kids.has(above)) this.kids.set(above, []);
      this.kids.get(above).push(node);
    };
    for (const calls of places.values()) {
      if (calls.length === 1) {
        add(this.parent[calls[0]], calls[0]);
        continue;
      }
      const site = this.n + this.sites.length;
      this.sites.push(this.sum(calls));
      add(this.parent[calls[0]], site);
      for (const call of calls) this.up[call] = site;
      this.kids.set(site, calls);
    }
    this.depth = new Uint32Array(this.n + this.sites.length);
    const open = [...this.kids.get(-1)];
    while (open.length) {
      const node = open.pop();
      this.depth[node] = this.up[node] < 0 ? 0 : this.depth[this.up[node]] + 1;
      for (const kid of this.kids.get(node) ?? []) open.push(kid);
    }
  }

  /** Return the totals of the calls of one place. */
  sum(calls) {
    const alike = calls.every((call) => this.instruction[call] === this.instruction[calls[0]]);
    const site = { first: calls[0], count: calls.length, alike, seconds: 0, tokens: 0, cost: 0, hits: 0, statuses: {} };
    for (const call of calls) {
      const status = this.name("status", call);
      site.statuses[status] = (site.statuses[status] ?? 0) + 1;
      site.seconds += this.seconds(call);
      site.tokens += this.allTokens[call];
      site.cost += this.allMoney[call];
      site.hits += this.hits[call];
    }
    return site;
  }

  site(node) {
    return this.sites[node - this.n];
  }

  /** Find from where on calls are slow or expensive: the top twentieth. */
  limits() {
    const top = (values) => {
      const positive = values.filter((value) => value > 0).sort();
      return positive.length ? positive[Math.floor(positive.length * 0.95)] : Infinity;
    };
    this.slow = top(Float64Array.from({ length: this.n }, (_, i) => this.seconds(i)));
    this.expense = this.priced ? this.money : this.tokens;
    this.expensive = top(this.expense);
  }

  /** Return whether a call passes a filter. */
  passes(filter, call) {
    switch (filter) {
      case "errors": return ["failed", "unfinished"].includes(this.name("status", call)) || this.name("error", call) !== "";
      case "memo": return this.hits[call] > 0 || this.name("status", call) === "stored";
      case "slow": return this.seconds(call) >= this.slow;
      case "expensive": return this.expense[call] >= this.expensive;
      case "critical": return this.critical.has(call);
    }
  }

  /** Return the part of a call that is not in the index. */
  async details(call) {
    const { blocks } = this.index;
    let low = 0, high = blocks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (blocks[middle] <= call) low = middle;
      else high = middle;
    }
    if (!this.opened.has(low)) {
      if (this.opened.size > 8) this.opened.delete(this.opened.keys().next().value);
      this.opened.set(low, unpack(`block-${low}`));
    }
    this.shared ??= unpack("texts");
    return (await this.opened.get(low))[call - blocks[low]];
  }

  /** Return the calls that contain a text in their instruction or the beginnings of arguments and answer. */
  search(text) {
    this.hay ??= Array.from({ length: this.n }, (_, i) =>
      [`#${this.id[i]}`, this.name("instruction", i), this.arguments[i], this.answer[i], this.name("error", i)]
        .join("\n").toLowerCase());
    const found = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) if (this.hay[i].includes(text)) found[i] = 1;
    return found;
  }

  /** Add to `found` the calls whose prompts and answers contain a text. Yields, after each block, what part is done. */
  async *searchAll(text, found) {
    const { blocks } = this.index;
    for (let block = 0; block < blocks.length; block++) {
      const calls = await unpack(`block-${block}`);
      calls.forEach((call, at) => {
        if (!found[blocks[block] + at] && texts(call).some((each) => each.toLowerCase().includes(text)))
          found[blocks[block] + at] = 1;
      });
      yield (block + 1) / blocks.length;
    }
  }
}

/** Return the texts of a call that are its own, not shared. */
function texts(call) {
  const found = [call.answer ?? "", call.program ?? "", ...Object.values(call.error ?? {})];
  for (const { preview } of call.arguments ?? []) found.push(preview);
  for (const { prompt, output } of call.generations ?? [])
    found.push(output ?? "", ...prompt.map(([, content]) => content).filter((content) => typeof content === "string"));
  return found;
}
