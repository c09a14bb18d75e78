# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter scatter: a guest's own time for a job, by the rule of the role cron_scatter."""

from __future__ import annotations

DOCUMENTATION = r"""
name: scatter
short_description: A guest's own choice among so many
version_added: 0.1.0
author: vmguest.linux contributors
description:
  - Hashes what tells a guest from its clones and the name of a job to one of so many numbers, as the role
    P(vmguest.linux.cron_scatter#role) does. It is the same one at every run, and evenly spread over a fleet.
positional: job, choices
options:
  _input:
    description: What tells the guest from its clones, C(ansible_facts.vmguest.platform.seed).
    type: str
    required: true
  job:
    description: The job's name. Another job of the same guest gets another number.
    type: str
    required: true
  choices:
    description: How many numbers there are to choose from, at least 1.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Read the guest
  vmguest.linux.guest_facts:

- name: Show the minute of the hour at which this guest is to make its backup
  ansible.builtin.debug:
    msg: "{{ ansible_facts['vmguest'].platform.seed | vmguest.linux.scatter('backup', 60) }}"
"""

RETURN = r"""
_value:
  description: A number from 0, less than O(choices).
  type: int
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import chosen


def scatter(seed: Any, job: Any, choices: Any) -> int:
    """The guest's number for ``job``, one of ``choices`` from 0.

    :raises AnsibleFilterError: in one sentence, for what is no seed, no job or no number.
    """
    if not isinstance(seed, str) or not seed:
        raise AnsibleFilterError(
            f"vmguest.linux.scatter takes what tells a guest from its clones (ansible_facts.vmguest.platform.seed); found {seed!r}"
        )
    if not isinstance(job, str) or not job:
        raise AnsibleFilterError(f"vmguest.linux.scatter takes a job's name; found {job!r}")
    if isinstance(choices, bool) or not isinstance(choices, int) or choices < 1:
        raise AnsibleFilterError(f"vmguest.linux.scatter chooses among a number of at least 1; found {choices!r}")
    return chosen(seed, job, choices)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"scatter": scatter}
