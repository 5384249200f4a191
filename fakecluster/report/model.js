// What there is to draw, and how to find things in it.

const data = JSON.parse(document.getElementById("data").textContent);
const T = 0, LANE = 1, KIND = 2, GLYPH = 3, TEXT = 4, ERRNO = 5, CAUSE = 6;
const end = Math.max(data.end, 1);
// Two runs side by side: then places on the axis are counted, and real times stand beside them.
const both = data.compare || null;
const sides = both ? both.sides : [];

const events = data.events;
const kindOf = (event) => data.kinds[event[KIND]];
const glyphOf = (event) => data.glyphs[event[GLYPH]];

// By lane: the events that are marked in it, and its bands and bars, each in order of time.
const marksOf = data.lanes.map(() => []);
events.forEach((event, index) => { if (glyphOf(event)) marksOf[event[LANE]].push(index); });
const verbsOf = marksOf.map((list) => list.filter((index) => glyphOf(events[index]) === "verb"));
const bandsOf = data.lanes.map(() => []);
data.bands.forEach((band) => bandsOf[band[0]].push(band));
const barsOf = data.lanes.map(() => []);
data.bars.forEach((bar) => barsOf[bar[0]].push(bar));
const livesOf = data.lanes.map(() => []);
data.lives.forEach((life) => livesOf[life[0]].push(life));
// The longest of them says how far to look back for what reaches into the view.
const longest = (list, from, to) => list.reduce((most, one) => Math.max(most, one[to] - one[from]), 0);
const longestBar = barsOf.map((list) => longest(list, 1, 2));
const longestArrow = longest(data.arrows, 0, 1);
// What differs between two runs, by event.
const differs = new Map();
if (both) both.differences.forEach(([kind, list]) => list.forEach((index) => { if (glyphOf(events[index]) !== "ghost" || !differs.has(index)) differs.set(index, kind); }));
const differences = both ? both.differences.map(([, list]) => list[0]).sort((a, b) => a - b) : [];
const violations = [];
events.forEach((event, index) => { if (glyphOf(event) === "violation") violations.push(index); });

// The first index whose time is not before t.
function firstAt(list, t, timeOf) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(list[middle]) < t) low = middle + 1; else high = middle;
  }
  return low;
}

// How many events each of 512 equal pieces of the time holds, for the overview.
const PIECES = 512;
const density = new Float64Array(PIECES);
events.forEach((event) => { density[Math.min(PIECES - 1, Math.floor(event[T] / end * PIECES))] += 1; });
const densest = density.reduce((most, one) => Math.max(most, one), 1);

function laneName(lane) { return data.lanes[lane].name; }
const sideOf = (lane) => lane && both ? data.lanes[lane].side : 0;
// With its run, where there are two.
const fullName = (lane) => lane && both ? sides[sideOf(lane)].name + " " + laneName(lane) : laneName(lane);

// The real time of an event, in microseconds.
const realOf = (index) => data.clocks ? data.clocks[index] : events[index][T];
const longestReal = data.clocks ? data.clocks.reduce((most, one) => Math.max(most, one), 1) : end;

// The stage that a place on the axis is in.
function stageAt(t) {
  return Math.max(0, firstAt(both.stages, t + 1, (one) => one.x) - 1);
}

// 1.25 s, 3:05.000, 2:10:00.5: as exact as a step of so many microseconds needs.
function clock(us, stepUs) {
  const digits = stepUs >= 1e6 ? 0 : Math.min(6, Math.ceil(6 - Math.log10(Math.max(stepUs, 1)) - 1e-9));
  const sign = us < 0 ? "-" : "";
  const total = Math.abs(us) / 1e6;
  if (longestReal < 120e6) return sign + total.toFixed(digits) + " s";
  const seconds = total % 60, minutes = Math.floor(total / 60) % 60, hours = Math.floor(total / 3600);
  const tail = seconds.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  if (longestReal < 7200e6) return sign + (minutes + 60 * hours) + ":" + tail;
  return sign + hours + ":" + String(minutes).padStart(2, "0") + ":" + tail;
}
const exactly = (us) => clock(us, 1);

// The wall clock, for a trace that has one.
const began = data.utc ? Date.parse(data.utc) : NaN;
function wall(us) {
  if (Number.isNaN(began)) return "";
  const moment = new Date(began + (data.origin + us) / 1000);
  return Number.isNaN(moment.getTime()) ? "" : moment.toISOString().replace("T", " ");
}

// What led to an event, nearest first.
function causes(index) {
  const found = [];
  for (let at = events[index][CAUSE]; at >= 0 && found.length < 4; at = events[at][CAUSE]) found.push(at);
  return found;
}
