// SPDX-License-Identifier: GPL-3.0-or-later
// Puts the page together, and keeps it and its address the same.

const VIEWS = {
  map: "Heat map", guests: "Guests", recommendations: "Recommendations", waivers: "Waivers", reboots: "Reboots", silent: "Not assessed", checks: "Fleet checks",
};

function makeTabs(counts, choose) {
  const names = Object.keys(VIEWS);
  const tabs = names.map((name) => element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`, onclick: () => choose(name) },
    VIEWS[name], counts[name] === undefined ? null : element("span", { class: "number-tag" }, number(counts[name]))));
  byId("tabs").replaceChildren(...tabs);
  byId("tabs").addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: (at + 1) % names.length, ArrowLeft: (at + names.length - 1) % names.length, Home: 0, End: names.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    tabs[to].focus();
    choose(names[to]);
  });
}

function makeThemes(changed) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
    changed();
  };
  let theme = "auto";
  try {
    theme = localStorage.getItem("vmguest-theme") || "auto";
  } catch { /* a page without storage has no memory */ }
  for (const input of document.querySelectorAll("#themes input")) {
    input.checked = input.value === theme;
    input.addEventListener("change", () => {
      theme = input.value;
      try {
        localStorage.setItem("vmguest-theme", theme);
      } catch { /* as above */ }
      apply(theme);
    });
  }
  dark.addEventListener("change", () => apply(theme));
  apply(theme);
}

function start(fleet) {
  let state = readState(location.hash);
  let shown = null;
  let last = "";
  const go = (changes) => writeState({ ...state, ...changes });
  const change = (changes) => {
    history.replaceState(null, "", go(changes));
    follow();
  };
  const open = (changes) => { location.hash = go(changes); };
  const map = new HeatMap(fleet, open);
  const panel = new Panel(fleet, go, () => open({ guest: "", rec: "" }));
  const menus = makeMenus(fleet, state, (name, values) => change({ [name]: values }));
  const toggled = (name) => (state.status.includes(name) ? state.status.filter((other) => other !== name) : [...state.status, name]);

  showAbout(fleet);
  showScore(fleet);
  showTrend(fleet);
  showStatuses(fleet, (name) => change({ status: toggled(name) }));
  const silent = fleet.states.reduce((sum, entry) => sum + (entry !== "ok"), 0);
  const reboots = fleet.pendingOf.reduce((sum, entry) => sum + (entry > 0), 0);
  const failing = fleet.checks.filter((check) => OPEN.includes(check.status) || check.status === "unknown").length;
  makeTabs({ waivers: fleet.waivers.length, reboots, silent, checks: failing }, (view) => change({ view }));
  byId("view-waivers").append(...waiversView(fleet, go));
  byId("view-reboots").append(...rebootsView(fleet, go));
  byId("view-silent").append(...silentView(fleet, go));
  byId("view-checks").append(...checksView(fleet, go));

  // Links made earlier lead to the page as it was then: they are followed as changes to what is now.
  document.addEventListener("click", (event) => {
    const found = event.target.closest("a[href^='#']");
    if (!found || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (found.classList.contains("skip")) {
      event.preventDefault();
      byId("views").focus();
      byId("views").scrollIntoView();
      return;
    }
    const wanted = readState(found.getAttribute("href"));
    event.preventDefault();
    if (byId("panel").contains(found) || found.closest(".view, .first")) open({ guest: wanted.guest, rec: wanted.rec });
    else {
      open({ ...wanted, guest: "", rec: "" });
      byId("views").scrollIntoView({ block: "start" });
    }
  });

  function follow() {
    state = readState(location.hash);
    if (!VIEWS[state.view]) state.view = "map";
    const { guest, rec, view, ...filters } = state;
    const key = JSON.stringify(filters);
    const fresh = key !== last;
    if (fresh) {
      last = key;
      shown = filtered(fleet, state);
      menus.forEach((menu) => menu.show(state[menu.name]));
      if (document.activeElement !== byId("filter-text")) byId("filter-text").value = state.q;
      byId("sort").value = fleet.orders[state.sort] ? state.sort : "worst";
      document.querySelectorAll("#legend button").forEach((button) => button.setAttribute("aria-pressed", String(state.status.includes(button.dataset.status))));
      byId("clear").disabled = !isFiltered(state);
      byId("count").textContent = `${isFiltered(state) ? `${number(shown.guests.length)} of ${many(fleet.size, "guest")}` : many(fleet.size, "guest")}, ${many(shown.columns.length, "recommendation")}, ${many(shown.findings, "finding")}`;
      byId("view-guests").replaceChildren();
      byId("view-recommendations").replaceChildren();
    }
    for (const name of Object.keys(VIEWS)) {
      const chosen = name === view;
      byId(`view-${name}`).hidden = !chosen;
      byId(`tab-${name}`).setAttribute("aria-selected", String(chosen));
      byId(`tab-${name}`).tabIndex = chosen ? 0 : -1;
    }
    if (view === "map" && (map.drawn !== key || !map.width)) {
      map.drawn = key;
      map.show(shown);
    }
    if (view === "guests" && !byId("view-guests").hasChildNodes()) byId("view-guests").append(guestsTable(fleet, shown, go));
    if (view === "recommendations" && !byId("view-recommendations").hasChildNodes()) byId("view-recommendations").append(recommendationsTable(fleet, shown, go));
    panel.show(state);
  }

  showTallies(fleet, (changes) => writeState({ ...EMPTY, ...changes }));
  showFirst(fleet, go);
  byId("filter-text").addEventListener("input", (event) => change({ q: event.target.value }));
  byId("sort").addEventListener("change", (event) => change({ sort: event.target.value }));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", (event) => {
    event.preventDefault();
    byId("filter-text").value = "";
    change({ q: "", group: [], area: [], severity: [], status: [] });
    byId("filter-text").focus();
  });
  window.addEventListener("hashchange", follow);
  byId("main").hidden = false;
  makeThemes(() => { map.measure(); map.later(); });
  follow();
  document.documentElement.dataset.ready = "yes";
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("ready")));
}

try {
  const [index, matrix] = await Promise.all([unpackedJson("index"), unpacked("matrix")]);
  start(new Fleet(index, new Uint8Array(matrix)));
} catch (error) {
  const problem = byId("problem");
  problem.hidden = false;
  problem.textContent = typeof DecompressionStream === "undefined"
    ? "This browser cannot open the page: it lacks DecompressionStream. Use Chrome or Edge 80, Firefox 113, Safari 16.4, or a newer one."
    : `The page cannot be shown: ${error.message}. The file may be damaged; build the report again.`;
  byId("about").textContent = "";
  throw error;
}
