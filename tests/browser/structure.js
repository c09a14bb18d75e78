// SPDX-License-Identifier: GPL-3.0-or-later
// What does not hold together: ids that are there twice, references to nobody, headings that jump a level, tables without heads.

const every = (selector) => [...document.querySelectorAll(selector)];
const ids = every("[id]").map((element) => element.id);
const references = ["aria-labelledby", "aria-describedby", "aria-controls", "for"].flatMap((name) =>
  every(`[${name}]`).flatMap((element) => element.getAttribute(name).split(" ")));
const levels = every("h1, h2, h3, h4").filter((element) => element.checkVisibility()).map((element) => Number(element.tagName[1]));
return [
  ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: ${id}`),
  ...references.filter((id) => !document.getElementById(id)).map((id) => `nobody: ${id}`),
  ...levels.filter((level, at) => at && level > levels[at - 1] + 1).map((level) => `jump to h${level}`),
  ...every("table").filter((table) => !table.caption || [...table.tHead.querySelectorAll("th")].some((head) => head.scope !== "col"))
    .map((table) => `table without caption or scope: ${table.textContent.slice(0, 40)}`),
];
