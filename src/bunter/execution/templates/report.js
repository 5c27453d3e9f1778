"use strict";
(() => {
  const all = JSON.parse(document.getElementById("quanta").textContent);
  const of = new Map(all.map((one) => [one.quantum, one]));
  const readers = new Map();
  for (const one of all)
    for (const ref of one.inputs)
      if (ref.maker !== null) {
        if (!readers.has(ref.maker)) readers.set(ref.maker, new Set());
        readers.get(ref.maker).add(one.quantum);
      }
  const list = document.getElementById("list"), panel = document.getElementById("one");
  const words = document.getElementById("words"), found = document.getElementById("found");
  const most = 200;
  let chosen = null;

  const make = (tag, text, kind) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (kind) node.className = kind;
    return node;
  };
  const name = (one) => `${one.task} ${one.data_id}`;
  const link = (number) => {
    const node = make("button", name(of.get(number)), "go");
    node.dataset.quantum = number;
    return node;
  };
  const size = (count) => {
    let unit = 0;
    while (count >= 1000 && unit < 4) { count /= 1000; unit += 1; }
    return `${count.toFixed(unit ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
  };

  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter((word) => word);
    const fits = all.filter((one) => {
      const text = `${one.task} ${one.data_id} ${one.state}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    found.textContent = fits.length > most ? `${fits.length}, the first ${most} shown` : `${fits.length}`;
    list.replaceChildren(...fits.slice(0, most).map((one) => {
      const row = make("tr", undefined, one.quantum === chosen ? "chosen" : "");
      row.dataset.quantum = one.quantum;
      row.tabIndex = 0;
      row.append(make("td", name(one)), make("td", one.state, one.state));
      return row;
    }));
  };

  const datasets = (title, refs, more, side) => {
    const items = refs.map((ref) => {
      const item = make("li", `${ref.type} ${ref.data_id}`);
      if (side === "in" && ref.maker !== null && of.has(ref.maker)) item.append(" from ", link(ref.maker));
      return item;
    });
    if (more) items.push(make("li", `and ${more} more`, "soft"));
    const body = make("ul");
    body.append(...items);
    return [make("h3", title), items.length ? body : make("p", "none", "soft")];
  };

  const open = (number) => {
    const one = of.get(number);
    if (!one) return;
    chosen = number;
    const facts = [one.state];
    if (one.wall_s) facts.push(`${one.wall_s.toFixed(2)} s`, `CPU ${one.cpu_s.toFixed(2)} s`, size(one.peak_memory), one.host);
    const parts = [make("b", name(one)), make("p", facts.join(" \u00b7 "), one.state)];
    if (one.problem) parts.push(make("p", one.problem));
    parts.push(...datasets("Inputs", one.inputs, one.more_inputs, "in"));
    parts.push(...datasets(["failed", "blocked", "waiting"].includes(one.state) ? "Outputs that were planned" : "Outputs", one.outputs, one.more_outputs, "out"));
    const next = [...(readers.get(number) || [])];
    if (next.length) {
      const body = make("ul");
      body.append(...next.slice(0, 20).map((reader) => { const item = make("li"); item.append(link(reader)); return item; }));
      if (next.length > 20) body.append(make("li", `and ${next.length - 20} more`, "soft"));
      parts.push(make("h3", "Read by"), body);
    }
    if (one.log) parts.push(make("h3", "Log"), make("pre", one.log));
    panel.replaceChildren(...parts);
    show();
  };

  document.addEventListener("click", (event) => {
    const node = event.target.closest("[data-quantum]");
    if (!node) return;
    open(Number(node.dataset.quantum));
    if (!node.closest(".walk")) panel.scrollIntoView({ behavior: "smooth", block: "center" });
  });
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open(Number(event.target.dataset.quantum));
  });
  words.addEventListener("input", show);
  show();
})();
