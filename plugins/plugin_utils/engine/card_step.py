# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A step that has ethtool change what a network card does now."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, sh


def card_step(card: str, option: str, words: Mapping[str, str], back: Mapping[str, str], what: str, proof: str) -> Run:
    """``ethtool OPTION CARD WORD VALUE...`` with ``words``; the undo has those of ``back``.

    A card that is gone by then took its settings along: there is nothing to undo.
    """

    def ethtool(values: Mapping[str, str]) -> str:
        return sh("ethtool", option, card, *(word for pair in values.items() for word in pair))

    gone = f'[ ! -e "$ROOT"{sh(f"/sys/class/net/{card}")} ]'
    return Run(what=what, do=ethtool(words), undo=f"{gone} || {ethtool(back)}", proof=proof)
