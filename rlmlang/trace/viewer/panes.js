// The panes beside the tree: a call, the program with the cost of its lines, the run.

const MANY = 50; // entries of a list
const LONGEST = 200_000; // characters of a program; none that runs is longer

/** Return a heading and a part; nothing if there is no part. */
function part(title, body, ...more) {
  if (!body) return [];
  return [make("h3", "", title), body, ...more];
}

/** Return a part that is closed at first. */
function folded(title, body) {
  const box = make("details");
  box.append(make("summary", "", title), body());
  return box;
}

function failure({ code, message }) {
  const box = make("div", "failure");
  box.append(make("b", "", code.slice(0, LINE)), longText(message));
  return box;
}

/** Return the scalar fields of an event that a pane does not show in a place of their own. */
function others(event, known) {
  const names = new Set(known.split(" "));
  return Object.entries(event)
    .filter(([name, value]) => !names.has(name) && value !== null && value !== "" && typeof value !== "object")
    .map(([name, value]) => [name.replaceAll("_", " "), String(value)]);
}

/** Return who answers a call: a model, by name if the log has it, or a program or text that it writes. */
function answerer(form, model) {
  const name = model && oneLine(model);
  if (form === "function") return "a function of the host";
  return form === "leaf" ? name : name ? `a ${form} of ${name}` : `a ${form}`;
}

/** Return the pane of a call, from its `details` and the texts that calls share. */
function callPane(model, call, details, shared, pick) {
  const status = model.name("status", call), up = model.parent[call];
  const head = make("h2", "", oneLine(model.name("instruction", call)));
  const pill = make("span", `pill ${status in MARKS ? status : ""}`, status);
  const parent = up < 0 ? undefined : link(`#${model.id[up]}`, () => pick(up));
  const waited = model.started[call] - model.asked[call];
  const kids = model.kids.has(call);
  return [
    head,
    facts([
      ["call", make("span", "", `#${model.id[call]}`)],
      ["status", pill],
      ["made by", parent],
      ["type", model.name("type", call) || undefined],
      ["place", `${model.name("source", call)}:${model.line[call]}` + (model.name("within", call) ? `, in ${model.name("within", call)}` : "")],
      ["answered by", answerer(model.name("form", call), details.model)],
      ["took", duration(model.seconds(call)) + (waited > 0 ? `, after waiting ${duration(waited)}` : "")],
      ["began at", duration(model.started[call])],
      ["tokens", `${count(model.prompt[call])} in, ${count(model.completion[call])} out`],
      ["cost", model.cost[call] === null ? undefined : money(model.cost[call])],
      ["with calls below", kids ? `${count(model.allTokens[call])} tokens, ${money(model.priced ? model.allMoney[call] : null)}` : undefined],
      ["answer stored by", details.origin === undefined ? undefined : `call #${details.origin}, before the run was resumed`],
      ["equal calls", details.hits && details.hits.slice(0, MANY).map(([source, line, n]) => `${count(n)} at ${source}:${line}`).join(", ")],
      ["key", details.key && make("code", "key", details.key)],
      ...others(details, "instruction key answer program origin printed model"),
    ]),
    ...part("Error", details.error && failure(details.error)),
    ...part("Instruction", details.instruction && longText(details.instruction)),
    ...part("Arguments", details.arguments && facts(details.arguments.map(({ name, preview }, at) => [name || `${at + 1}`, longText(preview)]))),
    ...part("Answer", details.answer && longText(details.answer)),
    ...part("Printed", details.printed && longText(details.printed)),
    ...part("Program", details.program && code(details.program, lineCosts(model, "<answer>", null, call), null)),
    ...(details.generations ?? []).flatMap((each, at) => generation(each, at, shared)),
  ];
}

function generation(given, at, shared) {
  const each = { started: 0, finished: 0, prompt: [], prompt_tokens: 0, completion_tokens: 0, ...given }; // zeros are left out
  const box = make("div", "generation");
  box.append(
    facts([
      ["took", duration(1e6 * (each.finished - each.started))],
      ["tokens", `${count(each.prompt_tokens)} in, ${count(each.completion_tokens)} out`],
      ["cached", each.cached_tokens ? count(each.cached_tokens) : undefined],
      ["forced", each.forced_tokens ? count(each.forced_tokens) : undefined],
      ["cost", each.cost === undefined ? undefined : money(each.cost)],
      ["ended by", each.finish],
      ["constrained to", each.grammar === undefined ? undefined : make("code", "key", `grammar ${each.grammar}`)],
      ["after", each.opening ? make("code", "", oneLine(each.opening)) : undefined],
      ...others(each, "attempt written grammar opening output finish started finished prompt_tokens completion_tokens cached_tokens forced_tokens cost"),
    ]),
    ...(each.error ? [failure(each.error)] : []),
    ...each.prompt.map(([role, content]) => {
      if (typeof content === "number") return folded(`${role}, shared`, () => longText(shared[content]));
      const message = make("div", "message");
      message.append(make("h4", "", role), longText(content));
      return message;
    }),
    ...(each.written ? [folded("written before, and continued", () => longText(each.written))] : []),
  );
  const output = make("div", "message output");
  output.append(make("h4", "", "output"), longText(each.output ?? ""));
  box.append(output);
  return part(at ? `Attempt ${at + 1}` : "Generation", box);
}

/** Return the pane of the calls of one place. */
function sitePane(model, node) {
  const site = model.site(node), first = site.first;
  return [
    make("h2", "", `${oneLine(model.name("within", first)) || "the value"} × ${count(site.count)}`),
    facts([
      ["instruction", oneLine(model.name("instruction", first))],
      ["place", `${model.name("source", first)}:${model.line[first]}`],
      ...Object.entries(site.statuses).map(([status, n]) => [status, count(n)]),
      ["equal calls", site.hits ? count(site.hits) : undefined],
      ["time of all", duration(site.seconds)],
      ["on average", duration(site.seconds / site.count)],
      ["tokens", count(site.tokens)],
      ["cost", model.priced ? money(site.cost) : undefined],
    ]),
  ];
}

function link(text, go) {
  const button = make("button", "link", text);
  button.onclick = go;
  return button;
}

/** Return what the lines of a source cost until a time (null: in all), by number, including calls below: of the program
    itself, or of the program that answered `parent`. */
function lineCosts(model, source, until, parent = -1) {
  const lines = new Map(), at = new Int32Array(model.n).fill(-1);
  for (let call = 0; call < model.n; call++) {
    const up = model.parent[call];
    at[call] = up === parent ? call : up >= 0 ? at[up] : -1;
    const top = at[call];
    if (top < 0 || model.name("source", top) !== source || (until !== null && model.finished[call] > until)) continue;
    let line = lines.get(model.line[top]);
    if (!line) lines.set(model.line[top], (line = { calls: 0, failed: 0, tokens: 0, cost: 0 }));
    if (top === call) line.calls++;
    if (model.name("status", call) === "failed") line.failed++;
    line.tokens += model.tokens[call];
    line.cost += model.money[call];
  }
  return lines;
}

const COLORED = 2000; // characters of a line; longer lines are not colored
// The words of `grammar/rlm.lark`, the constants, and what a call is written with; a test compares them.
const WORDS = (
  "and as assert break class continue def del elif else except for from if import in is lambda not or pass raise return try while " +
  "True False None CALL Literal"
).split(" ");
const TOKENS = new RegExp(`(#.*$)|("(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*')|\\b(${WORDS.join("|")})\\b`, "g");

/** Return a table cell with a colored line of a program. */
function colored(content) {
  const cell = make("td", "source");
  let at = 0;
  for (const found of content.length > COLORED ? [] : content.matchAll(TOKENS)) {
    cell.append(visible(content.slice(at, found.index)), make("span", found[1] ? "comment" : found[2] ? "string" : "word", found[0]));
    at = found.index + found[0].length;
  }
  cell.append(visible(content.slice(at)) || " ");
  return cell;
}

/** Return a program text with the cost of each line. `pick` is called with a line that is clicked on. */
function code(text, lines, pick, chosen = null) {
  const table = make("table", "code");
  let most = 1e-12;
  for (const line of lines.values()) most = Math.max(most, line.cost || line.tokens / 1e9);
  text.slice(0, LONGEST).replace(/\n$/, "").split("\n").forEach((content, at) => {
    const line = lines.get(at + 1), row = make("tr", at + 1 === chosen ? "chosen" : "");
    const share = line ? (line.cost || line.tokens / 1e9) / most : 0;
    const cost = make("td", "n cost", line && line.cost ? money(line.cost) : "");
    if (line) cost.style.backgroundSize = `${100 * share}% 100%`;
    row.append(
      make("td", "n number", String(at + 1)),
      make("td", line?.failed ? "n failed" : "n", line ? `${count(line.calls)}×` : ""),
      make("td", "n", line ? short(line.tokens) : ""),
      cost,
      colored(content),
    );
    if (line && pick) {
      row.tabIndex = 0;
      row.classList.add("linked");
      row.onclick = () => pick(at + 1);
      row.onkeydown = (event) => event.key === "Enter" && pick(at + 1);
    }
    table.append(row);
  });
  return table;
}

/** Return the pane of the program, with the cost of its lines until a time; and, if all calls are made for one call, of
    the program that the model `wrote` for it. */
function codePane(model, until, pick, chosen, wrote) {
  const { run } = model.index, lines = lineCosts(model, run.program.name, until);
  const others = new Map();
  for (let call = 0; call < model.n; call++) {
    const source = model.name("source", call);
    if (model.parent[call] < 0 && source !== run.program.name) others.set(source, (others.get(source) ?? 0) + 1);
  }
  const when = until === null ? "Calls, tokens and cost of each line, over the whole run" : `Calls, tokens and cost of each line after ${duration(until)}`;
  return [
    make("h2", "", oneLine(run.program.name) || "Program"),
    make("p", "hint", `${when}. Drag along the top of the timeline to see them at another time.`),
    code(run.program.text, lines, pick, chosen),
    ...part("What the model wrote", wrote && code(wrote, lineCosts(model, "<answer>", until, model.only), null)),
    ...[...others].slice(0, MANY).map(([source, n]) => make("p", "hint", `${plural(n, "call")} in ${source}`)),
  ];
}

/** Return the pane of the run: its settings, inputs, value, and critical path. */
function runPane(model, pick) {
  const { run, resumptions, end, before, critical, printed } = model.index, inputs = Object.entries(run.inputs);
  const path = make("ol", "path");
  for (const call of critical.slice(0, 10 * MANY)) {
    const item = make("li");
    item.append(
      link(`#${model.id[call]} ${oneLine(model.name("instruction", call), 80) || "call"}`, () => pick(call)),
      make("span", "hint", ` ${duration(model.seconds(call))}` + (model.started[call] > model.asked[call] ? `, waited ${duration(model.started[call] - model.asked[call])}` : "")),
    );
    path.append(item);
  }
  return [
    make("h2", "", "Run"),
    facts([
      ["run", make("code", "", run.run)],
      ["command", `rlmlang ${run.command}`],
      ["model", run.model],
      ["model for direct answers", run.leaf_model || undefined],
      ["began", new Date(run.started * 1000).toLocaleString()],
      ["resumed", resumptions ? plural(resumptions, "time") : undefined],
      ["spent before", before.generations ? `${plural(before.generations, "answer")}, ${count(before.prompt_tokens)} tokens in, ${count(before.completion_tokens)} out, ${money(before.cost)}` : undefined],
      ["writing", run.writing || undefined],
      ["version of the language", run.language === "" ? undefined : String(run.language)],
      ["version of the prompts", run.prompts === "" ? undefined : String(run.prompts)],
      ["rlmlang", run.rlmlang === "" ? undefined : String(run.rlmlang)],
      ...others(run, "version run started resumed command model identity leaf_model leaf_identity guidance writing language prompts rlmlang"),
    ]),
    ...part("Value", end && end.value !== null && longText(end.value)),
    ...part("Printed", printed && longText(printed)),
    ...part("Error", end?.error && failure(end.error)),
    ...part("Guidance", run.guidance && longText(run.guidance)),
    ...part("Inputs", inputs.length && facts(inputs.map(([name, input]) => [`${name}: ${input.type}`, longText(input.preview)]))),
    ...part(`Critical path: ${plural(critical.length, "call")} that the end of the run waited for`, critical.length && path),
    ...part("Limits", facts(Object.entries(run.limits).filter(([, value]) => value !== null))),
  ];
}
