// SPDX-License-Identifier: GPL-3.0-or-later
// The heat map: a canvas that draws the part in sight, over an element that scrolls. For keyboards and screen readers there is one
// cell of a real grid, which is where the focus is: two elements take turns, so that each move is a focus that is announced.

const ROW = 20;
const HEAD = 198;
const SHARE = 16; // of the head: how many of the guests shown are open
const BAND = 20; // of the head: the area

class HeatMap {
  constructor(fleet, open) {
    this.fleet = fleet;
    this.open = open;
    this.box = byId("map");
    this.scroller = byId("map-scroller");
    this.canvas = byId("map-canvas");
    this.cells = [byId("map-cell-a"), byId("map-cell-b")];
    this.at = { row: 0, place: 0 };
    this.hover = null;
    this.shown = { guests: [], columns: [], wanted: null };
    this.queued = false;
    this.scroller.addEventListener("scroll", () => this.later(), { passive: true });
    this.scroller.addEventListener("pointermove", (event) => this.point(event));
    this.scroller.addEventListener("pointerleave", () => this.point(null));
    this.scroller.addEventListener("click", (event) => this.click(event));
    byId("map-grid").addEventListener("keydown", (event) => this.key(event));
    byId("map-grid").addEventListener("focusin", () => { this.label(); this.later(); });
    byId("map-grid").addEventListener("focusout", () => this.later());
    new ResizeObserver(() => { this.measure(); this.later(); }).observe(this.box);
  }

  show(shown) {
    this.shown = shown;
    this.counts = shown.columns.map((column) => {
      const { matrix, width, openBytes } = this.fleet;
      let open = 0;
      for (const guest of shown.guests) open += openBytes[matrix[guest * width + column]];
      return open;
    });
    byId("map-empty").hidden = shown.guests.length > 0 && shown.columns.length > 0;
    const grid = byId("map-grid");
    grid.setAttribute("aria-rowcount", shown.guests.length);
    grid.setAttribute("aria-colcount", shown.columns.length);
    this.at = { row: Math.min(this.at.row, Math.max(shown.guests.length - 1, 0)), place: Math.min(this.at.place, Math.max(shown.columns.length - 1, 0)) };
    this.measure();
    this.label();
    this.later();
  }

  // Colours and sizes, asked again when theme or window change.
  measure() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = Object.fromEntries(["surface", "text", "quiet", "rule", "accent", "hover", "bad"].map((name) => [name, colour(`--${name}`)]));
    this.fills = {};
    for (const status of STATUSES) this.fills[this.fleet.byteOf[status.name]] = [colour(`--s-${status.name}`), colour(`--on-${status.name}`), shown(status)];
    this.font = style.fontFamily;
    const wide = this.box.clientWidth;
    if (!wide) return; // in a view that is not shown
    this.names = Math.max(130, Math.min(300, Math.round(wide * 0.2)));
    const count = Math.max(this.shown.columns.length, 1);
    this.column = Math.max(16, Math.min(30, Math.floor((wide - this.names - 16) / count)));
    const rows = this.shown.guests.length;
    const size = byId("map-size");
    size.style.width = `${this.names + this.column * count}px`;
    size.style.height = `${HEAD + ROW * rows + 2}px`;
    // A map of three guests needs no screen of its own.
    this.box.style.height = `${Math.max(240, Math.min(HEAD + ROW * rows + 20, Math.max(window.innerHeight - 150, 420)))}px`;
    this.width = this.scroller.clientWidth;
    this.height = this.scroller.clientHeight;
    const scale = window.devicePixelRatio || 1;
    this.scale = scale;
    if (this.canvas.width !== Math.round(this.width * scale) || this.canvas.height !== Math.round(this.height * scale)) {
      this.canvas.width = Math.round(this.width * scale);
      this.canvas.height = Math.round(this.height * scale);
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${this.height}px`;
    }
  }

  later() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => { this.queued = false; this.draw(); });
  }

  draw() {
    if (!this.box.clientWidth) return;
    const { fleet, colours, names, column: wide, shown: { guests, columns, wanted } } = this;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const [left, top] = [this.scroller.scrollLeft, this.scroller.scrollTop];
    const firstRow = Math.floor(top / ROW);
    const lastRow = Math.min(guests.length, firstRow + Math.ceil((this.height - HEAD) / ROW) + 1);
    const first = Math.floor(left / wide);
    const last = Math.min(columns.length, first + Math.ceil((this.width - names) / wide) + 1);
    const focused = this.cells.includes(document.activeElement) ? this.at : null;
    const lit = this.hover || focused;
    const x = (place) => names + place * wide - left;
    const y = (row) => HEAD + row * ROW - top;

    // the cells
    pen.save();
    pen.beginPath();
    pen.rect(names, HEAD, this.width, this.height);
    pen.clip();
    pen.font = `600 11px ${this.font}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let row = firstRow; row < lastRow; row += 1) {
      const base = guests[row] * fleet.width;
      if (lit && lit.row === row) {
        pen.fillStyle = colours.hover;
        pen.fillRect(names, y(row), this.width, ROW);
      }
      for (let place = first; place < last; place += 1) {
        const byte = fleet.matrix[base + columns[place]];
        const fill = this.fills[byte];
        if (!fill) continue;
        pen.globalAlpha = wanted && !wanted[byte] ? 0.22 : 1;
        if (fill[0] !== "transparent") {
          pen.fillStyle = fill[0];
          pen.fillRect(x(place) + 0.5, y(row) + 0.5, wide - 1, ROW - 1);
        }
        if (fill[2]) {
          pen.fillStyle = fill[1];
          pen.fillText(fill[2], x(place) + wide / 2, y(row) + ROW / 2 + 1);
        }
      }
      pen.globalAlpha = 1;
      if (fleet.states[guests[row]] !== "ok" && fleet.matrix.subarray(base, base + fleet.width).every((byte) => byte === 32)) {
        pen.fillStyle = colours.quiet;
        pen.textAlign = "left";
        pen.fillText(`${STATES[fleet.states[guests[row]]] || fleet.states[guests[row]]}: ${fleet.messages[guests[row]] || ""}`.slice(0, 160), names + 6, y(row) + ROW / 2 + 1);
        pen.textAlign = "center";
      }
    }
    pen.restore();

    // the names of guests, and their scores
    pen.fillStyle = colours.surface;
    pen.fillRect(0, HEAD, names, this.height);
    pen.save();
    pen.beginPath();
    pen.rect(0, HEAD, names, this.height);
    pen.clip();
    pen.textBaseline = "middle";
    for (let row = firstRow; row < lastRow; row += 1) {
      const guest = guests[row];
      const bright = lit && lit.row === row;
      pen.font = `${bright ? 600 : 400} 12px ${this.font}`;
      pen.textAlign = "left";
      pen.fillStyle = colours.text;
      pen.fillText(this.short(pen, fleet.hosts[guest], names - 58), 12, y(row) + ROW / 2 + 1);
      pen.textAlign = "right";
      pen.font = `400 11px ${this.font}`;
      pen.fillStyle = colours.quiet;
      pen.fillText(fleet.scores[guest] < 0 ? "" : fleet.scores[guest].toFixed(1), names - 10, y(row) + ROW / 2 + 1);
    }
    pen.restore();

    // the head
    pen.fillStyle = colours.surface;
    pen.fillRect(0, 0, this.width, HEAD);
    pen.save();
    pen.beginPath();
    pen.rect(names, 0, this.width, HEAD);
    pen.clip();
    for (let place = first; place < last; place += 1) {
      const bright = lit && lit.place === place;
      if (bright) {
        pen.fillStyle = colours.hover;
        pen.fillRect(x(place), BAND, wide, HEAD - BAND);
      }
      const share = guests.length ? this.counts[place] / guests.length : 0;
      if (share) {
        const high = Math.max(2, share * (SHARE - 2));
        pen.fillStyle = colours.bad;
        pen.fillRect(x(place) + 2, HEAD - 3 - high, wide - 4, high);
      }
      pen.save();
      pen.translate(x(place) + wide / 2, HEAD - SHARE - 6);
      pen.rotate(-Math.PI / 2);
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      pen.font = `${bright ? 600 : 400} 11px ${this.font}`;
      pen.fillStyle = bright ? colours.text : colours.quiet;
      pen.fillText(this.short(pen, fleet.recommendations[columns[place]].id, HEAD - SHARE - BAND - 14), 0, 0);
      pen.restore();
    }
    this.bands(pen, x, first, last);
    pen.restore();
    pen.fillStyle = colours.rule;
    pen.fillRect(0, HEAD - 1, this.width, 1);
    pen.fillRect(names - 1, BAND, 1, this.height);
    pen.font = `400 11px ${this.font}`;
    pen.textBaseline = "alphabetic";
    pen.fillStyle = colours.quiet;
    pen.textAlign = "left";
    pen.fillText("guest", 12, HEAD - 8);
    pen.textAlign = "right";
    pen.fillText("score", names - 10, HEAD - 8);

    this.place(focused, x, y);
  }

  // The areas, over their columns.
  bands(pen, x, first, last) {
    const { columns } = this.shown;
    const area = (place) => this.fleet.recommendations[columns[place]].area;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (let place = first; place < last;) {
      let start = place;
      while (start > 0 && area(start - 1) === area(place)) start -= 1;
      let end = place + 1;
      while (end < columns.length && area(end) === area(place)) end += 1;
      const from = Math.max(x(start), this.names);
      pen.fillStyle = this.colours.rule;
      pen.fillRect(x(start), 0, 1, this.height);
      pen.save();
      pen.beginPath();
      pen.rect(from, 0, x(end) - from - 4, BAND);
      pen.clip();
      pen.font = `600 11px ${this.font}`;
      pen.fillStyle = this.colours.text;
      const name = this.short(pen, area(place), x(end) - from - 10);
      if (name.length > 2) pen.fillText(name, from + 6, BAND / 2 + 1);
      pen.restore();
      place = end;
    }
  }

  short(pen, text, most) {
    this.shorts ??= new Map();
    const key = `${pen.font}\n${most}\n${text}`;
    if (!this.shorts.has(key)) {
      if (this.shorts.size > 4000) this.shorts.clear();
      let cut = text;
      while (cut && pen.measureText(cut === text ? cut : `${cut}…`).width > most) cut = cut.slice(0, -1);
      this.shorts.set(key, cut === text ? text : `${cut}…`);
    }
    return this.shorts.get(key);
  }

  // The focused cell's element is where the cell is drawn, so that its outline, a magnifier and a screen reader's frame are there.
  place(focused, x, y) {
    for (const cell of this.cells) {
      const [left, top] = [x(this.at.place), y(this.at.row)];
      const inSight = left >= this.names - 1 && top >= HEAD - 1 && left < this.width && top < this.height;
      cell.classList.toggle("out", !inSight);
      cell.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
      cell.style.width = `${this.column}px`;
      cell.style.height = `${ROW}px`;
    }
  }

  label() {
    const { guests, columns } = this.shown;
    const cell = this.cells.find((entry) => entry.tabIndex === 0);
    const guest = guests[this.at.row];
    const column = columns[this.at.place];
    if (guest === undefined || column === undefined) {
      cell.setAttribute("aria-label", "No guest has such a finding");
      return;
    }
    const entry = this.fleet.recommendations[column];
    const status = this.fleet.status(guest, column);
    cell.setAttribute("aria-label", `${this.fleet.hosts[guest]}, ${entry.id}: ${status ? status.label : "not assessed"}, severity ${entry.severity}`);
    cell.setAttribute("aria-colindex", this.at.place + 1);
    cell.parentElement.setAttribute("aria-rowindex", this.at.row + 1);
  }

  go(row, place) {
    const { guests, columns } = this.shown;
    if (!guests.length || !columns.length) return;
    this.at = { row: Math.max(0, Math.min(row, guests.length - 1)), place: Math.max(0, Math.min(place, columns.length - 1)) };
    const [now, next] = this.cells[0].tabIndex === 0 ? this.cells : [this.cells[1], this.cells[0]];
    now.tabIndex = -1;
    next.tabIndex = 0;
    const [left, top] = [this.at.place * this.column, this.at.row * ROW];
    const [wide, high] = [this.width - this.names - this.column, this.height - HEAD - ROW];
    this.scroller.scrollLeft = Math.max(left - wide, Math.min(this.scroller.scrollLeft, left));
    this.scroller.scrollTop = Math.max(top - high, Math.min(this.scroller.scrollTop, top));
    next.parentElement.hidden = false;
    this.draw();
    this.label();
    next.focus({ preventScroll: true });
    now.parentElement.hidden = true;
  }

  key(event) {
    if (event.altKey || event.metaKey) return;
    const { row, place } = this.at;
    const page = Math.max(1, Math.floor((this.height - HEAD) / ROW) - 1);
    const moves = {
      ArrowUp: [row - 1, place], ArrowDown: [row + 1, place], ArrowLeft: [row, place - 1], ArrowRight: [row, place + 1],
      PageUp: [row - page, place], PageDown: [row + page, place],
      Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? Infinity : row, Infinity],
    };
    if (moves[event.key]) {
      event.preventDefault();
      this.go(...moves[event.key]);
      return;
    }
    const guest = this.fleet.hosts[this.shown.guests[row]];
    const entry = this.fleet.recommendations[this.shown.columns[place]];
    if (event.ctrlKey || guest === undefined || !entry) return;
    const opens = { Enter: { guest, rec: entry.id }, " ": { guest, rec: entry.id }, g: { guest, rec: "" }, r: { guest: "", rec: entry.id } }[event.key];
    if (!opens) return;
    event.preventDefault();
    this.open(opens);
  }

  // What is under the pointer: {row, place}; only one of them in the names or in the head.
  under(event) {
    const box = this.scroller.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (x >= this.width || y >= this.height) return null;
    const row = y < HEAD ? -1 : Math.floor((y - HEAD + this.scroller.scrollTop) / ROW);
    const place = x < this.names ? -1 : Math.floor((x - this.names + this.scroller.scrollLeft) / this.column);
    if (row >= this.shown.guests.length || place >= this.shown.columns.length || (row < 0 && place < 0)) return null;
    return { row, place, x, y };
  }

  point(event) {
    const found = event && this.under(event);
    const same = this.hover && found && this.hover.row === found.row && this.hover.place === found.place;
    this.hover = found;
    this.scroller.classList.toggle("over", Boolean(found));
    const tip = byId("map-tip");
    tip.hidden = !found;
    if (found) {
      const lines = [];
      if (found.row >= 0) lines.push(element("strong", {}, this.fleet.hosts[this.shown.guests[found.row]]));
      if (found.place >= 0) {
        const entry = this.fleet.recommendations[this.shown.columns[found.place]];
        lines.push(element("span", {}, entry.title));
        if (found.row >= 0) {
          const status = this.fleet.status(this.shown.guests[found.row], entry.column);
          lines.push(element("span", {}, status ? badge(status) : "not assessed", "  ", severityTag(entry.severity)));
        } else lines.push(element("span", {}, `open on ${number(this.counts[found.place])} of ${many(this.shown.guests.length, "guest")}`));
      }
      if (!same) tip.replaceChildren(...lines);
      const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
      const left = found.x + 18 + wide > this.width ? found.x - wide - 12 : found.x + 18;
      const top = found.y + 18 + high > this.height ? found.y - high - 8 : found.y + 18;
      tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
    }
    if (!same) this.later();
  }

  click(event) {
    const found = this.under(event);
    if (!found) return;
    const guest = found.row >= 0 ? this.fleet.hosts[this.shown.guests[found.row]] : "";
    const rec = found.place >= 0 ? this.fleet.recommendations[this.shown.columns[found.place]].id : "";
    if (found.row >= 0 && found.place >= 0) this.go(found.row, found.place);
    this.open({ guest, rec });
  }
}
