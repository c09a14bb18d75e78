// SPDX-License-Identifier: GPL-3.0-or-later
// The drill-down: a finding, a guest or a recommendation, with all that the records say of it.

const SIDES = [["runtime", "Now"], ["persistent", "At the next boot"], ["desired", "Desired"], ["owner", "Set by"]];

function facts(pairs) {
  return element("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function part(title, ...children) {
  return element("section", {}, element("h3", {}, title), ...children);
}

// Who made a change, as a record's history has it; nobody is drift.
const WHYS = { remediate: "a remediation by vmguest.linux", revert: "a revert by vmguest.linux", reboot: "a reboot by vmguest.linux",
  boot: "a boot, which made effective what was pending", policy: "another profile, option or waiver", "not read before": "nothing that is known: it could not be read before" };
function changedBy(why, run) {
  return why ? `${WHYS[why] || why}${run ? `, run ${run}` : ""}` : "nobody who is known: drift";
}

// Since when a finding is as it is, and what it was before.
function lastChange(change) {
  if (!change) return null;
  const [time, why, run, status, runtime, persistent, owner] = change;
  return part("Last change", facts([["Since", `${when(time)} UTC`], ["Changed by", changedBy(why, run)],
    ["Was", namedStatus(status)], ["Was then", runtime], ["At the next boot", persistent], ["Set by", owner]]));
}

// What changed on a guest as far back as its record knows, the last first.
function guestChanges(fleet, guest, changes, finding, go) {
  const columns = Object.keys(changes || {}).sort((a, b) => (changes[a][0] < changes[b][0] ? 1 : -1));
  if (!columns.length) return null;
  return part("Last changes", element("ul", { class: "findings" }, columns.map((column) => {
    const [time, why, run, status, runtime, persistent] = changes[column];
    const found = finding(Number(column)) || {};
    const entry = fleet.recommendations[column];
    const now = fleet.status(guest, Number(column));
    return element("li", {}, element("div", {}, link(entry.title, go({ guest: fleet.hosts[guest], rec: entry.id })), why ? null : [" ", element("span", { class: "tag state" }, "drift")]),
      now.name === status ? null : element("div", {}, namedStatus(status), " → ", badge(now)),
      changedSide("now", runtime, found.runtime), changedSide("at the next boot", persistent, found.persistent),
      element("p", { class: "quiet" }, `${when(time)} UTC${why ? `, by ${changedBy(why, run)}` : ""}`));
  })));
}

function sources(entry) {
  return part("Source", element("ul", { class: "sources" }, entry.source.split(";").map((source) => source.trim()).filter(Boolean).map((source) => element("li", {}, source))));
}

async function findingBody(fleet, guest, column, go) {
  const entry = fleet.recommendations[column];
  const status = fleet.status(guest, column);
  const { about: record, finding } = await fleet.details(guest);
  const found = finding(column);
  const about = facts([["Guest", link(fleet.hosts[guest], go({ guest: fleet.hosts[guest], rec: "" }))],
    ["Recommendation", link(entry.id, go({ guest: "", rec: entry.id }))]]);
  if (!found) return [element("p", {}, "This recommendation was not assessed on this guest: the profile has it off, or the guest did not answer."), about, sources(entry)];
  const enforced = found.mode === "enforce" && found.remedy.length > 0;
  return [
    element("p", { class: "tags" }, badge(status), severityTag(entry.severity), element("span", { class: "tag" }, entry.area),
      element("span", { class: "tag" }, found.mode === "enforce" ? "enforced" : "audited")),
    element("p", { class: "reason" }, found.reason),
    SIDES.some(([name]) => found[name] !== null) ? part("Evidence", element("dl", { class: "sides" },
      SIDES.filter(([name]) => found[name] !== null).flatMap(([name, label]) => [element("dt", {}, label), element("dd", {}, element("samp", {}, found[name]))]))) : null,
    found.before && found.before !== status.name ? part("Before this run", element("p", {}, found.before.replaceAll("_", " "))) : null,
    lastChange(record.changes?.[column]),
    found.waiver ? part("Waiver", facts([["Reason", found.waiver[0]], ["Until", day(found.waiver[1])]])) : null,
    found.remedy.length ? part(enforced ? "Remediation will" : "A remediation would",
      element("ol", { class: "steps" }, found.remedy.map((step) => element("li", {}, step))),
      found.reboot ? element("p", { class: "quiet" }, "In effect at the next boot.") : null) : null,
    about, sources(entry),
  ];
}

async function guestBody(fleet, guest, go) {
  const host = fleet.hosts[guest];
  const { about, finding } = await fleet.details(guest);
  const state = fleet.states[guest];
  const bits = [
    element("p", { class: "tags" }, element("span", { class: "tag strong" }, `score ${percent(fleet.scores[guest])}`),
      state === "ok" ? null : element("span", { class: "tag state" }, STATES[state] || state), fleet.groupsOf(guest).map((group) => element("span", { class: "tag" }, group))),
    about.message ? element("p", { class: "reason" }, about.message) : null,
    facts([["System", about.guest.distribution], ["Kernel", about.guest.kernel], ["Vendor", about.guest.vendor], ["UUID", about.guest.uuid],
      ["Record", `${about.action}${about.check ? " (check mode)" : ""}, ${when(about.time)} UTC`], ["Profile", about.profile]]),
  ];
  for (const status of STATUSES) {
    const columns = fleet.order.filter((column) => fleet.status(guest, column) === status);
    if (!columns.length) continue;
    columns.sort((a, b) => fleet.rankOf[b] - fleet.rankOf[a]);
    const quiet = status.name === "compliant" || status.name === "not_applicable";
    const list = () => element("ul", { class: "findings" }, columns.map((column) => {
      const entry = fleet.recommendations[column];
      return element("li", {}, element("div", {}, link(entry.title, go({ guest: host, rec: entry.id })), " ", severityTag(entry.severity)),
        element("p", { class: "quiet" }, finding(column).reason));
    }));
    const made = element("details", { class: "status-group" }, element("summary", {}, badge(status), " ", element("strong", {}, number(columns.length))));
    made.open = !quiet;
    if (made.open) made.append(list());
    made.addEventListener("toggle", () => { if (made.open && made.children.length === 1) made.append(list()); });
    bits.push(made);
  }
  bits.push(guestChanges(fleet, guest, about.changes, finding, go));
  return bits;
}

function recommendationBody(fleet, column, go) {
  const entry = fleet.recommendations[column];
  const groups = STATUSES.map((status) => {
    const byte = fleet.byteOf[status.name];
    const total = fleet.columnCounts[column][byte];
    if (!total) return null;
    const made = element("details", { class: "status-group" }, element("summary", {}, badge(status), " ", element("strong", {}, number(total))));
    const fill = () => {
      if (!made.open || made.children.length > 1) return;
      const guests = [...fleet.orders.name].filter((guest) => fleet.byte(guest, column) === byte);
      made.append(element("ul", { class: "names" }, guests.slice(0, 200).map((guest) =>
        element("li", {}, link(fleet.hosts[guest], go({ guest: fleet.hosts[guest], rec: entry.id }))))));
      if (guests.length > 200) made.append(element("p", { class: "quiet" }, `and ${number(guests.length - 200)} more: filter by status in the heat map, or search by name`));
    };
    made.addEventListener("toggle", fill);
    made.open = OPEN.includes(status.name) && total <= 2000;
    fill();
    return made;
  });
  const share = element("div", { class: "share small", "aria-hidden": "true" }, STATUSES.map((status) => {
    const total = fleet.columnCounts[column][fleet.byteOf[status.name]];
    if (!total) return null;
    const piece = element("span", { class: `s-${status.name}` });
    piece.style.flexGrow = total;
    return piece;
  }));
  return [
    element("p", { class: "tags" }, severityTag(entry.severity), element("span", { class: "tag" }, entry.area)),
    share, ...groups,
    facts([["Recommendation", element("code", {}, entry.id)], ["Role", element("code", {}, `vmguest.linux.${entry.role}`)]]),
    sources(entry),
  ];
}

class Panel {
  constructor(fleet, go, close) {
    this.fleet = fleet;
    this.go = go;
    this.box = byId("panel");
    this.opener = null;
    byId("panel-close").addEventListener("click", close);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.box.hidden) close();
    });
  }

  async show(state) {
    const { fleet } = this;
    const guest = fleet.numberOf.get(state.guest);
    const column = fleet.columnOf.get(state.rec);
    const key = JSON.stringify([state.guest, state.rec]);
    if (guest === undefined && column === undefined) {
      this.key = key;
      if (this.box.hidden) return;
      this.box.hidden = true;
      document.body.classList.remove("with-panel");
      if (this.opener && this.opener.isConnected) this.opener.focus({ preventScroll: true });
      this.opener = null;
      return;
    }
    if (this.key !== key) {
      this.key = key;
      const cell = guest !== undefined && column !== undefined;
      let body;
      try {
        body = cell ? await findingBody(fleet, guest, column, this.go)
          : guest !== undefined ? await guestBody(fleet, guest, this.go) : recommendationBody(fleet, column, this.go);
      } catch (error) {
        body = [element("p", { class: "notice" }, `The details cannot be unpacked: ${error.message}. The file may be damaged; build the report again.`)];
      }
      if (this.key !== key) return; // somebody went on while it was unpacked
      byId("panel-kind").textContent = cell ? `Finding on ${fleet.hosts[guest]}` : guest !== undefined ? "Guest" : "Recommendation";
      byId("panel-title").textContent = column !== undefined ? fleet.recommendations[column].title : fleet.hosts[guest];
      byId("panel-body").replaceChildren(...body.filter(Boolean));
      byId("panel-body").scrollTop = 0;
    }
    if (this.box.hidden) {
      this.opener = document.activeElement;
      this.box.hidden = false;
      document.body.classList.add("with-panel");
    }
    this.box.focus({ preventScroll: true });
  }
}
