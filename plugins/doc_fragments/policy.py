# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options and attributes that the modules share."""

from __future__ import annotations


class ModuleDocFragment:
    # What shapes the policy; each is also a variable with the prefix vmguest_.
    DOCUMENTATION = r"""
options:
  profile:
    description:
      - The policy that says which recommendations are enforced, audited or off, and with what options.
      - Default is the variable C(vmguest_profile), else V(baseline).
      - It may be one of your own, of the variable C(vmguest_profiles), which extends a shipped one.
    type: str
  only:
    description:
      - Only these recommendations, as ids and C(@area) words.
      - Default is the variable C(vmguest_only), else all.
    type: list
    elements: str
  skip:
    description:
      - Not these recommendations, as ids and C(@area) words.
      - Default is the variable C(vmguest_skip), else none.
    type: list
    elements: str
  waivers:
    description:
      - Exceptions that somebody answers for. What is open becomes V(waived), and remediation leaves it alone.
      - A waiver that has expired is reported with the finding; remediation still leaves that alone until the waiver is removed.
      - Default is the variable C(vmguest_waivers), else none.
    type: list
    elements: dict
    suboptions:
      recommendation:
        description: The recommendation's id.
        type: str
        required: true
      reason:
        description: Who accepts it, and why.
        type: str
        required: true
      expires:
        description: The last day on which the waiver holds, such as V(2027-03-31).
        type: raw
        required: true
  lab_guest:
    description:
      - Treat a container or any other machine as a VMware guest. Every finding then says so. For tests and demonstrations.
      - Default is the variable C(vmguest_lab_guest), else V(false).
    type: bool
  reports:
    description:
      - Folder on the controller in which the run's folder of records is made. Records are readable by their owner alone.
      - Default is the variable C(vmguest_reports), else V(reports) in the current folder.
    type: path
  return_findings:
    description:
      - Whether the task's result has RV(ignore:findings). Ansible keeps the results of all guests in memory until the task has
        ended on the last one, about 100 KiB for each. The record has them in any case.
      - The playbooks of this collection say V(false).
    type: bool
    default: true
notes:
  - The options of roles (C(io_scheduler_strict), C(swap_size_mode) and so on) are read from variables, never from module options,
    so that an audit and a remediation cannot see different ones.
  - A variable that begins with C(vmguest_) or with a role's name and is none of its options is an error.
"""

    # What a module takes that changes a guest while others may.
    WAIT = r"""
options:
  wait:
    description:
      - Seconds that a guest waits for others at work on it, in one run and for all its transactions together, before a transaction
        is begun or taken back that must not meet them. V(0) waits for nobody.
      - What installs packages does not meet a package manager; what builds boot images or boot entries does meet neither a package
        manager nor C(dracut), C(update-initramfs), C(grub2-mkconfig) and their like. All other changes wait for nobody.
      - When that time is over the transaction is refused, saying which process it is that holds which lock. The others go on.
      - What was begun already and has to be undone waits for a minute at least.
      - Default is the variable C(vmguest_wait), else V(300).
    type: int
"""

    # How a fleet is rolled out; each is also a variable with the prefix vmguest_.
    ROLLOUT = r"""
options:
  plan:
    description:
      - A folder of plan files as the playbook C(vmguest.linux.plan) writes them, one of its files, or a list of such. What
        this guest's file says is done, and nothing else. A guest that has no file there is not touched, and skipped.
      - Whole entries may be taken out of a file; it is refused before the guest is touched where anything else was edited.
      - An entry is refused by its name, and the task fails, where something else would be done now than what the file says,
        since the guest, a variable or the collection has changed. The other entries are done, but for those of its group.
        An entry that is compliant by now is told as such.
      - Default is the variable C(vmguest_plan), else none.
    type: raw
  resume:
    description:
      - The folder of an earlier run, such as V(reports/20261124T022021Z-5f2c1a), that did not come to its end. A guest
        whose record there is of a remediation that ended well is not touched, and skipped; its record goes on to stand for
        it in this run.
      - Default is the variable C(vmguest_resume), else none.
    type: path
  max_changes:
    description:
      - A guest on which more recommendations than these would be changed is left as it is, and the task fails and names
        them.
      - Default is the variable C(vmguest_max_changes), else any number.
    type: int
"""

    # When a module that changes a guest may; also the variable vmguest_change_window.
    WINDOW = r"""
options:
  change_window:
    description:
      - When the guest may be changed, such as V(Sat 22:00-04:00 Europe/Berlin), or a list of these. Days are V(daily) or such as
        V(Sat), V(Mon-Fri), V(Tue,Thu); the time zone must be said; the clock there decides, daylight saving time included. A window
        over midnight belongs to the day on which it begins.
      - It is looked at on the controller, for each guest right before it would be changed. Check mode works at any time.
      - Outside of it the guest is audited and otherwise left as it is; the C(state) of its record is V(waiting), and the task does
        not fail. M(vmguest.linux.guest_revert), which somebody asked for, fails.
      - Default is the variable C(vmguest_change_window), else none, which is at any time. In an emergency,
        C(-e vmguest_change_window=), which is empty.
    type: raw
"""

    # What every module takes and is.
    GUEST = r"""
options:
  root:
    description:
      - Folder on the guest to look at instead of V(/), such as the place where an image is mounted.
      - Commands are still those of the machine that the folder is on.
    type: str
    default: /
"""

    # What a module is that deals with the guest as a whole.
    MODULE = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  platform:
    description: Target OS/families that can be operated against.
    platforms: linux
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: none
  python:
    description: Runs where the guest has no Python.
    support: full
    details: All that runs on the guest is a script for its C(/bin/sh); nothing is copied there.
requirements:
  - The guest needs a POSIX shell as C(/bin/sh), C(grep), C(ls) and C(sed). It needs no Python.
author:
  - vmguest.linux contributors (@vmguest)
"""
