// SPDX-License-Identifier: GPL-3.0-or-later
// The upper part of the page: score, trend, totals, and what matters most.

function showAbout(fleet) {
  const assessed = fleet.guests.ok || 0;
  const list = (counts) => Object.keys(counts).join(", ");
  const span = fleet.started.slice(0, 16) === fleet.ended.slice(0, 16) ? when(fleet.ended) : `${when(fleet.started)} to ${when(fleet.ended)}`;
  const profiles = Object.keys(fleet.profiles);
  byId("about").textContent = [
    assessed === fleet.size ? many(fleet.size, "guest") : `${number(assessed)} of ${many(fleet.size, "guest")} assessed`,
    list(fleet.actions),
    profiles.length ? `profile${profiles.length > 1 ? "s" : ""} ${profiles.join(", ")}` : null,
    `${span} UTC`,
  ].filter(Boolean).join("  ·  ");
}

function showScore(fleet) {
  byId("score").textContent = percent(fleet.score);
  const before = fleet.trend.filter((point) => point.score !== null).pop();
  const change = before && fleet.score !== null ? Math.round((fleet.score - before.score) * 10) / 10 : null;
  const line = byId("score-change");
  line.hidden = change === null;
  if (change === null) line.textContent = "";
  else if (change === 0) line.textContent = `as on ${day(before.time)}`;
  else line.textContent = `${change > 0 ? "▲ up" : "▼ down"} ${Math.abs(change).toFixed(1)} since ${day(before.time)}`;
  line.classList.toggle("better", change > 0);
  line.classList.toggle("worse", change < 0);
}

function showTrend(fleet) {
  const points = [...fleet.trend, { time: fleet.ended, score: fleet.score, guests: fleet.size, open: Object.values(fleet.open).reduce((a, b) => a + b, 0) }]
    .filter((point) => point.score !== null).slice(-12);
  if (points.length < 2) {
    byId("trend").replaceChildren(element("p", { class: "quiet" }, "No earlier run to compare with."));
    return;
  }
  const [wide, high, left, right, top, bottom] = [320, 92, 34, 8, 10, 20];
  const scores = points.map((point) => point.score);
  const low = Math.max(0, Math.floor((Math.min(...scores) - 1) / 2) * 2);
  const peak = Math.min(100, Math.max(low + 2, Math.ceil((Math.max(...scores) + 0.5) / 2) * 2));
  const x = (place) => left + (place * (wide - left - right)) / (points.length - 1);
  const y = (score) => top + ((peak - score) * (high - top - bottom)) / (peak - low);
  const line = points.map((point, place) => `${place ? "L" : "M"}${x(place).toFixed(1)} ${y(point.score).toFixed(1)}`).join("");
  const label = (text, at, anchor, extra = "") => element("svg:text", { x: at[0], y: at[1], "text-anchor": anchor, class: `axis ${extra}` }, text);
  const svg = element("svg:svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Score of ${points.length} runs: ${points.map((point) => `${day(point.time)} ${percent(point.score)}`).join(", ")}` },
    [peak, low].map((score) => [element("svg:line", { x1: left, x2: wide - right, y1: y(score), y2: y(score), class: "rule" }), label(String(score), [left - 6, y(score) + 4], "end")]),
    element("svg:path", { d: `${line}L${x(points.length - 1).toFixed(1)} ${y(low)}L${left} ${y(low)}Z`, class: "area" }),
    element("svg:path", { d: line, class: "line" }),
    points.map((point, place) => element("svg:circle", { cx: x(place), cy: y(point.score), r: place === points.length - 1 ? 4 : 2.5, class: "dot" },
      element("svg:title", {}, `${when(point.time)}: ${percent(point.score)}, ${many(point.open, "open finding")}, ${many(point.guests, "guest")}`))),
    label(day(points[0].time), [left, high - 4], "start"), label(day(points[points.length - 1].time), [wide - right, high - 4], "end"));
  byId("trend").replaceChildren(svg);
}

function showTallies(fleet, go) {
  const entry = (count, label, state, kind) => element("li", { class: count ? "" : "none" },
    link([element("strong", {}, number(count)), " ", label], go(state), { class: kind || "" }));
  byId("open").replaceChildren(...fleet.severities.map((severity) =>
    entry(fleet.open[severity] || 0, severityTag(severity), { severity: [severity], status: OPEN })));
  const reboots = fleet.pendingOf.reduce((sum, count) => sum + (count > 0), 0);
  byId("guests").replaceChildren(
    entry(fleet.guests.ok || 0, "assessed", { view: "guests" }),
    ...["failed", "unreachable", "interrupted", "waiting", "skipped"].filter((state) => state === "unreachable" || fleet.guests[state])
      .map((state) => entry(fleet.guests[state] || 0, STATES[state], { view: "silent" })),
    entry(reboots, "wait for a reboot", { view: "reboots" }),
    entry(new Set(fleet.waivers.flatMap((waiver) => waiver[4])).size, "have waivers", { view: "waivers" }));
}

function showStatuses(fleet, choose) {
  const sum = Object.values(fleet.counts).reduce((a, b) => a + b, 0) || 1;
  byId("share").replaceChildren(...STATUSES.filter((status) => fleet.counts[status.name]).map((status) => {
    const part = element("span", { class: `s-${status.name}` });
    part.style.flexGrow = Math.max(fleet.counts[status.name], sum / 250);
    return part;
  }));
  byId("legend").replaceChildren(...STATUSES.map((status) => element("li", {},
    element("button", { type: "button", "aria-pressed": "false", "data-status": status.name, title: status.means, onclick: () => choose(status.name) },
      swatch(status), status.label, " ", element("strong", {}, number(fleet.counts[status.name] || 0))))));
}

// Recommendations by how much they weigh: severity, times the guests on which they are open.
const WEIGHT = { critical: 27, high: 9, medium: 3, low: 1, info: 0.1 };

function weightiest(fleet, most) {
  const open = (entry) => OPEN.reduce((sum, name) => sum + fleet.columnCounts[entry.column][fleet.byteOf[name]], 0);
  return fleet.recommendations.map((entry) => ({ entry, open: open(entry) }))
    .filter((item) => item.open)
    .sort((a, b) => b.open * (WEIGHT[b.entry.severity] || 1) - a.open * (WEIGHT[a.entry.severity] || 1) || (a.entry.id < b.entry.id ? -1 : 1))
    .slice(0, most);
}

function showFirst(fleet, go) {
  const items = weightiest(fleet, 6);
  if (!items.length) {
    byId("first").replaceChildren(element("p", { class: "quiet" }, "Nothing is open."));
    return;
  }
  byId("first").replaceChildren(element("ol", { class: "first-list" }, items.map(({ entry, open }) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
    bar.firstChild.style.width = `${(100 * open) / fleet.size}%`;
    const remedied = ["noncompliant", "not_persistent"].reduce((sum, name) => sum + fleet.columnCounts[entry.column][fleet.byteOf[name]], 0);
    return element("li", {},
      element("div", { class: "first-line" }, severityTag(entry.severity), link(entry.title, go({ rec: entry.id })),
        element("code", {}, entry.id)),
      element("div", { class: "first-count" }, bar, element("span", {}, element("strong", {}, number(open)), ` of ${many(fleet.size, "guest")}`),
        element("span", { class: "quiet" }, remedied ? `${number(remedied)} by remediation` : "by hand")));
  })));
}
