// SPDX-License-Identifier: GPL-3.0-or-later
// The data of the page: blocks of gzip in base64, unpacked when they are needed. What comes out is data, never markup.

async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function unpackedJson(id) {
  return JSON.parse(new TextDecoder().decode(await unpacked(id)));
}

// How a status is told, in the order in which a person has to act on it.
const STATUSES = [
  { name: "failed", label: "failed", means: "a remedy was tried and undone: its proof did not hold" },
  { name: "noncompliant", label: "noncompliant", means: "not as desired; there is a remedy" },
  { name: "not_persistent", label: "lost at boot", means: "right now, but lost at the next boot; there is a remedy" },
  { name: "pending_reboot", label: "reboot pending", means: "configured, takes effect at the next boot" },
  { name: "manual", label: "manual", means: "a person or vCenter must act" },
  { name: "unknown", label: "unknown", means: "could not be read" },
  { name: "waived", label: "waived", means: "an exception that somebody answers for" },
  { name: "compliant", label: "compliant", means: "as desired" },
  { name: "not_applicable", label: "not applicable", means: "says nothing about this guest" },
];
const OPEN = ["failed", "noncompliant", "not_persistent", "pending_reboot", "manual"];
const STATES = { ok: "assessed", failed: "failed", unreachable: "unreachable", interrupted: "interrupted", waiting: "waiting", skipped: "skipped" };

class Fleet {
  constructor(index, matrix) {
    Object.assign(this, index);
    this.matrix = matrix;
    this.width = index.recommendations.length;
    this.size = index.hosts.length;
    this.recommendations.forEach((entry, column) => { entry.column = column; });
    this.statusOf = {}; // byte to status
    this.byteOf = {}; // status to byte
    for (const [letter, name] of Object.entries(index.letters)) {
      const status = STATUSES.find((entry) => entry.name === name);
      status.letter = letter;
      this.statusOf[letter.charCodeAt(0)] = status;
      this.byteOf[name] = letter.charCodeAt(0);
    }
    this.openBytes = new Uint8Array(256);
    for (const name of OPEN) this.openBytes[this.byteOf[name]] = 1;
    this.lower = this.hosts.map((host) => host.toLowerCase());
    this.numberOf = new Map(this.hosts.map((host, number) => [host, number]));
    this.columnOf = new Map(this.recommendations.map((entry) => [entry.id, entry.column]));
    this.rankOf = this.recommendations.map((entry) => this.severities.length - 1 - this.severities.indexOf(entry.severity));
    this.count();
    this.chunks = new Map();
  }

  // For each guest: score, open findings by severity, and how bad that is; for each recommendation: findings by status.
  count() {
    const { size, width, matrix } = this;
    const levels = this.severities.length;
    const [compliant, unknown] = [this.byteOf.compliant, this.byteOf.unknown];
    const [pending, waived] = [this.byteOf.pending_reboot, this.byteOf.waived];
    this.scores = new Float32Array(size).fill(-1);
    this.badness = new Float64Array(size);
    this.openOf = new Uint16Array(size * levels);
    this.unknownOf = new Uint16Array(size);
    this.waivedOf = new Uint16Array(size);
    this.pendingOf = new Uint16Array(size);
    this.columnCounts = Array.from({ length: width }, () => new Uint32Array(256));
    for (let guest = 0, at = 0; guest < size; guest += 1) {
      let good = 0;
      let open = 0;
      for (let column = 0; column < width; column += 1, at += 1) {
        const byte = matrix[at];
        this.columnCounts[column][byte] += 1;
        if (byte === compliant) good += 1;
        else if (byte === unknown) this.unknownOf[guest] += 1;
        else if (byte === waived) this.waivedOf[guest] += 1;
        else if (this.openBytes[byte]) {
          open += 1;
          this.openOf[guest * levels + this.rankOf[column]] += 1;
          if (byte === pending) this.pendingOf[guest] += 1;
        }
      }
      const of = good + open + this.unknownOf[guest];
      if (of) this.scores[guest] = Math.floor((good * 1000) / of) / 10;
      let bad = 0;
      for (let rank = levels - 1; rank >= 0; rank -= 1) bad = bad * 1000 + this.openOf[guest * levels + rank];
      this.badness[guest] = bad + this.unknownOf[guest] / 1000;
    }
    const by = (rule) => Uint32Array.from({ length: size }, (_, guest) => guest).sort((a, b) => rule(a, b) || a - b);
    this.orders = {
      name: by(() => 0),
      worst: by((a, b) => this.badness[b] - this.badness[a]),
      score: by((a, b) => (this.scores[a] < 0 ? 101 : this.scores[a]) - (this.scores[b] < 0 ? 101 : this.scores[b])),
    };
  }

  byte(guest, column) { return this.matrix[guest * this.width + column]; }

  status(guest, column) { return this.statusOf[this.byte(guest, column)]; }

  groupsOf(guest) { return this.groups_of[guest].map((number) => this.groups[number]); }

  openCount(guest) {
    const levels = this.severities.length;
    let sum = 0;
    for (let rank = 0; rank < levels; rank += 1) sum += this.openOf[guest * levels + rank];
    return sum;
  }

  // What the record says of a guest, and of each of its findings.
  async details(guest) {
    const number = Math.floor(guest / this.chunk);
    if (!this.chunks.has(number)) this.chunks.set(number, unpackedJson(`details-${number}`));
    const chunk = await this.chunks.get(number);
    const { row, ...about } = chunk.guests[guest % this.chunk];
    const finding = (column) => {
      const at = column < row.length ? row[column] : -1;
      if (at < 0) return null;
      return Object.fromEntries(chunk.fields.map((field, place) => [field, chunk.details[at][place]]));
    };
    return { about, finding };
  }
}
