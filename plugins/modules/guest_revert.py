#!/usr/bin/python
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action plugin of the same name, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_revert
short_description: Take back what was done to a VMware guest
version_added: 0.1.0
description:
  - Undoes what M(vmguest.linux.guest_remediate) did, newest first, from the receipts on the guest. Files are as before, byte for
    byte; from a file that others edited since, exactly the own part is taken out.
  - What someone else changed since is refused with the reason, and the task fails and names it.
  - One round trip where there is nothing to take back, otherwise two. In check mode it lists what it would take back.
extends_documentation_fragment:
  - vmguest.linux.policy.guest
  - vmguest.linux.policy.module
  - vmguest.linux.policy.wait
  - vmguest.linux.policy.window
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  recommendations:
    description: Only what was done for these recommendations, as ids and C(@area) words. Default is all.
    type: list
    elements: str
  run:
    description:
      - Only what the run with this id did. Receipts and records have it; its first six digits, which the folder of its records
        is named by, will do.
    type: str
seealso:
  - module: vmguest.linux.guest_remediate
"""

EXAMPLES = r"""
- name: As before
  vmguest.linux.guest_revert:

- name: Take back one recommendation
  vmguest.linux.guest_revert:
    recommendations: [cron_scatter]

- name: Show what one run did
  vmguest.linux.guest_revert:
    run: 5f2c1a9e0b7d4c36
  check_mode: true
"""

RETURN = r"""
reverted:
  description: What was to be taken back, and what became of it. Empty in check mode.
  type: list
  elements: dict
  returned: when the guest was asked
  contains:
    name:
      description: The receipt's name on the guest.
      type: str
      returned: always
      sample: 000001-io_scheduler
    recommendation:
      description: What was remedied.
      type: str
      returned: always
      sample: io_scheduler
    run:
      description: The id of the run that did it.
      type: str
      returned: always
      sample: 5f2c1a9e0b7d4c36
    time:
      description: When (UTC, by the controller's clock).
      type: str
      returned: always
      sample: '2026-11-24T02:20:21Z'
    state:
      description: V(done); V(prepared) or V(committing) for one that was interrupted; V(reverted).
      type: str
      returned: always
      sample: done
    result:
      description: V(done), V(refused) or V(failed).
      type: str
      returned: always
      sample: done
    reason:
      description: Why, as a sentence.
      type: str
      returned: always
receipts:
  description: What is still there to be taken back; in check mode, what would be taken back.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The receipt's name on the guest.
      type: str
      returned: always
      sample: 000001-io_scheduler
    recommendation:
      description: What was remedied.
      type: str
      returned: always
      sample: io_scheduler
    run:
      description: The id of the run that did it.
      type: str
      returned: always
      sample: 5f2c1a9e0b7d4c36
    time:
      description: When (UTC, by the controller's clock).
      type: str
      returned: always
      sample: '2026-11-24T02:20:21Z'
    state:
      description: V(done); V(prepared) or V(committing) for one that was interrupted; V(reverted).
      type: str
      returned: always
      sample: done
record:
  description: Path of this guest's record on the controller, with the findings after the revert.
  type: str
  returned: when something was taken back
  sample: /home/user/reports/20261124T022021Z-5f2c1a/hosts/db1.json
"""
