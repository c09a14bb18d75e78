# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records: one JSON file per guest and run, on the controller.

    <reports>/<UTC time>-<run's id>/hosts/<host>.json
    <reports>/<UTC time>-<run's id>/plan/<host>.yml      where a plan was asked for

Folders are 0700 and files 0600: findings tell where a guest is weak. A record is written beside its place and renamed, so
that a reader sees it whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.private_file import PrivateFile

#: Grows when a reader of older records would be misled.
FORMAT = 1
#: What a finding has of the guest before the run.
_FIRST = ("before", "found")
#: Actions that may change a guest.
_ACTS = ("remediate", "revert", "reboot")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


class RecordError(Exception):
    """A record cannot be kept. The message is one sentence for a person."""


def file_name(host: str, suffix: str = ".json") -> str:
    """A file name for an inventory name, which may hold anything: two names never share one."""
    plain = _NOT_PLAIN.sub("_", host)[:150]
    if plain != host or plain.startswith("."):
        plain = f"{plain.lstrip('.')}-{hashlib.sha256(host.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"
    return plain + suffix


def printable(value: Any) -> Any:
    """Plain data whose texts any program can read: bytes that are no UTF-8 as ``\\xNN``, control characters as ``\\xNN`` too."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_shown, value))
    if isinstance(value, Mapping):
        return {str(key): printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable(item) for item in value]
    return value


def _shown(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    # surrogateescape's place for a byte
    return (
        f"\\x{ord(char) - 0xDC00:02x}"
        if 0xDC80 <= ord(char) <= 0xDCFF
        else char.encode("unicode_escape").decode("ascii")
    )


def as_json(record: Mapping[str, Any]) -> str:
    """A record as JSON for people and programs: a line for each of its fields, and one for each finding."""
    fields = []
    for name, value in record.items():
        text = _json(value) if name != "findings" or not value else "[\n" + ",\n".join(map(_json, value)) + "\n]"
        fields.append(f"{_json(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _json(value: Any) -> str:
    """On one line, printable. Most values are so as they are, and only the others are looked through for what is not."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() and "\\" not in text else json.dumps(printable(value), ensure_ascii=False)


class Records:
    """The records of one run, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts = folder / "hosts"

    def prepare(self) -> None:
        """Make the folders.

        :raises RecordError: where that is not possible.
        """
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.folder, self.hosts):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._error(error) from error

    def write(self, host: str, record: Mapping[str, Any]) -> Path:
        """Write or replace the record of ``host``.

        :raises RecordError: where that is not possible.
        """
        return self._put(self.hosts / file_name(host), as_json({"format": FORMAT, **record}))

    def write_plan(self, name: str, text: str) -> Path:
        """Write the plan file ``name``, or replace it.

        :raises RecordError: where that is not possible.
        """
        path = self.folder / "plan" / name
        try:
            path.parent.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._error(error) from error
        return self._put(path, text)

    def _put(self, path: Path, text: str) -> Path:
        try:
            file = PrivateFile(path)
            try:
                file.text.write(text)
                file.keep()
            finally:
                file.drop()
        except OSError as error:
            raise self._error(error) from error
        return path

    def read(self, host: str) -> dict[str, Any] | None:
        """The record of ``host`` in this run, None where there is none yet."""
        return load(self.hosts / file_name(host))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All records of the run, by file name."""
        try:
            names = sorted(os.listdir(self.hosts))
        except OSError:
            return
        for name in names:
            record = load(self.hosts / name) if name.endswith(".json") and not name.startswith(".") else None
            if record is not None:
                yield record

    def _error(self, error: OSError) -> RecordError:
        return RecordError(
            f"the report cannot be written to '{self.folder.parent}': {error.strerror}; "
            "set vmguest_reports to a folder that can be written"
        )


def merged(earlier: Mapping[str, Any] | None, record: Mapping[str, Any]) -> dict[str, Any]:
    """``record`` with what an earlier task of the same run found of other recommendations: roles run one after the other.

    What the guest was like before the run is what the first of them found, and what any of them did, the run did (``acted``).
    """
    earlier = earlier or {}
    resumed = "resumed_from" in earlier
    # What another run found and did, this one did not.
    gone = _FIRST if resumed else ()
    kept = {
        finding["recommendation"]: {name: value for name, value in finding.items() if name not in gone}
        for finding in earlier.get("findings", [])
    }
    findings = []
    for finding in record["findings"]:
        first = kept.pop(finding["recommendation"], {})
        carried = {name: first[name] for name in _FIRST if name in first} if "before" in finding else {}
        findings.append({**finding, **carried})
    told: dict[str, Any] = {}
    starts = {name: value for name, value in (earlier.get("fleet") or {}).items() if name == "starts_before"}
    if starts and record.get("fleet"):
        told["fleet"] = {**record["fleet"], **starts}
    done = None if resumed else acted(earlier)
    if done:
        told["acted"] = done
    return {**record, **told, "findings": [*kept.values(), *findings]}


def acted(record: Mapping[str, Any]) -> str | None:
    """What changed the guest in a record's run: ``remediate`` or ``revert``, where a transaction or an undo of its own is done, or
    ``reboot``; where its last task changed nothing, what an earlier one did.
    """
    action = record.get("action")
    done = record.get("reverted" if action == "revert" else "receipts")
    changed = (
        record.get("state") == "ok"
        if action == "reboot"
        else any(
            isinstance(entry, Mapping) and entry.get("result") == "done"
            for entry in (done if isinstance(done, list) else ())
        )
    )
    if changed and action in _ACTS and not record.get("check"):
        return str(action)
    return str(record["acted"]) if record.get("acted") in _ACTS else None


def load(path: Path) -> dict[str, Any] | None:
    """The record in ``path``, None where there is none, or one of another format."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("format") == FORMAT else None
