# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the report: a fleet's records to files, in one pass, one record in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks, FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.csv_report import CsvReport
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import (
    SUMMARY,
    Fleet,
    Summary,
    Tally,
    earlier,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.json_report import JsonReport
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.junit_report import JunitReport
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.page import write_page
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.private_file import PrivateFile, clear_abandoned
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.prometheus_report import PrometheusReport
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import RecordError


class Report(Protocol):
    """A report that is written while the guests come by."""

    FILE: str
    NEWLINE: str

    def __init__(self, out: TextIO) -> None:
        """A report into ``out``."""

    def add(self, record: Mapping[str, Any]) -> None:
        """A guest's record."""

    def end(self, summary: Summary, checks: Sequence[FleetFinding]) -> None:
        """What all of them come to."""


#: The page, for people. It takes the records itself (:func:`write_page`) and has its own place in the pass.
HTML = "html"
PAGE = "report.html"
#: The other formats, for programs: name to what writes it.
REPORTS: dict[str, type[Report]] = {
    "json": JsonReport,
    "csv": CsvReport,
    "junit": JunitReport,
    "prometheus": PrometheusReport,
}


#: The files of all formats, by name.
FILES = {HTML: PAGE, **{name: kind.FILE for name, kind in REPORTS.items()}}


@dataclass(frozen=True)
class Built:
    """What became of a report."""

    summary: Summary
    checks: tuple[FleetFinding, ...]
    #: All its files, and those of them that were not there already, just so.
    files: tuple[Path, ...]
    changed: tuple[Path, ...]
    #: A sentence for each file that could not be written.
    problems: tuple[str, ...]


def build(
    fleet: Fleet,
    folder: Path,
    formats: Sequence[str],
    each: Callable[[Mapping[str, Any]], None] = lambda _record: None,
    reports: Path | None = None,
) -> Built:
    """Write the reports named in ``formats``, and the summary, to ``folder``. ``each`` sees every record, too. The page's trend is
    of what lies in ``reports``, which is where ``folder`` lies if nothing else is said.

    A file that cannot be written is told in ``problems`` and keeps the others from nothing.

    :raises RecordError: where the folder cannot be had at all.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise RecordError(
            f"the report cannot be written to '{folder}': {error.strerror}; name a folder that can be written"
        ) from error
    clear_abandoned(folder, {*FILES.values(), SUMMARY})
    tally, checks = Tally(), FleetChecks()
    with _Files(folder) as files:
        for name in formats:
            if name != HTML:
                files.begin(REPORTS[name])

        def passing() -> Iterator[dict[str, Any]]:
            for record in fleet:
                tally.add(record)
                checks.add(record)
                each(record)
                files.add(record)
                yield record

        def found() -> Iterator[FleetFinding]:
            # Asked for when all records have passed.
            yield from checks.results()

        records = passing()
        if HTML in formats:
            files.page(records, earlier(reports or folder.parent, fleet.ended), found())
        for _record in records:
            # Those that no page took.
            pass
        summary, results = tally.summary(), tuple(checks.results())
        files.end(summary, results)
        files.write(SUMMARY, summary.text())
    return Built(summary, results, tuple(files.kept), tuple(files.changed), tuple(files.problems))


class _Files:
    """The files that are being written; what is not finished when it is left is dropped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[PrivateFile, Report] = {}
        self.kept: list[Path] = []
        self.changed: list[Path] = []
        self.problems: list[str] = []

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open:
            file.drop()

    def begin(self, kind: type[Report]) -> None:
        """One more report."""
        with self._told(self._folder / kind.FILE):
            file = PrivateFile(self._folder / kind.FILE, kind.NEWLINE)
            self._open[file] = kind(file.text)

    def page(
        self, records: Iterator[Mapping[str, Any]], trend: Iterable[Summary], checks: Iterator[FleetFinding]
    ) -> None:
        """The page, of records that are counted as they pass; what it left of them where it failed, others take."""
        path = self._folder / PAGE
        with self._told(path):
            file = PrivateFile(path)
            try:
                write_page(file.text, records, trend, checks)
                self._keep(file)
            except BaseException:
                file.drop()
                raise

    def add(self, record: Mapping[str, Any]) -> None:
        """A record, to all reports."""
        for file, report in list(self._open.items()):
            with self._told(file.path, file):
                report.add(record)

    def end(self, summary: Summary, checks: Sequence[FleetFinding]) -> None:
        """Finish all reports and put them in their places."""
        for file, report in list(self._open.items()):
            with self._told(file.path, file):
                report.end(summary, checks)
                self._keep(file)
            self._open.pop(file, None)

    def write(self, name: str, text: str) -> None:
        """A small file."""
        with self._told(self._folder / name):
            file = PrivateFile(self._folder / name)
            try:
                file.text.write(text)
            except OSError:
                file.drop()
                raise
            self._keep(file)

    def _keep(self, file: PrivateFile) -> None:
        if file.keep():
            self.changed.append(file.path)
        self.kept.append(file.path)

    @contextmanager
    def _told(self, path: Path, file: PrivateFile | None = None) -> Iterator[None]:
        """A fault of one file ends that file alone."""
        try:
            yield
        except OSError as error:
            if file is not None:
                file.drop()
                self._open.pop(file, None)
            self.problems.append(f"'{path}' cannot be written: {error.strerror}")
