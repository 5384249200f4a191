// The hands: zoom, pan, keys, pointer, theme.

const tip = document.getElementById("tip");
const SHORTEST = 20;
let asked = false;

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; paint(); });
}

function look(from, to) {
  const span = Math.min(Math.max(to - from, SHORTEST), end * 1.06);
  const middle = (from + to) / 2, slack = end * 0.03;
  let start = Math.min(Math.max(middle - span / 2, -slack), end + slack - span);
  if (span >= end * 1.06) start = -slack;
  view.from = start;
  view.to = start + span;
  redraw();
}

const fit = () => { look(-end * 0.03, end * 1.03); };

function zoom(factor, x) {
  const middle = visible(view.selected) ? events[view.selected][T] : (view.from + view.to) / 2;
  const t = x === undefined ? middle : tOf(x);
  look(t - (t - view.from) * factor, t + (view.to - t) * factor);
}

function pan(share) {
  const by = (view.to - view.from) * share;
  look(view.from + by, view.to + by);
}

function scrollLanes(by) {
  view.scroll = Math.max(0, Math.min(maxScroll(), view.scroll + by));
  redraw();
}

// Show one event: the moment in the picture, the row in the list.
function select(index, reveal) {
  view.selected = index;
  const t = events[index][T], lane = events[index][LANE];
  if (t < view.from || t > view.to) look(t - (view.to - view.from) / 2, t + (view.to - view.from) / 2);
  if (lane > 0 && (topOf(lane) < lanesTop() || topOf(lane) + laneHeight > height - OVERVIEW)) {
    view.scroll = Math.max(0, Math.min(maxScroll(), view.scroll + topOf(lane) - lanesTop() - (lanesRoom() - laneHeight) / 2));
  }
  describe(document.getElementById("detail"), index);
  if (reveal) revealRow(index); else paintRows();
  redraw();
}

function walk(by) {
  if (!shown.length) return;
  let at = firstAt(shown, view.selected, (one) => one);
  if (view.selected < 0) at = by > 0 ? 0 : shown.length - 1;
  else if (shown[at] === view.selected || by < 0) at += by;
  select(shown[Math.max(0, Math.min(shown.length - 1, at))], true);
}

function nextOf(found) {
  const next = found.find((one) => one > view.selected);
  if (found.length) select(next === undefined ? found[0] : next, true);
}

// ---- the pointer

let drag = null;

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const place = point(event);
  if (event.shiftKey && maxScroll() > 0) scrollLanes(event.deltaY || event.deltaX);
  else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / plotWidth());
  else zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), Math.max(gutter, place.x));
}, { passive: false });

function point(event) {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  const place = point(event);
  drag = { ...place, from: view.from, to: view.to, scroll: view.scroll, moved: false, overview: place.y > height - OVERVIEW };
  if (drag.overview) center(place.x);
  stage.setPointerCapture(event.pointerId);
});

function center(x) {
  const t = (x - gutter) / plotWidth() * end, half = (view.to - view.from) / 2;
  look(t - half, t + half);
}

stage.addEventListener("pointermove", (event) => {
  const place = point(event);
  if (!drag) { hover(place); return; }
  if (Math.abs(place.x - drag.x) + Math.abs(place.y - drag.y) > 4) drag.moved = true;
  if (!drag.moved) return;
  tip.hidden = true;
  canvas.classList.add("dragging");
  if (drag.overview) { center(place.x); return; }
  const by = (drag.x - place.x) / plotWidth() * (drag.to - drag.from);
  view.scroll = Math.max(0, Math.min(maxScroll(), drag.scroll + drag.y - place.y));
  look(drag.from + by, drag.to + by);
});

stage.addEventListener("pointerup", (event) => {
  const done = drag;
  drag = null;
  canvas.classList.remove("dragging");
  if (!done || done.moved || done.overview) return;
  const place = point(event), index = under(place.x, place.y);
  if (index >= 0) select(index, true);
});
stage.addEventListener("pointercancel", () => { drag = null; canvas.classList.remove("dragging"); });
stage.addEventListener("pointerleave", () => { view.hover = -1; tip.hidden = true; });
stage.addEventListener("dblclick", (event) => { const place = point(event); if (place.y < height - OVERVIEW) zoom(0.4, place.x); });

function hover(place) {
  const target = targetAt(place.x, place.y), index = target ? target.event : -1;
  canvas.classList.toggle("pointing", index >= 0);
  tip.hidden = index < 0;
  if (index >= 0 && index !== view.hover) {
    describe(tip, index);
    if (target.count > 1) tip.append(cell("cause", target.count - 1 + " more at this place: zoom in"));
  }
  view.hover = index;
  if (index < 0) return;
  const w = tip.offsetWidth, h = tip.offsetHeight;
  tip.style.left = Math.max(4, Math.min(place.x + 14, width - w - 6)) + "px";
  tip.style.top = (place.y + 18 + h > height ? Math.max(4, place.y - h - 12) : place.y + 18) + "px";
}

// ---- keys

const KEYS = {
  ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15),
  ArrowUp: () => scrollLanes(-laneHeight * 2), ArrowDown: () => scrollLanes(laneHeight * 2),
  "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7),
  0: fit, Home: fit, n: () => walk(1), p: () => walk(-1),
  m: () => toggleMessages(), t: () => toggleTheme(), "/": () => filter.focus(),
  v: () => { nextOf(violations); }, d: () => { nextOf(differences); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === filter) { if (event.key === "Escape") { filter.value = ""; refilter(); stage.focus(); } return; }
  if (event.target === list && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    walk(event.key === "ArrowDown" ? 1 : -1);
    return;
  }
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

// ---- the list, the buttons, the theme

rows.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row) select(Number(row.dataset.index), false);
});
list.addEventListener("scroll", () => requestAnimationFrame(paintRows));
filter.addEventListener("input", refilter);

const press = (id, act) => document.getElementById(id).addEventListener("click", act);
press("zoom-in", () => zoom(0.5));
press("zoom-out", () => zoom(2));
press("fit", fit);
press("next", () => walk(1));
press("previous", () => walk(-1));
press("messages", toggleMessages);
press("difference", KEYS.d);
document.getElementById("messages").hidden = Boolean(both);
document.getElementById("difference").hidden = !differences.length;
press("theme", toggleTheme);

function toggleMessages() {
  view.messages = !view.messages;
  document.getElementById("messages").setAttribute("aria-pressed", String(view.messages));
  if (!view.messages) tell("");
  redraw();
}

const wantsDark = window.matchMedia("(prefers-color-scheme: dark)");
let chosen = "";

function applyTheme() {
  document.documentElement.dataset.theme = chosen || (wantsDark.matches ? "dark" : "light");
  readColors();
  paintLegend();
  redraw();
}

function toggleTheme() {
  chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  applyTheme();
}
wantsDark.addEventListener("change", applyTheme);

// ---- the head

function paintHead() {
  document.getElementById("title").textContent = data.cluster || "cluster";
  if (both) { paintVerdict(); return; }
  const lanes = data.lanes.length - 1;
  const facts = [lanes + (lanes === 1 ? " node" : " nodes"), data.arm, data.seed === null ? "" : "seed " + data.seed,
    exactly(end).replace(/\.?0+ s$/, " s"), wall(0), data.lost ? data.lost + " earlier records not kept" : ""];
  document.getElementById("facts").textContent = facts.filter(Boolean).join("  \u00b7  ");
  const outcome = document.getElementById("outcome");
  if (data.violations) {
    outcome.textContent = data.violations + (data.violations === 1 ? " violation" : " violations");
    outcome.classList.add("bad");
  } else if (data.outcome && data.outcome !== "good") {
    outcome.textContent = data.outcome;
    outcome.classList.add("bad");
  } else if (data.outcome) {
    outcome.textContent = data.outcome;
    outcome.classList.add("good");
  } else {
    outcome.textContent = "no end in this trace";
  }
}

function paintVerdict() {
  const outcome = document.getElementById("outcome"), count = both.differences.length;
  document.documentElement.classList.add("both");
  document.getElementById("facts").textContent = data.arm + "  \u00b7  " + both.verdict;
  outcome.textContent = count ? count + (count === 1 ? " difference" : " differences") : "the steps agree";
  outcome.classList.add(count ? "bad" : "good");
}

const small = { y: 3, h: 10 };
const LEGEND = [
  ["quorate", () => paintBand(1, 3, 24, 10, 1)],
  ["inquorate", () => paintBand(1, 3, 24, 10, 0)],
  ["manager lost", () => paintBand(1, 3, 24, 10, 3)],
  ["node added", () => paintMark(13, small, "add", true)],
  ["node removed", () => paintMark(13, small, "remove", true)],
  ["other step", () => paintMark(13, small, "set", true)],
  ["step failed", () => paintMark(13, small, "failed", true)],
  ["pending", () => paintBar(1, 4, 24, 8, 0)],
  ["held by another", () => paintBar(1, 4, 24, 8, 1)],
  ["asked, votes", () => { paintVote(6, { y: 3, h: 10 }, "asked", false); paintVote(14, { y: 3, h: 10 }, "yes", false); paintVote(22, { y: 3, h: 10 }, "no", false); }],
  ["violation", () => paintMark(13, small, "violation", true)],
  ["partition", () => { pen.fillStyle = colors["group-0"]; pen.fillRect(1, 0, 24, 8); pen.fillStyle = colors["group-1"]; pen.fillRect(1, 8, 24, 8); dashed(1, 8, 25, 8, colors["split-edge"]); }],
];

if (both) {
  const drawBox = (dashes) => { pen.strokeStyle = colors.differs; pen.fillStyle = colors["differs-wash"]; pen.lineWidth = 1.5; pen.setLineDash(dashes); box(6, 1, 14, 14, 4); pen.fill(); pen.stroke(); pen.setLineDash([]); };
  LEGEND.push(["differs", () => drawBox([])], ["missing here", () => drawBox([3, 3])]);
}

// The same hands that paint the picture paint its legend, on small sheets of their own.
function paintLegend() {
  const made = LEGEND.map(([name, draw]) => {
    const item = document.createElement("li"), sheet = document.createElement("canvas");
    const scale = window.devicePixelRatio || 1;
    sheet.width = 26 * scale;
    sheet.height = 16 * scale;
    sheet.setAttribute("aria-hidden", "true");
    withPen(sheet.getContext("2d"), scale, draw);
    item.append(sheet, cell("", name));
    return item;
  });
  document.getElementById("legend").replaceChildren(...made);
}

new ResizeObserver(() => { measure(); redraw(); paintRows(); }).observe(stage);
paintHead();
makeKinds();
measure();
applyTheme();
fit();
refilter();

// For those who look at the page from outside: where an event is, and what is seen.
window.timeline = {
  locate: (index) => {
    const event = events[index], lane = event[LANE], band = lane ? bandBox(lane) : { y: AXIS, h: HEAD };
    return { x: xOf(event[T]), y: band.y + band.h / 2 };
  },
  range: () => [view.from, view.to],
  paint,
  select: (index) => select(index, true),
  events: () => events.length,
  differences: () => differences,
};
