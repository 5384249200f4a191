// The canvas: lanes, bands, marks, bars, arrows, and what the pointer is over.

const stage = document.getElementById("stage");
const canvas = document.getElementById("canvas");
let pen = canvas.getContext("2d");
const AXIS = 30, OVERVIEW = 46, HEAD = 46, RIGHT = 14;
// The strip above the lanes of each run, where there are two.
const STRIP = 22;
const view = { from: 0, to: end, scroll: 0, selected: -1, hover: -1, messages: true };
let width = 0, height = 0, gutter = 96, laneHeight = 60, colors = {}, targets = [];

// Let `draw` work on another sheet.
function withPen(other, scale, draw) {
  const mine = pen;
  pen = other;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  draw();
  pen = mine;
}

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ["page", "panel", "lane", "lane-other", "line", "faint", "text", "quiet", "quorate",
    "quorate-edge", "quorate-text", "inquorate", "inquorate-edge", "inquorate-text", "unknown",
    "unknown-edge", "add", "remove", "set", "pending", "pending-edge", "hold", "hold-edge", "yes",
    "no", "asked", "verb", "message", "violation", "violation-wash", "cursor", "differs", "differs-wash", "split-edge",
    "group-0", "group-1", "group-2", "group-3"];
  colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

const font = (size, weight) => (weight || 400) + " " + size + "px system-ui, 'DejaVu Sans', sans-serif";

function measure() {
  const box = stage.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  width = Math.max(200, Math.floor(box.width));
  height = Math.max(160, Math.floor(box.height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.font = font(13, 600);
  const widest = data.lanes.reduce((most, lane) => Math.max(most, pen.measureText(lane.name.slice(0, 24)).width), 0);
  gutter = Math.min(Math.max(72, Math.ceil(widest) + 26), Math.floor(width * 0.3));
  const lanes = data.lanes.length - 1;
  laneHeight = Math.min(132, Math.max(15, Math.floor((lanesRoom() - sides.length * STRIP) / Math.max(1, lanes))));
  view.scroll = Math.max(0, Math.min(view.scroll, maxScroll()));
}

const lanesTop = () => AXIS + HEAD;
const lanesRoom = () => height - OVERVIEW - lanesTop();
const maxScroll = () => Math.max(0, (data.lanes.length - 1) * laneHeight + sides.length * STRIP - lanesRoom());
const stripsTo = (lane) => sides.reduce((count, side) => count + (side.first <= lane ? 1 : 0), 0) * STRIP;
const plotWidth = () => width - gutter - RIGHT;
const visible = (index) => index >= 0 && events[index][T] >= view.from && events[index][T] <= view.to;
const xOf = (t) => gutter + (t - view.from) / (view.to - view.from) * plotWidth();
const tOf = (x) => view.from + (x - gutter) / plotWidth() * (view.to - view.from);
const topOf = (lane) => lane === 0 ? AXIS : lanesTop() + (lane - 1) * laneHeight + stripsTo(lane) - view.scroll;
const roomy = () => laneHeight >= 34;

// Where things lie in a lane.
function bandBox(lane) {
  const top = topOf(lane);
  if (!roomy()) return { y: top + 2, h: laneHeight - 4 };
  const h = Math.min(20, Math.max(11, Math.round(laneHeight * 0.26)));
  return { y: top + Math.min(36, Math.max(9, Math.round(laneHeight * 0.32))), h };
}
function barBox(lane, row) {
  const band = bandBox(lane);
  if (!roomy()) return { y: band.y + band.h - 3, h: 3 };
  const free = topOf(lane) + laneHeight - 3 - (band.y + band.h + 4);
  const h = Math.max(3, Math.min(13, Math.floor(free / Math.max(2, data.barRows)) - 2));
  return { y: band.y + band.h + 4 + row * (h + 2), h };
}

function seenLanes() {
  const first = Math.max(1, Math.floor((view.scroll - sides.length * STRIP) / laneHeight) + 1);
  const last = Math.min(data.lanes.length - 1, Math.ceil((view.scroll + lanesRoom()) / laneHeight));
  return [first, last];
}

function box(x, y, w, h, radius) {
  pen.beginPath();
  pen.roundRect(x, y, w, h, Math.max(0, Math.min(radius, w / 2, h / 2)));
}

function fitted(text, room) {
  if (pen.measureText(text).width <= room) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(text.slice(0, middle) + "\u2026").width <= room) low = middle; else high = middle - 1;
  }
  return low ? text.slice(0, low) + "\u2026" : "";
}

const hatches = {};
function hatch(color) {
  if (!hatches[color]) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const ink = tile.getContext("2d");
    ink.strokeStyle = color;
    ink.globalAlpha = 0.55;
    ink.lineWidth = 1.2;
    ink.beginPath();
    ink.moveTo(-1, 7); ink.lineTo(7, -1); ink.moveTo(-4, 4); ink.lineTo(4, -4); ink.moveTo(2, 10); ink.lineTo(10, 2);
    ink.stroke();
    hatches[color] = pen.createPattern(tile, "repeat");
  }
  return hatches[color];
}

function paint() {
  targets = [];
  pen.fillStyle = colors.page;
  pen.fillRect(0, 0, width, height);
  clipped(0, lanesTop(), width, lanesRoom(), () => { paintLanes(); paintSplits(); });
  clipped(gutter, lanesTop(), plotWidth() + RIGHT, lanesRoom(), () => {
    const [first, last] = seenLanes();
    for (let lane = first; lane <= last; lane += 1) paintBands(lane);
    if (view.messages) paintArrows();
    for (let lane = first; lane <= last; lane += 1) { paintBars(lane); paintMarks(lane); }
    for (let lane = first; lane <= last; lane += 1) paintDiffering(lane);
  });
  paintAxis();
  clipped(gutter, AXIS, plotWidth() + RIGHT, HEAD, paintCluster);
  paintViolations();
  paintCursor();
  paintNames();
  paintOverview();
}

function clipped(x, y, w, h, draw) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, w, h);
  pen.clip();
  draw();
  pen.restore();
}

function paintLanes() {
  const [first, last] = seenLanes();
  for (let lane = first; lane <= last; lane += 1) {
    const top = topOf(lane);
    pen.fillStyle = lane % 2 ? colors.lane : colors["lane-other"];
    pen.fillRect(0, top, width, laneHeight);
    pen.fillStyle = colors.faint;
    pen.fillRect(0, top + laneHeight - 1, width, 1);
  }
  if (both) { paintStageLines(); return; }
  const step = tickStep();
  pen.fillStyle = colors.faint;
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    pen.fillRect(Math.round(xOf(t)), lanesTop(), 1, lanesRoom());
  }
}

function paintSplits() {
  const [first, last] = seenLanes();
  for (const [from, to, groups, top, bottom] of data.splits) {
    const left = Math.max(gutter, xOf(from)), right = Math.min(width - RIGHT, xOf(to));
    if (right < gutter || left > width) continue;
    const groupOf = new Map();
    groups.forEach((lanes, number) => lanes.forEach((lane) => groupOf.set(lane, number)));
    for (let lane = Math.max(first, top || first); lane <= Math.min(last, bottom || last); lane += 1) {
      const number = groupOf.has(lane) ? groupOf.get(lane) : groups.length;
      pen.fillStyle = colors["group-" + number % 4];
      pen.fillRect(left, topOf(lane), Math.max(1, right - left), laneHeight);
      const before = lane > (top || 1) ? (groupOf.has(lane - 1) ? groupOf.get(lane - 1) : groups.length) : number;
      if (before !== number) dashed(left, topOf(lane) - 0.5, right, topOf(lane) - 0.5, colors["split-edge"]);
    }
  }
  for (const [from, to, speaker, listener] of data.cuts) {
    const left = Math.max(gutter, xOf(from)), right = Math.min(width - RIGHT, xOf(to));
    if (right < gutter || left > width) continue;
    pen.fillStyle = colors["group-1"];
    for (const lane of [speaker, listener]) pen.fillRect(left, topOf(lane), Math.max(1, right - left), laneHeight);
  }
}

function dashed(x0, y0, x1, y1, color) {
  pen.save();
  pen.strokeStyle = color;
  pen.setLineDash([4, 4]);
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.restore();
}

const BANDS = [["inquorate", "inquorate-edge", "inquorate-text"], ["quorate", "quorate-edge", "quorate-text"],
  ["unknown", "unknown-edge", "text"]];

function paintBands(lane) {
  const { y, h } = bandBox(lane);
  pen.fillStyle = colors["unknown-edge"];
  for (const [, from, to] of livesOf[lane]) {
    const left = Math.max(gutter - 4, xOf(from)), right = Math.min(width, xOf(to));
    if (right >= left) pen.fillRect(left, y + h / 2 - 1, Math.max(1, right - left), 2);
  }
  const list = bandsOf[lane];
  let at = Math.max(0, firstAt(list, view.from, (one) => one[1]) - 1), drawn = -1;
  pen.font = font(12, 600);
  pen.textBaseline = "middle";
  for (; at < list.length && list[at][1] <= view.to; at += 1) {
    const [, from, to, state, members, event] = list[at];
    const left = Math.max(gutter - 6, xOf(from)), right = Math.min(width + 6, xOf(to));
    if (right < gutter - 6 || (right - left < 0.5 && Math.floor(left) === drawn)) continue;
    drawn = Math.floor(left);
    paintBand(left, y, Math.max(1, right - left), h, state);
    const start = Math.max(left, gutter) + 6;
    if (right - start > (h >= 14 ? 18 : 90) && state !== 3) {
      pen.fillStyle = colors[BANDS[state][2]];
      pen.fillText(fitted(members || "none", right - start - 5), start, y + h / 2 + 0.5);
    }
    targets.push({ x: left, y, w: Math.max(2, right - left), h, event, weight: 1 });
  }
}

function paintBand(x, y, w, h, state) {
  if (state === 3) {
    pen.save();
    pen.strokeStyle = colors["unknown-edge"];
    pen.setLineDash([3, 3]);
    box(x + 0.5, y + 0.5, Math.max(1, w - 1), h - 1, 3);
    pen.fillStyle = colors.page;
    pen.fill();
    pen.stroke();
    pen.restore();
    return;
  }
  const [fill, edge] = BANDS[state];
  box(x, y, Math.max(1, w - 1), h, 3);
  pen.fillStyle = colors[fill];
  pen.fill();
  if (state === 0) { pen.fillStyle = hatch(colors[edge]); pen.fill(); }
  pen.fillStyle = colors[edge];
  pen.fillRect(x, y, Math.min(2.5, w), h);
}

function paintBars(lane) {
  const list = barsOf[lane];
  const drawn = new Map();
  for (let at = firstAt(list, view.from - longestBar[lane], (one) => one[1]); at < list.length && list[at][1] <= view.to; at += 1) {
    const [, from, to, hold, row, event] = list[at];
    const left = Math.max(gutter - 4, xOf(from)), right = Math.min(width + 4, xOf(to));
    if (right < gutter || (right - left < 0.5 && drawn.get(row) === Math.floor(left))) continue;
    drawn.set(row, Math.floor(left));
    const { y, h } = barBox(lane, row), w = Math.max(2, right - left);
    paintBar(left, y, w, h, hold);
    if (h >= 10 && w > 40) {
      pen.font = font(10.5, 500);
      pen.fillStyle = "#ffffff";
      pen.textBaseline = "middle";
      const text = fitted(events[event][TEXT].replace(/^pending: /, ""), w - 12);
      if (!hold && document.documentElement.dataset.theme !== "dark") pen.fillStyle = "#3b0f2b";
      pen.fillText(text, Math.max(left, gutter) + 6, y + h / 2 + 0.5);
    }
    targets.push({ x: left, y: y - 1, w, h: h + 2, event, weight: 2 });
  }
}

function paintBar(x, y, w, h, hold) {
  box(x, y, w, h, 3);
  pen.fillStyle = colors[hold ? "hold" : "pending"];
  pen.fill();
  if (hold && h >= 5) { pen.fillStyle = hatch(colors["hold-edge"]); pen.fill(); }
  pen.strokeStyle = colors[hold ? "hold-edge" : "pending-edge"];
  pen.lineWidth = 1;
  pen.stroke();
}

// Marks that share a pixel are drawn once; the loud ones win.
const LOUD = { violation: 9, no: 8, yes: 8, failed: 7, error: 4, asked: 6, remove: 3, add: 2, verb: 0, set: 1, ghost: 1 };

function paintMarks(lane) {
  const list = marksOf[lane];
  const band = bandBox(lane);
  const step = roomy() ? 3 : 2;
  let at = firstAt(list, tOf(gutter - 8), (index) => events[index][T]);
  while (at < list.length) {
    const x = xOf(events[list[at]][T]);
    if (x > width + 8) break;
    let loudest = list[at], count = 0;
    for (; at < list.length && xOf(events[list[at]][T]) < x + step; at += 1) {
      count += 1;
      if (LOUD[glyphOf(events[list[at]])] > LOUD[glyphOf(events[loudest])]) loudest = list[at];
    }
    const glyph = glyphOf(events[loudest]);
    paintMark(x, band, glyph, roomy());
    if (glyph !== "verb" || !roomy()) targets.push({ x: x - 5, y: band.y - 9, w: 10, h: band.h + 14, event: loudest, weight: 4, count });
  }
  if (roomy()) paintVerbs(lane, band);
}

// What the other run has not, or has otherwise.
const differingOf = data.lanes.map(() => []);
for (const index of differs.keys()) differingOf[events[index][LANE]].push(index);

function paintDiffering(lane) {
  const band = bandBox(lane), list = differingOf[lane];
  for (const index of list) {
    const x = xOf(events[index][T]);
    if (x < gutter - 12 || x > width + 12) continue;
    const top = topOf(lane) + 1, h = laneHeight - 3;
    pen.fillStyle = colors["differs-wash"];
    box(Math.round(x) - 8, Math.round(top), 16, h, 4);
    pen.fill();
    pen.strokeStyle = colors.differs;
    pen.lineWidth = 2;
    if (glyphOf(events[index]) === "ghost") pen.setLineDash([3, 3]);
    pen.stroke();
    pen.setLineDash([]);
    if (glyphOf(events[index]) === "ghost") paintMark(x, band, "ghost", roomy());
    targets.push({ x: x - 8, y: top, w: 16, h, event: index, weight: 8 });
  }
}

// What was done to a host stands above its band: as many rows of words as have room.
function paintVerbs(lane, band) {
  const rows = Math.max(1, Math.floor((band.y - topOf(lane) - 6) / 13)), free = new Array(rows).fill(-1e9);
  pen.font = font(11.5, 600);
  pen.textBaseline = "alphabetic";
  let drawn = -1e9;
  const said = [];
  for (let at = firstAt(verbsOf[lane], tOf(gutter - 300), (index) => events[index][T]); at < verbsOf[lane].length; at += 1) {
    const index = verbsOf[lane][at], x = xOf(events[index][T]);
    if (x > width) break;
    const text = events[index][TEXT].replace(/^== /, ""), length = pen.measureText(text).width;
    const row = free.findIndex((until) => until < x);
    if (row < 0 && x < drawn + 2) continue;
    drawn = x;
    pen.fillStyle = colors.verb;
    const y = band.y - 4 - Math.max(0, row) * 13;
    pen.fillRect(x - 0.75, y - 9, 1.5, band.y - y + 9);
    triangle(x, band.y - 1, 3.5, false);
    targets.push({ x: x - 4, y: y - 9, w: row < 0 ? 8 : length + 8, h: band.y - y + 9, event: index, weight: 5 });
    if (row < 0) continue;
    free[row] = x + length + 10;
    said.push([text, x + 4, y]);
  }
  // The words last, on a ground of their own, so that no pin strikes them through.
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeStyle = lane % 2 ? colors.lane : colors["lane-other"];
  for (const [text, x, y] of said) {
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }
}

function triangle(x, y, size, up) {
  pen.beginPath();
  const rise = up ? -size : size;
  pen.moveTo(x, y + rise);
  pen.lineTo(x - size * 0.85, y - rise * 0.6);
  pen.lineTo(x + size * 0.85, y - rise * 0.6);
  pen.closePath();
  pen.fill();
}

function paintMark(x, band, glyph, large) {
  const bottom = band.y + band.h, size = large ? 4.5 : 3;
  pen.lineWidth = 1.5;
  const tick = (color) => { pen.fillStyle = pen.strokeStyle = color; pen.fillRect(x - 0.75, band.y - (large ? 2 : 0), 1.5, band.h + (large ? 4 : 0)); };
  switch (glyph) {
    case "add": tick(colors.add); triangle(x, band.y + (large ? 1 : band.h / 2), size, true); break;
    case "remove": tick(colors.remove); triangle(x, bottom - (large ? 1 : band.h / 2), size, false); break;
    case "set": tick(colors.set); break;
    case "failed":
      tick(colors.violation);
      pen.lineWidth = 2;
      pen.beginPath();
      pen.moveTo(x - size, band.y + band.h / 2 - size); pen.lineTo(x + size, band.y + band.h / 2 + size);
      pen.moveTo(x + size, band.y + band.h / 2 - size); pen.lineTo(x - size, band.y + band.h / 2 + size);
      pen.stroke();
      break;
    case "yes": case "no": case "asked": paintVote(x, band, glyph, large); break;
    case "verb": if (!large) tick(colors.verb); break;
    case "error": tick(colors.no); pen.beginPath(); pen.arc(x, bottom + 3, 3, 0, 7); pen.fill(); break;
    case "violation": tick(colors.violation); break;
    case "ghost":
      pen.strokeStyle = colors.differs;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.moveTo(x - size, band.y + band.h / 2); pen.lineTo(x + size, band.y + band.h / 2);
      pen.stroke();
      break;
  }
}

function paintVote(x, band, glyph, large) {
  const y = band.y + band.h / 2, radius = large ? 7.5 : 4;
  const color = colors[glyph];
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fillStyle = glyph === "asked" ? colors.panel : color;
  pen.fill();
  pen.strokeStyle = glyph === "asked" ? color : colors.panel;
  pen.lineWidth = 1.5;
  pen.stroke();
  if (!large) return;
  pen.fillStyle = glyph === "asked" ? color : colors.panel;
  pen.font = font(10, 700);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText({ yes: "Y", no: "N", asked: "?" }[glyph], x, y + 0.5);
  pen.textAlign = "left";
}

const ARROWS_MAX = 3000;

function paintArrows() {
  const found = [];
  let count = 0;
  for (let at = firstAt(data.arrows, view.from - longestArrow, (one) => one[0]); at < data.arrows.length && data.arrows[at][0] <= view.to; at += 1) {
    if (data.arrows[at][1] < view.from) continue;
    count += data.arrows[at][3].length;
    if (count > ARROWS_MAX) break;
    found.push(data.arrows[at]);
  }
  tell(count > ARROWS_MAX ? "too many messages here: zoom in to see them" : "");
  if (count > ARROWS_MAX) return;
  pen.strokeStyle = pen.fillStyle = colors.message;
  for (const [sent, arrives, lane, to, event] of found) {
    const x0 = xOf(sent), x1 = xOf(arrives), from = bandBox(lane), y0 = from.y + from.h / 2;
    for (const other of to) {
      const target = bandBox(other), y1 = other > lane ? target.y : target.y + target.h;
      pen.globalAlpha = 0.75;
      pen.lineWidth = 1.2;
      pen.beginPath();
      pen.moveTo(x0, y0);
      pen.lineTo(x1, y1);
      pen.stroke();
      pen.globalAlpha = 1;
      const angle = Math.atan2(y1 - y0, x1 - x0);
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x1 - 6 * Math.cos(angle - 0.4), y1 - 6 * Math.sin(angle - 0.4));
      pen.lineTo(x1 - 6 * Math.cos(angle + 0.4), y1 - 6 * Math.sin(angle + 0.4));
      pen.closePath();
      pen.fill();
      targets.push({ x: x0, y: y0, x1, y1, event, weight: 3 });
    }
  }
}

// Steps of 1, 2 and 5 times a power of ten, as many as have room.
function tickStep() {
  const rough = (view.to - view.from) / Math.max(2, plotWidth() / 110);
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) || 10 * power;
}

// Two runs have stages where one has a clock.
const stageEnd = (number) => number + 1 < both.stages.length ? both.stages[number + 1].x : end;

function paintStageLines() {
  pen.fillStyle = colors.line;
  for (const { x } of both.stages) pen.fillRect(Math.round(xOf(x)), lanesTop(), 1, lanesRoom());
}

function paintStages() {
  pen.textBaseline = "middle";
  both.stages.forEach(({ x, took }, number) => {
    const left = Math.max(gutter, xOf(x)), right = Math.min(width - RIGHT, xOf(stageEnd(number)));
    if (right < gutter || left > width) return;
    pen.fillStyle = colors.line;
    if (xOf(x) >= gutter) pen.fillRect(Math.round(xOf(x)), 2, 1, AXIS - 3);
    pen.font = font(12, 700);
    pen.fillStyle = colors.text;
    const name = "stage " + number, room = right - left - 12;
    pen.fillText(fitted(name, room), left + 7, AXIS / 2);
    const used = pen.measureText(name).width + 12;
    pen.font = font(11.5);
    pen.fillStyle = colors.quiet;
    const said = took.map((one, side) => sides[side].name + " " + one).join("  \u00b7  ");
    if (room - used > 60) pen.fillText(fitted(said, room - used), left + 7 + used, AXIS / 2);
  });
}

// What each stage begins with, in the cluster's lane.
function paintStageTexts() {
  both.stages.forEach(({ x, text }, number) => {
    const left = Math.max(gutter, xOf(x)), right = Math.min(width - RIGHT, xOf(stageEnd(number)));
    if (right < gutter || left > width) return;
    pen.fillStyle = colors.line;
    if (xOf(x) >= gutter) pen.fillRect(Math.round(xOf(x)), AXIS, 1, HEAD);
    pen.font = font(12, 600);
    pen.fillStyle = colors.text;
    pen.fillText(fitted(text, right - left - 12), left + 7, AXIS + 12);
  });
}

function paintAxis() {
  pen.fillStyle = colors.panel;
  pen.fillRect(0, 0, width, lanesTop());
  pen.fillStyle = colors.line;
  pen.fillRect(0, AXIS - 1, width, 1);
  pen.fillRect(0, lanesTop() - 1, width, 1);
  if (both) { paintStages(); return; }
  pen.font = font(11.5);
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  const step = tickStep();
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const x = xOf(t);
    pen.fillStyle = colors.line;
    pen.fillRect(Math.round(x), AXIS - 6, 1, 5);
    pen.fillStyle = colors.quiet;
    const text = clock(t, step), half = pen.measureText(text).width / 2;
    if (x - half > gutter - 20 && x + half < width) pen.fillText(text, x, AXIS / 2);
  }
  pen.textAlign = "left";
}

// The cluster's own lane: what was done to the network, and the splits' names.
function paintCluster() {
  pen.textBaseline = "middle";
  for (const [from, to, groups, , , again] of data.splits) {
    const left = xOf(from), right = xOf(to);
    if (right < gutter || left > width || again) continue;
    const shown = Math.max(left, gutter);
    pen.fillStyle = colors["group-3"];
    pen.fillRect(shown, AXIS + 24, Math.max(1, right - shown), HEAD - 26);
    pen.fillStyle = colors["split-edge"];
    pen.fillRect(left, AXIS + 24, 2, HEAD - 26);
    pen.fillRect(right - 2, AXIS + 24, 2, HEAD - 26);
    pen.font = font(11.5, 600);
    pen.fillStyle = colors.text;
    const names = groups.map((lanes) => lanes.map((lane) => data.lanes[lane].id).join(",")).join(" | ");
    pen.fillText(fitted("partition " + names, right - shown - 12), shown + 7, AXIS + 34.5);
  }
  if (both) paintStageTexts();
  let free = -1e9;
  for (const index of marksOf[0]) {
    const event = events[index], x = xOf(event[T]);
    if (x < gutter - 300) continue;
    if (x > width) break;
    const violation = glyphOf(event) === "violation";
    pen.fillStyle = violation ? colors.violation : colors.verb;
    pen.fillRect(x - 0.75, AXIS + (both ? 24 : 3), 1.5, HEAD);
    targets.push({ x: x - 4, y: AXIS, w: 8, h: HEAD, event: index, weight: 4 });
    pen.font = font(12, 600);
    const text = event[TEXT].replace(/^== (partition .*)?/, "");
    if (both || x < free || !text) continue;
    free = x + pen.measureText(text).width + 14;
    pen.fillText(text, x + 6, AXIS + 12);
  }
}

function paintViolations() {
  for (const index of violations) {
    const x = xOf(events[index][T]);
    if (x < gutter || x > width) continue;
    pen.globalAlpha = 0.25;
    pen.fillStyle = colors.violation;
    pen.fillRect(x - 4, AXIS, 8, height - AXIS - OVERVIEW);
    pen.globalAlpha = 1;
    pen.fillRect(x - 1, AXIS, 2, height - AXIS - OVERVIEW);
    const lane = events[index][LANE];
    const y = lane ? bandBox(lane).y + bandBox(lane).h / 2 : AXIS + HEAD / 2;
    if (y < AXIS || y > height - OVERVIEW) continue;
    pen.font = font(11.5, 700);
    const text = fitted(events[index][TEXT], 320), w = pen.measureText(text).width + 26;
    const left = Math.min(x, width - w - 4);
    box(left, y - 11, w, 22, 4);
    pen.fill();
    pen.fillStyle = document.documentElement.dataset.theme === "dark" ? "#200007" : "#ffffff";
    pen.textBaseline = "middle";
    pen.fillText("\u2716 " + text, left + 7, y + 0.5);
    targets.push({ x: left, y: y - 11, w, h: 22, event: index, weight: 9 });
  }
}

function paintCursor() {
  if (view.selected < 0) return;
  const x = xOf(events[view.selected][T]);
  if (x < gutter - 1 || x > width) return;
  pen.fillStyle = colors.cursor;
  pen.fillRect(x - 0.75, AXIS - 8, 1.5, height - AXIS - OVERVIEW + 8);
  triangle(x, AXIS - 7, 6, false);
  const lane = events[view.selected][LANE], top = topOf(lane);
  pen.strokeStyle = colors.cursor;
  pen.lineWidth = 2;
  if (top > AXIS - 1 && top < height - OVERVIEW) {
    box(x - 9, top + 2, 18, (lane ? laneHeight : HEAD) - 5, 5);
    pen.stroke();
  }
}

function paintNames() {
  clipped(0, lanesTop(), gutter, lanesRoom(), () => {
    const [first, last] = seenLanes();
    for (let lane = first; lane <= last; lane += 1) {
      pen.fillStyle = lane % 2 ? colors.lane : colors["lane-other"];
      pen.fillRect(0, topOf(lane), gutter - 5, laneHeight - 1);
      const band = bandBox(lane), size = Math.min(13, laneHeight - 3);
      pen.fillStyle = colors.text;
      pen.font = font(size, 600);
      pen.textBaseline = "middle";
      pen.fillText(fitted(laneName(lane), gutter - 20), 12, band.y + band.h / 2 + 0.5);
      if (laneHeight >= 48) {
        pen.fillStyle = colors.quiet;
        pen.font = font(11);
        pen.fillText("id " + data.lanes[lane].id, 12, band.y + band.h / 2 + 17);
      }
    }
  });
  pen.fillStyle = colors.panel;
  pen.fillRect(0, 0, gutter, lanesTop() - 1);
  pen.fillStyle = colors.text;
  pen.font = font(13, 600);
  pen.textBaseline = "middle";
  pen.fillText(fitted(laneName(0), gutter - 20), 12, AXIS + HEAD / 2);
  pen.fillStyle = colors.line;
  pen.fillRect(gutter - 5, AXIS, 1, height - AXIS - OVERVIEW);
  clipped(0, lanesTop(), width, lanesRoom(), paintStrips);
  if (maxScroll() > 0) {
    const share = lanesRoom() / (lanesRoom() + maxScroll());
    box(width - 7, lanesTop() + view.scroll * share + 2, 5, Math.max(18, lanesRoom() * share - 4), 3);
    pen.fillStyle = colors["unknown-edge"];
    pen.fill();
  }
}

// The name of each run, above its lanes.
function paintStrips() {
  for (const { name, first } of sides) {
    const top = topOf(first) - STRIP;
    pen.fillStyle = colors.panel;
    pen.fillRect(0, top, width, STRIP);
    pen.fillStyle = colors.line;
    pen.fillRect(0, top, width, 1);
    pen.fillRect(0, top + STRIP - 1, width, 1);
    pen.font = font(12.5, 700);
    pen.fillStyle = colors.text;
    pen.textBaseline = "middle";
    pen.fillText(name, 12, top + STRIP / 2 + 0.5);
  }
}

const overviewX = (t) => gutter + t / end * plotWidth();

function paintOverview() {
  const top = height - OVERVIEW;
  pen.fillStyle = colors.panel;
  pen.fillRect(0, top, width, OVERVIEW);
  pen.fillStyle = colors.line;
  pen.fillRect(0, top, width, 1);
  pen.fillStyle = colors.quiet;
  pen.font = font(11);
  pen.textBaseline = "middle";
  pen.fillText(fitted(events.length.toLocaleString("en"), gutter - 16), 12, top + OVERVIEW / 2 - 7);
  pen.fillText("events", 12, top + OVERVIEW / 2 + 7);
  pen.fillStyle = colors["group-3"];
  for (const [from, to] of data.splits) pen.fillRect(overviewX(from), top + 5, Math.max(2, overviewX(to) - overviewX(from)), OVERVIEW - 10);
  pen.fillStyle = colors.set;
  const piece = plotWidth() / PIECES;
  density.forEach((count, number) => {
    if (!count) return;
    const h = Math.max(2, Math.log1p(count) / Math.log1p(densest) * (OVERVIEW - 16));
    pen.fillRect(gutter + number * piece, top + OVERVIEW - 6 - h, Math.max(1, piece * 0.8), h);
  });
  pen.fillStyle = colors.violation;
  for (const index of violations) pen.fillRect(overviewX(events[index][T]) - 1, top + 3, 3, OVERVIEW - 6);
  pen.fillStyle = colors.differs;
  for (const index of differences) pen.fillRect(overviewX(events[index][T]) - 1, top + 3, 3, OVERVIEW - 6);
  const left = overviewX(Math.max(0, view.from)), right = overviewX(Math.min(end, view.to));
  pen.strokeStyle = colors.cursor;
  pen.lineWidth = 1.5;
  box(left - 1, top + 3, Math.max(5, right - left + 2), OVERVIEW - 6, 4);
  pen.stroke();
  pen.globalAlpha = 0.08;
  pen.fillStyle = colors.cursor;
  pen.fill();
  pen.globalAlpha = 1;
}

// What is under a point; the weightiest, then the nearest, wins.
function targetAt(x, y) {
  let best = null, bestScore = -1;
  if (x < gutter - 6 || y > height - OVERVIEW) return null;
  for (const one of targets) {
    let near;
    if (one.x1 !== undefined) {
      const far = distance(x, y, one);
      if (far > 5) continue;
      near = 1 - far / 10;
    } else {
      if (x < one.x || x > one.x + one.w || y < one.y || y > one.y + one.h) continue;
      near = 1 - Math.min(0.9, Math.abs(x - one.x - one.w / 2) / (one.w + 1));
    }
    if (one.weight + near > bestScore) { bestScore = one.weight + near; best = one; }
  }
  return best;
}

function under(x, y) {
  const found = targetAt(x, y);
  return found ? found.event : -1;
}

function distance(x, y, line) {
  const dx = line.x1 - line.x, dy = line.y1 - line.y, length = dx * dx + dy * dy || 1;
  const share = Math.max(0, Math.min(1, ((x - line.x) * dx + (y - line.y) * dy) / length));
  return Math.hypot(x - line.x - share * dx, y - line.y - share * dy);
}

function tell(text) {
  const note = document.getElementById("note");
  note.textContent = text;
  note.hidden = !text;
}
