# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# grub-script-check FILE: fails where a brace, an `if` or a quote is not closed.

awk '
  {
    line = $0
    gsub(/\\./, "", line)
    gsub(/'\''[^'\'']*'\''|"[^"]*"/, "x", line)
    sub(/(^|[[:space:]])#.*/, "", line)
    if (line ~ /["'\'']/) open_quote = 1
    gsub(/\$\{[^}]*\}/, "x", line)
    braces += gsub(/\{/, "{", line) - gsub(/\}/, "}", line)
    gsub(/[;&|]/, " ; ", line)
    count = split(line, word, /[[:space:]]+/)
    for (at = 1; at <= count; at++) {
      if (word[at] == "if") ifs++
      if (word[at] == "fi") ifs--
    }
    if (braces < 0 || ifs < 0) bad = 1
  }
  END { exit (bad || braces || ifs || open_quote) ? 1 : 0 }
' "$1" || {
  echo "error: syntax error." >&2
  echo "Syntax error at line 1" >&2
  exit 1
}
