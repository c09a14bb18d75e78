#!/usr/bin/python
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action plugin of the same name, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_audit
short_description: Audit a VMware guest
version_added: 0.1.0
description:
  - Reads a Linux guest and says of each recommendation of the manual whether the guest follows it, for now (runtime) and for
    the next boot (persistent), and why.
  - Takes one round trip, however many recommendations there are, and writes nothing on the guest.
  - Prints a table for each guest, and at the end of the run the totals of all. Keeps a record of each guest on the controller.
  - Shows what M(vmguest.linux.guest_remediate) would change; both are one computation.
extends_documentation_fragment:
  - vmguest.linux.policy
  - vmguest.linux.policy.guest
  - vmguest.linux.policy.module
attributes:
  check_mode:
    support: full
    details: It never changes anything.
  diff_mode:
    support: none
    details: It never changes anything; the plan is a diff of M(vmguest.linux.guest_remediate) in check mode.
options:
  fail_on:
    description:
      - Fail the task for a guest with an open finding of this severity or a higher one. Open is what is V(noncompliant),
        V(not_persistent), V(pending_reboot), V(failed) or V(manual).
      - Default is the variable C(vmguest_fail_on), else no finding fails the task.
    type: str
    choices: [info, low, medium, high, critical]
seealso:
  - module: vmguest.linux.guest_remediate
  - module: vmguest.linux.guest_facts
"""

EXAMPLES = r"""
- name: Audit with the baseline
  vmguest.linux.guest_audit:

- name: Audit storage for a database, and fail for what matters
  vmguest.linux.guest_audit:
    profile: io_intensive
    only: ['@storage']
    fail_on: medium

- name: Audit with an exception
  vmguest.linux.guest_audit:
    waivers:
      - recommendation: swap_size
        reason: 'CHG-1042: memory is fully reserved'
        expires: '2027-03-31'
  register: audit

- name: Show what is not as it should be
  ansible.builtin.debug:
    msg: "{{ audit.findings | selectattr('status', 'eq', 'noncompliant') | map(attribute='reason') }}"
"""

RETURN = r"""
profile:
  description: The profile that was used.
  type: str
  returned: success
  sample: baseline
findings:
  description: One entry for each recommendation that is not off.
  type: list
  elements: dict
  returned: success, unless O(return_findings) is V(false)
  contains:
    recommendation:
      description: Its id.
      type: str
      returned: always
      sample: io_scheduler
    role:
      description: The role that remedies it.
      type: str
      returned: always
      sample: io_scheduler
    area:
      description: What it is about.
      type: str
      returned: always
      sample: storage
    title:
      description: What it recommends.
      type: str
      returned: always
    severity:
      description: V(info), V(low), V(medium), V(high) or V(critical).
      type: str
      returned: always
      sample: medium
    source:
      description: Where the recommendation comes from.
      type: str
      returned: always
    mode:
      description: V(enforce) or V(audit), as the policy says.
      type: str
      returned: always
      sample: enforce
    status:
      description:
        - V(compliant), V(noncompliant), V(pending_reboot), V(not_persistent), V(failed), V(not_applicable), V(unknown), V(manual)
          or V(waived).
      type: str
      returned: always
      sample: noncompliant
    reason:
      description: Why, as a sentence.
      type: str
      returned: always
    runtime:
      description: What the kernel does now; V(null) where there is no such side.
      type: str
      returned: always
      sample: sda cfq
    persistent:
      description: What the configuration says for the next boot; V(null) where there is no such side.
      type: str
      returned: always
    desired:
      description: What is wanted.
      type: str
      returned: always
      sample: none
    owner:
      description: Which file, daemon or profile sets it, and would win.
      type: str
      returned: always
    reboot:
      description: Whether it takes effect at the next boot only.
      type: bool
      returned: always
    waiver:
      description:
        - The exception that O(waivers) has for what is open or unknown, in force (then its status is V(waived)) or expired;
          V(null) where there is none.
      type: dict
      returned: always
      contains:
        reason:
          description: Why, and who answers for it.
          type: str
          returned: always
        expires:
          description: Its last day.
          type: str
          returned: always
          sample: '2027-03-31'
    remedy:
      description: What remediation would do, as sentences; empty where there is nothing that it could do.
      type: list
      elements: str
      returned: always
totals:
  description: How many findings have which status.
  type: dict
  returned: success
  sample: {compliant: 5, noncompliant: 1}
record:
  description: Path of this guest's record on the controller. It has the findings where the task failed, too.
  type: str
  returned: when the record could be written
  sample: /home/user/reports/20261124T022021Z-5f2c1a/hosts/db1.json
"""
