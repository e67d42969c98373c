// Shows what the run tells. Everything is set as text; nothing that arrives is taken for markup.
"use strict";
const by = (id) => document.getElementById(id);
const make = (name, text, className) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;
// What has not changed is not written again: a screen reader would say it again.
const write = (id, text) => { if (by(id).textContent !== text) by(id).textContent = text; };

function strip(marks) {
  const names = { o: "o", v: "v", r: "r" };
  const count = (letter) => marks.split(letter).length - 1;
  const squares = [...marks].map((mark) => make("i", undefined, names[mark]));
  by("strip").classList.toggle("many", marks.length > 120);
  by("strip").replaceChildren(...squares);
  by("strip").setAttribute("aria-label",
    `${plural(count("o"), "trial")} that count, ${count("v")} void, ${count("r")} running, ${count("-")} to come`);
}

function table({ columns, sections }) {
  const groups = make("tr", undefined, "groups"), heads = make("tr");
  let last;
  // Columns of one group share its head.
  const head = (group, text, unit) => {
    if (group && last?.textContent === group) last.colSpan += 1;
    else {
      last = make(group ? "th" : "td", group);
      if (group) last.scope = "colgroup";
      groups.append(last);
    }
    const cell = make("th", text);
    cell.scope = "col";
    if (unit) cell.append(make("span", unit, "unit"));
    heads.append(cell);
  };
  head("", "arm");
  head("", "trials");
  head("", "rate");
  for (const column of columns) head(...column);
  head("", "lost, twice");
  head("", "errors");
  const body = make("tbody");
  for (const { label, rows } of sections) {
    if (label) {
      const point = make("tr", undefined, "point"), cell = make("th", label);
      cell.colSpan = columns.length + 5;
      cell.scope = "colgroup";
      point.append(cell);
      body.append(point);
    }
    for (const row of rows) {
      const line = make("tr", undefined, row.only_void ? "void" : "");
      const title = make("th", row.title);
      title.scope = "row";
      const trials = make("td", `${row.done} of ${row.planned}`);
      if (row.void) trials.append(make("div", `${row.void} void`, "bad-text"));
      line.append(title, trials, make("td", row.rate), ...row.values.map((value) => make("td", value)));
      line.append(make("td", row.faults, row.faults === "0" ? "" : "bad-text"), make("td", row.errors, row.errors === "0" ? "" : "bad-text"));
      body.append(line);
    }
  }
  const thead = make("thead");
  thead.append(groups, heads);
  by("table").replaceChildren(thead, body);
}

function gates(failed) {
  by("gates-section").hidden = failed.length === 0;
  by("gates").replaceChildren(...failed.map(({ gate, trials, cells, seen, advice }) => {
    const item = make("li");
    item.append(make("code", gate), ` voided ${plural(trials, "trial")} (${cells.join("; ")}). Seen: ${seen}. What helps: ${advice}.`);
    return item;
  }));
}

let over = false;
const events = new EventSource("/events");

events.addEventListener("board", ({ data }) => {
  const board = JSON.parse(data);
  const [file, files] = board.file;
  write("scenario", board.scenario);
  write("file", files > 1 ? `file ${file} of ${files}` : "");
  write("question", board.question || board.scenario);
  const done = `${board.done} of ${plural(board.planned, "trial")} done`;
  const left = board.done < board.planned ? `, ${board.left}` : "";
  write("status", `${done}${left}. ${board.void ? `${plural(board.void, "trial")} void.` : "None void."}`);
  document.title = `${board.done}/${board.planned} ${board.scenario}`;
  strip(board.marks);
  gates(board.gates);
  table(board.table);
});

events.addEventListener("now", ({ data }) => {
  const now = JSON.parse(data);
  write("now-title", now.title || "");
  write("now-text", now.text);
});

events.addEventListener("end", ({ data }) => {
  over = true;
  events.close();
  const { records } = JSON.parse(data);
  const bad = records.length === 0 || records.some((record) => !record.complete || record.void || record.thresholds_failed);
  by("over").classList.toggle("bad", bad);
  by("records").replaceChildren(...records.flatMap((record) => {
    const whole = record.complete ? `all ${plural(record.trials, "trial")}` : `${plural(record.trials, "trial")}, not the whole plan`;
    const judged = [record.void ? `${record.void} void` : "none void"];
    if (record.thresholds_failed) judged.push(`${plural(record.thresholds_failed, "threshold")} failed`);
    const report = make("p", "The report: ");
    report.append(make("code", record.report));
    const lines = [make("p", `${record.scenario}: ${whole}, ${judged.join(", ")}.`), report];
    if (!record.complete) {
      const rest = make("p", "The same command with ");
      rest.append(make("code", "--resume"), " runs the rest.");
      lines.push(rest);
    }
    return lines;
  }));
  if (records.length === 0) by("records").append(make("p", "It ended without a record; the terminal says why."));
  by("over").hidden = false;
  by("now").hidden = true;
  write("table-title", "At the end");
  write("status", "The run is over. This page will not change any more.");
  document.title = `Over: ${document.title.replace(/^\S+ /, "")}`;
});

events.onerror = () => {
  if (!over) write("status", "No word from the run. It may have been stopped; trying again.");
};
