#!/usr/bin/python
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action plugin of the same name, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: compliance_report
short_description: Report on a fleet of VMware guests
version_added: 0.1.0
description:
  - Makes reports from the records that M(vmguest.linux.guest_audit), M(vmguest.linux.guest_remediate),
    M(vmguest.linux.guest_reboot) and M(vmguest.linux.guest_revert) keep on the controller, of a run that is over or of several as
    one fleet.
  - A run makes its own reports when it ends. This is for a run whose controller was killed, for other formats, and for shards and
    runs of several controllers, whose folders are copied together.
  - Of each guest, by its name in the inventory, the newest record counts. What is written depends on the records alone, not on how
    they are spread over folders, nor on the clock.
  - Runs once for all hosts of a play, on the controller; no guest is touched.
options:
  folders:
    description:
      - Folders of runs, or folders of such.
      - Default is the newest run below O(reports).
    type: list
    elements: path
  formats:
    description:
      - What to write; nothing but the summary where the list is empty.
      - Default is the variable C(vmguest_report_formats), else all of V(html), V(json), V(csv), V(junit) and V(prometheus).
    type: list
    elements: str
  out:
    description:
      - Folder for the files.
      - Default is that of the run; for several runs a new one below O(reports), named after the newest record's time.
    type: path
  reports:
    description:
      - Folder on the controller that has the folders of runs.
      - Default is the variable C(vmguest_reports), else V(reports) in the current folder.
    type: path
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: The reports are made in a temporary folder and compared with those that are there.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: linux
    support: full
    details: It runs on the controller, whatever that is.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: none
    details: There is nothing to delegate.
seealso:
  - module: vmguest.linux.guest_audit
author:
  - vmguest.linux contributors (@vmguest)
"""

EXAMPLES = r"""
- name: Report on the newest run
  vmguest.linux.compliance_report:

- name: One report of four shards, for a spreadsheet and for Prometheus
  vmguest.linux.compliance_report:
    folders:
      - shards/1
      - shards/2
      - shards/3
      - shards/4
    formats: [csv, prometheus]
    out: reports/week-48
  register: report

- name: Fail below 90 percent
  ansible.builtin.assert:
    that: report.summary.score >= 90
"""

RETURN = r"""
guests:
  description: How many guests the report is about.
  type: int
  returned: success
  sample: 1000
runs:
  description: Ids of the runs that their records are of.
  type: list
  elements: str
  returned: success
folder:
  description: Where the files are.
  type: str
  returned: success
  sample: /home/user/reports/20261124T022021Z-5f2c1a
files:
  description: All of them; changed is true where one was not there already, just so.
  type: list
  elements: str
  returned: success
summary:
  description: What is kept of the fleet in C(summary.json).
  type: dict
  returned: success
  contains:
    time:
      description: Time of the newest record, UTC.
      type: str
      returned: success
    runs:
      description: Ids of the runs.
      type: list
      elements: str
      returned: success
    actions:
      description: What they did.
      type: list
      elements: str
      returned: success
      sample: [audit]
    guests:
      description: State (V(ok), V(failed), V(unreachable), V(interrupted), V(waiting), V(skipped)) to number of guests.
      type: dict
      returned: success
      sample: {ok: 998, unreachable: 2}
    counts:
      description: Status to number of findings.
      type: dict
      returned: success
    open:
      description: Severity to number of open findings.
      type: dict
      returned: success
    score:
      description:
        - Percent of findings that are compliant, of those that are compliant, open or unknown; rounded down to a tenth.
        - What does not apply and what is waived does not count. V(null) where nothing counts.
      type: float
      returned: success
      sample: 93.1
    recommendations:
      description: Recommendation to status to number of guests.
      type: dict
      returned: success
passed_over:
  description: Files that are in the place of a record and are no whole one.
  type: list
  elements: str
  returned: success
"""
