// SPDX-License-Identifier: GPL-3.0-or-later
// What is shown: the state of the page, which is the part of its address after #, so that a view can be linked.

const LISTS = ["group", "area", "severity", "status"];
const EMPTY = { view: "map", q: "", sort: "worst", group: [], area: [], severity: [], status: [], guest: "", rec: "" };

function readState(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...EMPTY };
  for (const name of Object.keys(EMPTY)) {
    if (LISTS.includes(name)) state[name] = words.getAll(name);
    else if (words.has(name)) state[name] = words.get(name);
  }
  return state;
}

function writeState(state) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (LISTS.includes(name)) value.forEach((item) => words.append(name, item));
    else if (value && value !== EMPTY[name]) words.set(name, value);
  }
  return `#${words}`;
}

const isFiltered = (state) => Boolean(state.q) || LISTS.some((name) => state[name].length);

// The guests and columns of a state, in the order in which they are shown.
function filtered(fleet, state) {
  const columns = fleet.order.filter((column) => {
    const entry = fleet.recommendations[column];
    return (!state.area.length || state.area.includes(entry.area)) && (!state.severity.length || state.severity.includes(entry.severity));
  });
  const groups = new Set(state.group.map((name) => fleet.groups.indexOf(name)));
  const text = state.q.trim().toLowerCase();
  const wanted = new Uint8Array(256);
  for (const name of state.status) if (fleet.byteOf[name]) wanted[fleet.byteOf[name]] = 1;
  const byStatus = state.status.length > 0;
  const found = new Uint8Array(fleet.width);
  const guests = [];
  let findings = 0;
  for (const guest of fleet.orders[state.sort] || fleet.orders.worst) {
    if (text && !fleet.lower[guest].includes(text)) continue;
    if (groups.size && !fleet.groups_of[guest].some((group) => groups.has(group))) continue;
    let hits = 0;
    const base = guest * fleet.width;
    for (const column of columns) {
      const byte = fleet.matrix[base + column];
      if (byStatus ? wanted[byte] : byte !== 32) {
        hits += 1;
        found[column] = 1;
      }
    }
    // Without a filter of findings those that could not be assessed are shown, too.
    if (hits || !(byStatus || state.area.length || state.severity.length)) guests.push(guest);
    findings += hits;
  }
  return { guests, columns: columns.filter((column) => found[column]), findings, wanted: byStatus ? wanted : null };
}

// The menus of check boxes. `choose(name, values)` is called when somebody chooses.
function makeMenus(fleet, state, choose) {
  const areas = [...new Set(fleet.order.map((column) => fleet.recommendations[column].area))];
  const counts = (values) => values.map((value) => ({ value, label: value }));
  const menus = {
    group: counts([...fleet.groups].sort()),
    area: counts(areas),
    severity: counts(fleet.severities),
    status: STATUSES.filter((status) => status.letter).map((status) => ({ value: status.name, label: status.label, swatch: swatch(status) })),
  };
  const made = Object.entries(menus).filter(([, items]) => items.length).map(([name, items]) => {
    const boxes = items.map((item) => element("label", { class: "choice" },
      element("input", { type: "checkbox", value: item.value, onchange: () => choose(name, chosen()) }), item.swatch, item.label));
    const chosen = () => [...menu.querySelectorAll("input:checked")].map((box) => box.value);
    const told = element("span", { class: "chosen" });
    const menu = element("details", { class: "menu", id: `menu-${name}` },
      element("summary", {}, name[0].toUpperCase() + name.slice(1), told),
      element("fieldset", { class: "choices" }, element("legend", { class: "hidden" }, name), boxes));
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
    });
    menu.show = (values) => {
      menu.querySelectorAll("input").forEach((box) => { box.checked = values.includes(box.value); });
      told.textContent = values.length ? ` ${values.length}` : "";
      menu.classList.toggle("active", values.length > 0);
    };
    menu.show(state[name]);
    menu.name = name;
    return menu;
  });
  byId("menus").replaceChildren(...made);
  document.addEventListener("pointerdown", (event) => {
    made.forEach((menu) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
  });
  made.forEach((menu) => menu.addEventListener("toggle", () => {
    if (menu.open) made.forEach((other) => { if (other !== menu) other.open = false; });
  }));
  return made;
}
