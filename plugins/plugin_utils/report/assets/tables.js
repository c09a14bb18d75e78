// SPDX-License-Identifier: GPL-3.0-or-later
// The views that are tables: guests, recommendations, waivers, reboots, guests that were not assessed, checks of the fleet.

const NAMED = 20;

function hostLink(fleet, guest, go) {
  return link(fleet.hosts[guest], go({ guest: fleet.hosts[guest], rec: "" }), { class: "host" });
}

const count = (value, kind = "") => element("td", { class: `number ${value ? kind : "none"}` }, value ? number(value) : "–");

function guestsTable(fleet, shown, go) {
  const levels = fleet.severities.length;
  const rows = shown.guests.map((guest) => () => element("tr", {},
    element("th", { scope: "row" }, hostLink(fleet, guest, go)),
    element("td", {}, fleet.states[guest] === "ok" ? "" : element("span", { class: "state" }, STATES[fleet.states[guest]] || fleet.states[guest])),
    element("td", { class: "number" }, percent(fleet.scores[guest])),
    fleet.severities.map((severity, place) => count(fleet.openOf[guest * levels + (levels - 1 - place)], `open severity-${severity}`)),
    count(fleet.unknownOf[guest]), count(fleet.pendingOf[guest]), count(fleet.waivedOf[guest]),
    element("td", { class: "groups" }, fleet.groupsOf(guest).join(", "))));
  const numbers = ["Score", ...fleet.severities.map((severity) => severity[0].toUpperCase() + severity.slice(1)), "Unknown", "Reboot", "Waived"];
  return table("Guests", ["Guest", "State", ...numbers.map((head) => element("th", { scope: "col", class: "number" }, head)), "Groups"], rows);
}

function recommendationsTable(fleet, shown, go) {
  const counts = (column) => {
    const found = new Uint32Array(256);
    for (const guest of shown.guests) found[fleet.byte(guest, column)] += 1;
    return found;
  };
  const rows = shown.columns.map((column) => () => {
    const entry = fleet.recommendations[column];
    const found = counts(column);
    return element("tr", {},
      element("th", { scope: "row" }, link(entry.title, go({ rec: entry.id, guest: "" })), element("code", {}, entry.id)),
      element("td", {}, entry.area), element("td", {}, severityTag(entry.severity)),
      STATUSES.map((status) => count(found[fleet.byteOf[status.name]], `s-text-${status.name}`)));
  });
  const heads = STATUSES.map((status) => element("th", { scope: "col", class: "number" }, swatch(status), element("span", { class: "head" }, status.label)));
  return table("Recommendations", ["Recommendation", "Area", "Severity", ...heads], rows, 200);
}

function named(fleet, guests, go, most = NAMED) {
  const list = guests.slice(0, most).map((guest) => element("li", {}, typeof guest === "number" ? hostLink(fleet, guest, go)
    : fleet.numberOf.has(guest) ? hostLink(fleet, fleet.numberOf.get(guest), go) : guest));
  if (guests.length > most) {
    const rest = element("details", { class: "rest" }, element("summary", {}, `${number(guests.length - most)} more`));
    rest.addEventListener("toggle", () => {
      if (rest.children.length === 1) rest.append(named(fleet, guests.slice(most), go, 2000));
    });
    list.push(element("li", {}, rest));
  }
  return element("ul", { class: "names" }, list);
}

function section(title, text, body) {
  return [element("h2", {}, title), text ? element("p", { class: "quiet" }, text) : null, body].filter(Boolean);
}

function waiversView(fleet, go) {
  if (!fleet.waivers.length) return section("Waivers", "No finding is under a waiver.");
  const today = fleet.ended.slice(0, 10);
  const soon = new Date(Date.parse(today) + 30 * 864e5).toISOString().slice(0, 10);
  const rows = fleet.waivers.map(([id, reason, expires, inForce, guests]) => () => {
    const state = expires < today || !inForce ? "expired" : expires <= soon ? "ends within 30 days" : "in force";
    return element("tr", {},
      element("th", { scope: "row" }, link(id, go({ rec: id, guest: "" }))),
      element("td", { class: `nowrap expiry-${state.split(" ")[0]}` }, day(expires), element("br"), element("span", { class: "quiet" }, state)),
      element("td", {}, reason), element("td", { class: "number" }, number(guests.length)), element("td", {}, named(fleet, guests, go, 3)));
  });
  return section("Waivers", "Exceptions that somebody answers for. One that has expired is a finding again, and nothing is changed until it is renewed or removed.",
    table("Waivers", ["Recommendation", "Until", "Reason", "Guests", "Which"], rows, 50));
}

function rebootsView(fleet, go) {
  const guests = [...fleet.orders.name].filter((guest) => fleet.pendingOf[guest]);
  if (!guests.length) return section("Pending reboots", "No guest waits for a reboot.");
  const byte = fleet.byteOf.pending_reboot;
  const rows = guests.map((guest) => () => element("tr", {},
    element("th", { scope: "row" }, hostLink(fleet, guest, go)),
    element("td", {}, element("ul", { class: "names" }, fleet.order.filter((column) => fleet.byte(guest, column) === byte)
      .map((column) => element("li", {}, link(fleet.recommendations[column].id, go({ guest: fleet.hosts[guest], rec: fleet.recommendations[column].id })))))),
    element("td", { class: "groups" }, fleet.groupsOf(guest).join(", "))));
  return section("Pending reboots", "Configured, and in effect at the next boot. To reboot them in batches: ansible-playbook vmguest.linux.reboot",
    table("Pending reboots", ["Guest", "What waits", "Groups"], rows, 50));
}

function silentView(fleet, go) {
  const guests = [...fleet.orders.name].filter((guest) => fleet.states[guest] !== "ok");
  if (!guests.length) return section("Not assessed", "Every guest answered, and no task failed.");
  const rows = guests.map((guest) => () => element("tr", {},
    element("th", { scope: "row" }, hostLink(fleet, guest, go)),
    element("td", {}, element("span", { class: "state" }, STATES[fleet.states[guest]] || fleet.states[guest])),
    element("td", {}, fleet.messages[guest] || ""), element("td", { class: "groups" }, fleet.groupsOf(guest).join(", "))));
  return section("Unreachable, interrupted, failed or left alone", "Nothing is known of a guest that did not answer: it counts neither for nor against the score.",
    table("Guests that were not assessed, or failed", ["Guest", "State", "Why", "Groups"], rows, 50));
}

function plainData(value) {
  if (Array.isArray(value)) {
    if (!value.length) return "none";
    if (value.every((item) => item !== null && typeof item === "object" && !Array.isArray(item))) {
      const keys = [...new Set(value.flatMap((item) => Object.keys(item)))];
      return table("Details", keys.map((key) => key.replaceAll("_", " ")), value.map((item) => () =>
        element("tr", {}, keys.map((key) => element("td", {}, item[key] === undefined ? "" : plainData(item[key]))))), 20);
    }
    return value.map((item) => (item !== null && typeof item === "object" ? JSON.stringify(item) : String(item))).join(", ");
  }
  if (value !== null && typeof value === "object") {
    return element("dl", { class: "facts" }, Object.entries(value).flatMap(([key, item]) =>
      [element("dt", {}, key.replaceAll("_", " ")), element("dd", {}, plainData(item))]));
  }
  return typeof value === "number" ? number(value) : String(value ?? "–");
}

// Starts of jobs over the day, as the herd's detail has them: name there to what it is.
const DAYS = [["before", "before remediation"], ["after", "after it"], ["now", "now"], ["scattered", "with all that can be scattered"]];
const DAY_MINUTES = 1440;

function jobDays(detail) {
  const days = DAYS.map(([key, label]) => ({ label, day: detail[key] }))
    .filter(({ day }) => day && Array.isArray(day.starts) && day.starts.length === DAY_MINUTES && day.guests);
  const peak = Math.max(1, ...days.map(({ day }) => day.largest.starts));
  return days.map(({ label, day }) => jobDay(label, day, peak));
}

// One bar is the fullest minute of five, on a scale that all days share.
function jobDay(label, found, peak) {
  const [wide, high, step, bottom] = [720, 76, 5, 16];
  const scale = (high - bottom - 12) / peak;
  const bars = [];
  for (let minute = 0; minute < DAY_MINUTES; minute += step) {
    const most = Math.max(...found.starts.slice(minute, minute + step));
    if (most) bars.push(`M${((minute + step / 2) * wide) / DAY_MINUTES} ${high - bottom}v${(-Math.max(1, most * scale)).toFixed(1)}`);
  }
  const said = `${label}: at most ${number(Math.round(found.largest.starts))} jobs in one minute, at ${found.largest.clock}`;
  const hours = [0, 6, 12, 18, 24];
  return element("figure", { class: "job-day" }, element("figcaption", {}, said, element("span", { class: "quiet" }, ` on ${many(found.guests, "guest")}`)),
    element("svg:svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Jobs that begin in each minute of the day, ${said}` },
      element("svg:line", { x1: 0, x2: wide, y1: high - bottom, y2: high - bottom, class: "rule" }),
      element("svg:path", { d: bars.join(""), class: "bars" }),
      hours.map((hour) => element("svg:text", { x: (hour * wide) / 24, y: high - 3, class: "axis", "text-anchor": hour === 0 ? "start" : hour === 24 ? "end" : "middle" }, `${String(hour).padStart(2, "0")}:00`))));
}

// Detail without what a picture shows better than 1440 numbers.
function withoutDays(detail) {
  return Object.fromEntries(Object.entries(detail).map(([key, value]) =>
    [key, value && Array.isArray(value.starts) ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== "starts")) : value]));
}

// What drifted: what it was and is now, between which runs, and who owns it now.
function driftTable(fleet, changes, go) {
  const rows = changes.map((change) => () => {
    const statuses = [change.was.status, change.found, change.now.status].filter((status, place, all) => status && status !== all[place - 1]);
    const known = fleet.numberOf.has(change.host);
    return element("tr", {},
      element("th", { scope: "row" }, known ? hostLink(fleet, fleet.numberOf.get(change.host), go) : change.host),
      element("td", {}, known ? link(change.recommendation, go({ guest: change.host, rec: change.recommendation })) : change.recommendation),
      element("td", {}, element("div", {}, statuses.map((status, place) => [place ? " → " : null, namedStatus(status)])),
        changedSide("now", change.was.runtime, change.now.runtime), changedSide("at the next boot", change.was.persistent, change.now.persistent)),
      element("td", {}, change.since ? element("div", { class: "nowrap" }, `after ${when(change.since)}`) : null, element("div", { class: "nowrap" }, `by ${when(change.time)}`)),
      element("td", {}, change.now.owner ? element("samp", {}, change.now.owner) : "–",
        change.was.owner && change.was.owner !== change.now.owner ? element("div", { class: "quiet" }, "was ", element("samp", {}, change.was.owner)) : null));
  });
  return table("What drifted", ["Guest", "Recommendation", "What changed", "When (UTC)", "Owner"], rows, 20);
}

function checksView(fleet, go) {
  if (!fleet.checks.length) return section("Fleet-wide checks", "None were made.");
  const rank = (check) => [STATUSES.findIndex((status) => status.name === check.status), fleet.severities.indexOf(check.severity)];
  const drifts = (check) => (check.id === "fleet_drift" && Array.isArray(check.detail.changes) ? check.detail.changes : []);
  const sorted = [...fleet.checks].sort((a, b) => Math.sign(drifts(b).length) - Math.sign(drifts(a).length) || rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
  return section("Fleet-wide checks", "What no guest can see by itself.", element("div", { class: "checks" }, sorted.map((check) => {
    const status = STATUSES.find((entry) => entry.name === check.status) || STATUSES[5];
    const drifted = drifts(check);
    const detail = drifted.length ? Object.fromEntries(Object.entries(check.detail).filter(([name]) => name !== "changes")) : check.detail;
    return element("article", { class: `card check${drifted.length ? " wide" : ""}` },
      element("h3", {}, check.title), element("p", { class: "tags" }, badge(status), severityTag(check.severity), element("code", {}, check.id)),
      element("p", {}, check.reason),
      check.guests.length && !drifted.length ? element("div", {}, element("h4", {}, "Guests"), named(fleet, check.guests, go, 8)) : null,
      jobDays(detail), drifted.length ? driftTable(fleet, drifted, go) : null,
      Object.keys(detail).length ? element("details", { class: "no-print" }, element("summary", {}, "Details"), plainData(withoutDays(detail))) : null,
      element("p", { class: "quiet source" }, `Source: ${check.source}`));
  })));
}
