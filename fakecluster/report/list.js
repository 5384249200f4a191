// The list of events: only the rows that are seen exist.

const ROW = 24;
const list = document.getElementById("list");
const rows = document.getElementById("rows");
const filter = document.getElementById("filter");
// Of two runs, what cannot be compared is not asked for either.
const hidden = new Set(["message", "call", "notice", ...(both ? ["report"] : [])].filter((kind) => data.kinds.includes(kind)));
let shown = [];

function matches(event, wanted) {
  if (hidden.has(kindOf(event))) return false;
  if (!wanted.length) return true;
  const text = (fullName(event[LANE]) + " " + kindOf(event) + " " + event[TEXT] + " " + event[ERRNO]).toLowerCase();
  return wanted.every((word) => text.includes(word));
}

function refilter() {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = [];
  events.forEach((event, index) => { if (matches(event, wanted)) shown.push(index); });
  document.getElementById("count").textContent =
    shown.length.toLocaleString("en") + " of " + events.length.toLocaleString("en");
  // Browsers place nothing beyond some ten million pixels.
  rows.style.height = Math.min(shown.length * ROW, 8e6) + "px";
  paintRows();
}

// A list longer than a browser can scroll is scrolled by its share.
const stretch = () => Math.max(1, (shown.length * ROW - list.clientHeight) / Math.max(1, Math.min(shown.length * ROW, 8e6) - list.clientHeight));

function paintRows() {
  const offset = list.scrollTop * stretch();
  const first = Math.max(0, Math.floor(offset / ROW) - 2);
  const last = Math.min(shown.length, Math.ceil((offset + list.clientHeight) / ROW) + 2);
  const made = [];
  for (let at = first; at < last; at += 1) {
    const row = makeRow(shown[at]);
    row.style.top = list.scrollTop + at * ROW - offset + "px";
    made.push(row);
  }
  rows.replaceChildren(...made);
}

function makeRow(index) {
  const event = events[index], row = document.createElement("div");
  row.className = "row " + [glyphOf(event), differs.has(index) ? "differs" : "", index === view.selected ? "now" : ""].join(" ");
  row.dataset.index = index;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", String(index === view.selected));
  row.append(cell("t", clock(realOf(index), 1000)), cell("n", fullName(event[LANE])), cell("w", event[TEXT]));
  row.title = event[TEXT];
  return row;
}

function cell(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

function revealRow(index) {
  const at = firstAt(shown, index, (one) => one);
  const y = at * ROW / stretch();
  if (y < list.scrollTop || y > list.scrollTop + list.clientHeight - ROW) list.scrollTop = Math.max(0, y - list.clientHeight / 2);
  paintRows();
}

function makeKinds() {
  const group = document.getElementById("kinds");
  for (const kind of data.kinds) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = kind;
    button.setAttribute("aria-pressed", String(!hidden.has(kind)));
    button.addEventListener("click", () => {
      if (!hidden.delete(kind)) hidden.add(kind);
      button.setAttribute("aria-pressed", String(!hidden.has(kind)));
      refilter();
    });
    group.append(button);
  }
}

// When an event was; with two runs that is told from the begin of its stage.
function when(index) {
  if (!both) return exactly(realOf(index));
  const event = events[index], stage = stageAt(event[T]);
  return "stage " + stage + ", " + exactly(realOf(index) - both.stages[stage].began[sideOf(event[LANE])]) + " after its begin";
}

// What is known of one event; the same for the tip and for the detail below the list.
function describe(place, index) {
  const event = events[index], moment = wall(event[T]);
  const parts = [cell("when", when(index) + (moment ? "  (" + moment + ")" : "") + "  " + fullName(event[LANE]) + "  " + kindOf(event)), cell("what", event[TEXT])];
  if (event[ERRNO]) parts.push(cell("errno", event[ERRNO]));
  if (differs.has(index)) parts.push(cell("errno", differs.get(index)));
  const twin = both ? both.twins[index] : -1;
  if (twin >= 0) parts.push(cell("cause", fullName(events[twin][LANE]) + ", " + when(twin) + ": " + (events[twin][TEXT] === event[TEXT] ? "the same" : events[twin][TEXT])));
  causes(index).forEach((cause) => parts.push(cell("cause",
    "because: " + fullName(events[cause][LANE]) + ": " + events[cause][TEXT] + "  (" + when(cause) + ")")));
  place.replaceChildren(...parts.map((part) => { const line = document.createElement("div"); line.append(part); return line; }));
}
