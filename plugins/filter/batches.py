# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""batches: what a person says of batches, as a play's ``serial`` takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: batches
short_description: Sizes of batches for a play's serial
version_added: 0.1.0
description:
  - Turns a number, a percentage, or several with commas between, into the list that C(serial) takes. What is none is refused.
  - C(serial) by itself takes V(0) for all hosts at once, and ends with a defect for a word.
options:
  _input:
    description: Guests at a time, such as V(1), V(10%), V(1,10%,25%), or a list of such sizes. The last one holds for the rest.
    type: raw
    required: true
author:
  - vmguest.linux contributors (@vmguest)
"""

EXAMPLES = r"""
- name: One guest, then a tenth of all, then a quarter at a time
  hosts: all
  serial: "{{ '1,10%,25%' | vmguest.linux.batches }}"
  tasks:
    - name: Remediate
      vmguest.linux.guest_remediate:
"""

RETURN = r"""
_value:
  description: The sizes.
  type: list
  elements: str
  sample: ['1', '10%', '25%']
"""

_SIZE = re.compile(r"[1-9][0-9]{0,8}|(100|[1-9][0-9]?)%", re.ASCII)


def batches(given: Any) -> list[str]:
    """The sizes of batches in ``given``, as ``serial`` takes them.

    :raises AnsibleFilterError: in one sentence, for what is no size.
    """
    sizes = given.split(",") if isinstance(given, str) else given if isinstance(given, Sequence) else [given]
    words = ["" if isinstance(size, bool) else str(size).strip() for size in sizes]
    for size, word in zip(sizes, words, strict=True):
        if not _SIZE.fullmatch(word):
            raise AnsibleFilterError(
                f"the size of a batch must be a number of guests from 1 on, or a percentage from 1% to 100%; found {size!r} in "
                f"{given!r}. Several have commas between, such as 1,10%,25%. No guest was touched."
            )
    if not words:
        raise AnsibleFilterError(
            "there is no size in the list of batches; expected one such as 1,10%,25%. No guest was touched."
        )
    return words


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"batches": batches}
