// SPDX-License-Identifier: GPL-3.0-or-later
// Small words for making elements. Texts are set as texts; no other function of this page makes elements.

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const number = (value) => value.toLocaleString("en");
const many = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;
const percent = (score) => (score === null || score < 0 ? "–" : `${score.toFixed(1)} %`);

function when(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  return date.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
}

function day(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

// A status as a person reads it: its letter, and its name.
const swatch = (status) => element("span", { class: `swatch s-${status.name}`, "aria-hidden": "true" }, shown(status));
const badge = (status) => element("span", { class: "badge" }, swatch(status), status.label);
const namedStatus = (name) => {
  const status = STATUSES.find((entry) => entry.name === name);
  return status ? badge(status) : name;
};
// A side of a finding that changed.
const changedSide = (name, was, now) => ((was ?? null) === (now ?? null) ? null
  : element("div", {}, `${name} `, element("samp", {}, was ?? "nothing"), " → ", element("samp", {}, now ?? "nothing")));
const severityTag = (severity) => element("span", { class: `severity severity-${severity}` }, severity);

// Compliant is the ground that others stand out from; what does not apply is a dot.
function shown(status) {
  if (status.name === "compliant") return "";
  return status.name === "not_applicable" ? "·" : status.name === "unknown" ? "?" : status.letter;
}

function link(text, state, attributes = {}) {
  return element("a", { href: state, ...attributes }, text);
}

// A table with headings; what does not fit a page of it is a button away.
function table(caption, heads, rows, page = 100) {
  const body = element("tbody");
  const made = element("table", {}, element("caption", { class: "hidden" }, caption),
    element("thead", {}, element("tr", {}, heads.map((head) => (head instanceof Node ? head : element("th", { scope: "col" }, head))))), body);
  const wrap = element("div", { class: "table", role: "region", "aria-label": caption, tabindex: "0" }, made);
  if (rows.length <= page) {
    body.append(...rows.map((row) => row()));
    return wrap;
  }
  let first = 0;
  const told = element("span", { role: "status" });
  const back = element("button", { type: "button", class: "plain", onclick: () => go(first - page) }, "Previous");
  const next = element("button", { type: "button", class: "plain", onclick: () => go(first + page) }, "Next");
  const go = (to) => {
    first = Math.max(0, Math.min(to, Math.floor((rows.length - 1) / page) * page));
    body.replaceChildren(...rows.slice(first, first + page).map((row) => row()));
    told.textContent = `${number(first + 1)} to ${number(Math.min(first + page, rows.length))} of ${number(rows.length)}`;
    back.disabled = first === 0;
    next.disabled = first + page >= rows.length;
  };
  go(0);
  return element("div", {}, wrap, element("nav", { class: "pager", "aria-label": `Pages of ${caption}` }, back, told, next));
}
