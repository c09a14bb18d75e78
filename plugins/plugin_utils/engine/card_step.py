# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A step that has ethtool change what a network card does now."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, sh


def card_step(
    card: str, option: str, old: Mapping[str, str], new: Mapping[str, str], shown: Mapping[str, str], what: str
) -> Run:
    """``ethtool OPTION CARD WORD VALUE...`` with ``new``; the undo has those of ``old``.

    ``shown`` has each word's name in what ethtool shows for the same option in lower case.

    A card that is gone by then took its settings along, and another value after a reboot is what the driver or somebody's
    configuration gives it: there is nothing to undo. Another one in the same boot somebody set since: a revert is refused.
    """

    def ethtool(values: Mapping[str, str]) -> str:
        return sh("ethtool", option, card, *(word for pair in values.items() for word in pair))

    def value(word: str) -> str:
        # Of the two blocks that -g shows, maximum and current, the last tells.
        line = rf"s/^[[:space:]]*{shown[word]}:[[:space:]]*\([^[:space:]]*\).*/\1/p"
        return f"$({sh('ethtool', option.lower(), card)} | {sh('sed', '-n', line)} | tail -n 1)"

    gone = f'[ ! -e "$ROOT"{sh(f"/sys/class/net/{card}")} ]'
    ours = " && ".join(f'[ "{value(word)}" = {sh(new[word])} ]' for word in new)
    ask = [
        f'[ -n "$SAME_BOOT" ] && ! {gone} || exit 0',
        "command -v ethtool >/dev/null || { echo 'ethtool was removed since, and nothing else sets it back: install it'; exit 1; }",
    ]
    for word in new:
        ask += [
            f"now={value(word)}",
            f"case $now in {sh(new[word])} | {sh(old[word])}) ;; *)",
            f'  echo {sh(f"changed since: expected {word} {new[word]}, found")} "$now"; exit 1',
            "esac",
        ]
    return Run(
        what=what,
        do=ethtool(new),
        undo=f'{gone} || {{ [ -z "$SAME_BOOT" ] && ! {{ {ours}; }}; }} || {ethtool(old)}',
        proof=ours,
        ask="\n".join(ask),
    )
