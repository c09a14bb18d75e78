#!/usr/bin/python
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action plugin of the same name, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_remediate
short_description: Remediate a VMware guest
version_added: 0.1.0
description:
  - Audits a Linux guest, does what the policy enforces and the guest lacks, and audits it again. Two round trips, one where there
    is nothing to do.
  - Each recommendation is a transaction, logged ahead under C(/var/lib/vmguest) on the guest. One whose steps fail, or whose audit
    is not as desired afterwards, is undone; the others stay, and the task fails and names it.
  - What a killed run left half-done is undone first.
  - In check mode it prints the plan and changes nothing.
extends_documentation_fragment:
  - vmguest.linux.policy
  - vmguest.linux.policy.guest
  - vmguest.linux.policy.module
  - vmguest.linux.policy.wait
  - vmguest.linux.policy.rollout
  - vmguest.linux.policy.window
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  role:
    description:
      - Only the recommendations of this role, enforced unless the role's C(mode) variable says otherwise. For the tasks of roles.
    type: str
  save_plan:
    description:
      - In check mode, write what would be done to a file for people to read, cut down and approve, in the folder C(plan) of the
        run's records, and a summary over all guests beside it. O(plan) then does what such a file says.
      - No file is written for a guest on which nothing would be changed.
    type: bool
    default: false
seealso:
  - module: vmguest.linux.guest_audit
  - module: vmguest.linux.guest_revert
"""

EXAMPLES = r"""
- name: Do what the profile enforces
  vmguest.linux.guest_remediate:

- name: Show what would be done
  vmguest.linux.guest_remediate:
    profile: density
  check_mode: true
  diff: true
  register: plan

- name: Write what would be done to a file for each guest
  vmguest.linux.guest_remediate:
    save_plan: true
  check_mode: true

- name: Do what these files say, and nothing else
  vmguest.linux.guest_remediate:
    plan: reports/20261124T022021Z-5f2c1a/plan
    change_window: Sat 22:00-04:00 Europe/Berlin

- name: Only the I/O scheduler
  vmguest.linux.guest_remediate:
    profile: io_intensive
    only: [io_scheduler]
"""

RETURN = r"""
profile:
  description: The profile that was used.
  type: str
  returned: success
  sample: baseline
findings:
  description: One entry for each recommendation that is not off, as it is afterwards.
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
    before:
      description: The status before anything was done.
      type: str
      returned: not in check mode
      sample: noncompliant
    found:
      description: The values of C(runtime), C(persistent) and C(owner) before anything was done.
      type: dict
      returned: where one of them is another now
plan:
  description: What was to be done (in check mode, would be done), step by step.
  type: list
  elements: str
  returned: success
  sample: ['io_scheduler: set /sys/block/sda/queue/scheduler from cfq to noop']
plan_file:
  description: Path of the plan file on the controller; V(null) where nothing would be changed, or something else has to come first.
  type: str
  returned: with O(save_plan)
  sample: /home/user/reports/20261124T022021Z-5f2c1a/plan/db1.yml
by_plan:
  description: What became of the plan file's entries that were not done; each from recommendation to a sentence.
  type: dict
  returned: with O(plan), where this guest has a plan
  contains:
    file:
      description: Path of the plan file on the controller.
      type: str
      returned: always
    refused:
      description: Something else would be done now.
      type: dict
      returned: always
    held:
      description: It would be done together with one that is refused.
      type: dict
      returned: always
    met:
      description: It is compliant, or waits for a reboot only, by now.
      type: dict
      returned: always
    beyond:
      description: Recommendations that would be changed, were there no plan.
      type: list
      elements: str
      returned: always
receipts:
  description: How each transaction ended.
  type: list
  elements: dict
  returned: success
  contains:
    recommendation:
      description: What was remedied.
      type: str
      returned: always
      sample: io_scheduler
    receipt:
      description: The receipt's name on the guest.
      type: str
      returned: always
      sample: 000001-io_scheduler
    result:
      description: V(done); V(undone) where a step failed, V(refused) where none was begun, V(undo_failed).
      type: str
      returned: always
      sample: done
    reason:
      description: Why, as a sentence.
      type: str
      returned: always
    detail:
      description: What its last command printed, at most 20 lines.
      type: list
      elements: str
      returned: always
recovered:
  description: What an interrupted run had left half-done, and what became of it.
  type: list
  elements: str
  returned: success and not in check mode
failed_recommendations:
  description: The recommendations that failed or were refused; C(msg) has what was expected and what was found of each.
  type: list
  elements: str
  returned: failure of a recommendation
  sample: [swap_size]
record:
  description: Path of this guest's record on the controller. It has the findings where the task failed, too.
  type: str
  returned: when the record could be written
  sample: /home/user/reports/20261124T022021Z-5f2c1a/hosts/db1.json
"""
