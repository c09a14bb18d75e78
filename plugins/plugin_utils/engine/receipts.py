# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receipts: what apply.sh reports, and what it keeps on the guest so that everything can be undone."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError, ProbeOutput, framed
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries, files

_AFTER_REBOOT = "/var/lib/vmguest/receipts/*/after_reboot"
READS: tuple[Read, ...] = (
    files("/var/lib/vmguest/receipts/*/state", "/var/lib/vmguest/receipts/*/meta"),
    entries(_AFTER_REBOOT),
)


@dataclass(frozen=True)
class Receipt:
    """One transaction as kept on the guest. ``state`` is done, reverted, or that of one that was interrupted.

    ``after_reboot``: undoing it has begun, and goes on after the guest is rebooted; what boots is already as it was.
    The receipt of a group's commit has ``members``, receipts whose work it commits; it is reverted with the last of them.
    """

    name: str
    recommendation: str
    run: str
    time: str
    state: str
    members: tuple[str, ...] = ()
    after_reboot: bool = False

    @property
    def revertable(self) -> bool:
        """True for what was done and not yet taken back, and can be by itself."""
        return self.state == "done" and not self.members

    @property
    def interrupted(self) -> bool:
        """True for a transaction that was killed; the next apply undoes it."""
        return self.state in ("prepared", "committing")


@dataclass
class Outcome:
    """How one transaction ended: done, undone, refused, undo_failed; ``detail`` is what the failed command printed."""

    recommendation: str
    receipt: str = ""
    result: str = ""
    reason: str = ""
    steps: list[str] = field(default_factory=list)
    detail: list[str] = field(default_factory=list)


@dataclass
class ApplyOutput:
    """All that apply.sh reported. ``locked`` and ``refused`` say why nothing was done."""

    outcomes: list[Outcome] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)
    reverted: list[tuple[str, str, str, str]] = field(default_factory=list)
    locked: str | None = None
    refused: str | None = None


def receipts(probe: ProbeOutput) -> list[Receipt]:
    """The receipts on a guest, oldest first."""
    found = []
    waiting = {entry.path.rpartition("/")[0] for entry in probe.entries(_AFTER_REBOOT)}
    for state in probe.glob("/var/lib/vmguest/receipts/*/state"):
        folder = state.path.rpartition("/")[0]
        meta = dict(line.partition("=")[::2] for line in probe.file(f"{folder}/meta").lines)
        found.append(
            Receipt(
                folder.rpartition("/")[2],
                meta.get("recommendation", folder.rpartition("-")[2]),
                meta.get("run", ""),
                meta.get("time", ""),
                state.value,
                tuple(meta.get("members", "").split()),
                folder in waiting,
            )
        )
    return found


def parse_apply(output: str, nonce: str) -> ApplyOutput:
    """Parse what apply.sh printed.

    :raises ProbeError: where it was cut. What was done is then known to the guest's receipts only; the next run reads them.
    """
    result = ApplyOutput()
    prefix = nonce + " "
    current: Outcome | None = None
    for line in framed(output, nonce, "apply"):
        if not line.startswith(prefix):
            if current is not None and len(current.detail) < 20:
                current.detail.append(line)
            continue
        word, dummy, rest = line[len(prefix) :].partition(" ")
        if word == "locked":
            result.locked = rest
        elif word == "refused":
            result.refused = rest
        elif word == "recovered":
            result.recovered.append(rest)
        elif word == "transaction":
            recommendation, dummy, receipt = rest.partition(" ")
            current = Outcome(recommendation, receipt)
            result.outcomes.append(current)
        elif word == "step" and current is not None:
            number, dummy, sentence = rest.partition(" ")
            current.steps.append(f"{number} {sentence}")
        elif word == "outcome":
            recommendation, dummy, rest = rest.partition(" ")
            kind, dummy, reason = rest.partition(" ")
            # A group's outcomes come after the transactions of all its members.
            open_ones = [
                entry for entry in result.outcomes if entry.recommendation == recommendation and not entry.result
            ]
            if not open_ones:
                open_ones = [Outcome(recommendation)]
                result.outcomes += open_ones
            open_ones[-1].result, open_ones[-1].reason = kind, reason
            current = None
        elif word == "reverted":
            receipt, recommendation, kind, *reason_words = rest.split(" ")
            result.reverted.append((receipt, recommendation, kind, " ".join(reason_words)))
        elif word != "alive":
            raise ProbeError(f"apply answered with an unknown line '{word}'; is the guest running another version?")
    return result
