#!/usr/bin/python
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action plugin of the same name, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_reboot
short_description: Reboot a VMware guest whose findings wait for it
version_added: 0.1.0
description:
  - Audits a Linux guest. Where a finding is V(pending_reboot), reboots it, waits until it is back, and audits it again. One round
    trip where no finding waits for a reboot.
  - A guest is back when it tells another boot id (C(/proc/sys/kernel/random/boot_id)), and O(test) succeeds there.
  - Afterwards each finding that was V(pending_reboot) must be V(compliant), and none that was V(compliant) may be lost. Otherwise
    the task fails and names it, with what was expected and what was found.
  - Before the reboot, the boot loader's default entry must exist, and its kernel and image be there, be of a format that can be
    booted and be whole. Otherwise the reboot is refused.
  - It is refused as well on a container, on the machine that Ansible runs on, while a transaction of
    M(vmguest.linux.guest_remediate) is unfinished on the guest or another run changes it, and while a package manager or a
    builder of boot images runs.
  - In check mode it says what would be rebooted, or why that would be refused, and changes nothing.
extends_documentation_fragment:
  - vmguest.linux.policy
  - vmguest.linux.policy.module
  - vmguest.linux.policy.window
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  when:
    description:
      - V(needed) reboots a guest of which a finding waits for it, V(always) reboots it whatever the findings say, V(never) leaves
        it alone.
      - Default is the variable C(vmguest_reboot), else V(needed).
    type: str
    choices: [needed, always, never]
  timeout:
    description:
      - Seconds that the guest may take to come back, counted from when it was told to reboot.
      - Default is the variable C(vmguest_reboot_timeout), else V(600).
    type: int
  delay:
    description:
      - Seconds before it is asked for the first time whether it is back.
      - Default is the variable C(vmguest_reboot_delay), else V(5).
    type: int
  settle:
    description:
      - Seconds that the findings may take to be as desired once the guest is back. Its services may still be starting.
      - Default is the variable C(vmguest_reboot_settle), else V(60).
    type: int
  message:
    description:
      - What is told to those who are logged in, where the guest has a C(shutdown) that does.
      - Default is the variable C(vmguest_reboot_message), else a sentence that names this collection.
    type: str
  test:
    description:
      - Shell command that must succeed (exit status 0) on the guest before it counts as back.
      - Default is the variable C(vmguest_reboot_test), else none.
    type: str
  unproved:
    description:
      - Reboot also where it is not known what the guest boots, because its boot loader cannot be read.
      - What is known and wrong, such as a missing kernel, still refuses the reboot.
      - Default is the variable C(vmguest_reboot_unproved), else V(false).
    type: bool
seealso:
  - module: vmguest.linux.guest_audit
  - module: vmguest.linux.guest_remediate
"""

EXAMPLES = r"""
- name: Reboot where a finding waits for it
  vmguest.linux.guest_reboot:

- name: Show what would be rebooted
  vmguest.linux.guest_reboot:
  check_mode: true

- name: Reboot, and wait for the database
  vmguest.linux.guest_reboot:
    when: always
    timeout: 1200
    test: systemctl is-active --quiet postgresql
"""

RETURN = r"""
msg:
  description: What was done, or why not.
  type: str
  returned: always
  sample: rebooted, and back after 34 s
boot_id_before:
  description: The boot id before the reboot.
  type: str
  returned: when it was told to reboot
  sample: 0b2c8f66-9a2b-4f5e-8b57-6d1c5e0f3a11
boot_id_after:
  description: The boot id after it; V(null) where it was not seen back.
  type: str
  returned: when it was told to reboot
  sample: 5d1e6f0a-3c44-4d3e-b0ab-2f0d7c1d9e42
seconds:
  description: How long it took from being told to reboot to being back; V(null) where it was not seen back.
  type: int
  returned: when it was told to reboot
  sample: 34
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
      sample: compliant
    reason:
      description: Why, as a sentence.
      type: str
      returned: always
    runtime:
      description: What the kernel does now; V(null) where there is no such side.
      type: str
      returned: always
      sample: noop
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
        - The exception that C(vmguest_waivers) has for what is open or unknown, in force (then its status is V(waived)) or expired;
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
      description: The status before the reboot.
      type: str
      returned: always
      sample: pending_reboot
    found:
      description: The values of C(runtime), C(persistent) and C(owner) before the reboot.
      type: dict
      returned: where one of them is another now
failed_recommendations:
  description: The recommendations that the reboot did not prove; C(msg) has what was expected and what was found of each.
  type: list
  elements: str
  returned: failure of a recommendation
  sample: [io_scheduler]
record:
  description: Path of this guest's record on the controller. It has the findings where the task failed, too.
  type: str
  returned: when the record could be written
  sample: /home/user/reports/20261124T022021Z-5f2c1a/hosts/db1.json
"""
