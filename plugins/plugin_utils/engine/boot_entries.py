# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The group ``boot_entries``: GRUB 2's menu made anew, once for all recommendations that changed what it is made from.

The menu is built in the receipt, proved (GRUB's own checker parses it, no kernel that is there is lost), copied beside the old
one with its mode and owner, synced and renamed; what tells that it is ours is on disk before, as /boot may be on another one.
What a newer sync tells of a failed write stops it. The old one is kept in the receipt and put back byte for byte. Where somebody
made a new menu since (a kernel was installed), the old one would lose that: then the undo makes the menu anew instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_arguments import HARMFUL, PARAMETERS, TICKING
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import IN_PLACE

GROUP = "boot_entries"

_COMMON = r"""
config=$ROOT@config@
beside=${config%/*}/.grub.cfg.vmguest-new
was=${config%/*}/.grub.cfg.vmguest-old
kept=$NOTES/before
made=$NOTES/made
kernels() {
  sed -n 's/^[[:blank:]]*linux[a-z0-9]*[[:blank:]][[:blank:]]*\([^[:blank:]]*\).*/\1/p' "$1"
}
build() {
  [ ! -h "$config" ] || { echo "$config is a link: what it leads to would not be changed"; exit 1; }
  rm -f "$made.part"
  ${hide-} @mkconfig@ >"$made.part" || { echo "@mkconfig@ failed"; exit 1; }
  if command -v @check@ >/dev/null 2>&1; then
    @check@ "$made.part" || { echo "what @mkconfig@ made does not parse"; exit 1; }
  fi
  [ -n "$(kernels "$made.part")" ] || { echo "what @mkconfig@ made starts no kernel"; exit 1; }
  for kernel in $(kernels "$config"); do
    name=${kernel##*/}
    [ ! -e "$ROOT/boot/$name" ] || [ "$name" = "${without-}" ] || kernels "$made.part" | grep -q "/$name\$" ||
      { echo "@mkconfig@ lost $kernel"; exit 1; }
  done
  rm -f "$beside"
  cp -p "$config" "$beside" && cat "$made.part" >"$beside" || { rm -f "$beside"; exit 1; }
  mv -f "$made.part" "$made" || exit 1
  on_disk "$beside" "$made" "$NOTES"
  put_in_place "$beside" "$config" "$was"
}
keep_menu() {
  [ ! -f "$kept" ] || return 0
  cp -p "$config" "$kept.part" && same "$config" "$kept.part" || { echo "$config cannot be kept"; exit 1; }
  on_disk "$kept.part"
  mv -f "$kept.part" "$kept" || exit 1
}
former_menu() {
  rm -f "$beside" "$was" "$kept.part" "$made.part"
  if same "$kept" "$config" || [ ! -f "$made" ]; then
    return 0
  elif same "$made" "$config"; then
    cp -p "$kept" "$beside" || { rm -f "$beside"; exit 1; }
    on_disk "$beside"
    put_in_place "$beside" "$config" "$was"
  else
    echo "somebody made a new menu since: it is made anew"
    # Under a name of its own: cut off and begun again, it would else be taken for what the old menu may replace.
    made=$made.anew
    build
  fi
}
"""

_DO = r"""
keep_menu
build
"""

_UNDO = r"""
rm -f "$kept.part"
[ -f "$kept" ] || exit 0
former_menu
"""

# What configures the menu is shell (grub-mkconfig reads it in the same way). Of the arguments that this
# collection sets or takes out an entry has those that are configured, and no others; entries for repairs have fewer.
_PROOF = r"""
same "$made" "$config" || { echo "$config is not what was made"; exit 1; }
ours() {
  for word; do
    case $word in
    @patterns@) printf ' %s' "$word" ;;
    esac
  done
}
set -f
GRUB_CMDLINE_LINUX='' GRUB_CMDLINE_LINUX_DEFAULT=''
[ ! -f "$ROOT/etc/default/grub" ] || . "$ROOT/etc/default/grub" >/dev/null 2>&1
@drop_ins@
wanted=$(ours $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT)
sed -n '/^### BEGIN .*10_linux/,/^### END .*10_linux/p' "$config" | grep '^[[:blank:]]*linux' |
  grep -v -e ' single' -e ' recovery' -e '-rescue-' | while IFS= read -r entry; do
    found=$(ours $entry)
    [ "$found" = "$wanted" ] || { echo "expected:$wanted, found:$found in $entry"; exit 1; }
  done
"""
_DROP_INS = """set +f
for drop_in in "$ROOT"/etc/default/grub.d/*.cfg; do
  [ ! -f "$drop_in" ] || . "$drop_in" >/dev/null 2>&1
done
set -f"""


def menu_functions(config: str) -> str:
    """Shell: ``keep_menu`` keeps ``config`` as ``$kept``; ``build`` makes it anew; ``former_menu`` puts the kept one back or, where
    somebody made another since, makes it anew; ``kernels FILE`` says which kernels a menu starts.

    ``without`` is the file name of a kernel that the new menu lacks on purpose; ``hide`` a command that hides it from GRUB's tool.

    :raises ValueError: for a menu that may not be made anew: one on the EFI system partition.
    """
    return _text(_words(config), IN_PLACE, _COMMON)


def make_menu(config: str, drop_ins: bool) -> Run:
    """The commit of the group: makes ``config``, the grub.cfg that GRUB reads, anew.

    ``drop_ins`` says that the guest's grub-mkconfig reads /etc/default/grub.d, too (Debian's does).

    :raises ValueError: for a menu that may not be made anew: one on the EFI system partition.
    """
    patterns = "|".join(
        f"'{word}'*" if word.endswith("=") else f"'{word}'" for word in (*HARMFUL, *TICKING, *PARAMETERS)
    )
    words = {**_words(config), "@patterns@": patterns, "@drop_ins@": _DROP_INS if drop_ins else ":"}

    def text(*parts: str) -> str:
        return f"(\n{_text(words, IN_PLACE, *parts).strip()}\n)"

    return Run(
        f"make {config} anew",
        do=text(_COMMON, _DO),
        undo=text(_COMMON, _UNDO),
        proof=text(_COMMON, _PROOF),
        alone_from=("packages", "boot"),
    )


def _words(config: str) -> dict[str, str]:
    """What stands for the menu and for GRUB's tools."""
    if config not in ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"):
        raise ValueError(f"{config} is not made anew")
    prefix = config.split("/")[2]
    return {"@config@": config, "@mkconfig@": f"{prefix}-mkconfig", "@check@": f"{prefix}-script-check"}


def _text(words: Mapping[str, str], *parts: str) -> str:
    joined = "".join(parts)
    for name, value in words.items():
        joined = joined.replace(name, value)
    return joined
