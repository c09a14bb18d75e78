#!/bin/sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The reboot: tells the guest's boot id, looks at what the guest would boot, and has it rebooted a moment later by somebody
# who outlives the connection. docs/architecture.md describes what it prints.
#
# Functions only: the controller puts NONCE, ROOT, busy.sh and images.sh before them, and after them `main`, which calls
# `reboot_main` with one of the verbs answer, look and schedule. For dash, bash, busybox ash and mksh, on userlands from EL4
# on. Writes nothing.
#
# Variables are global (POSIX has no `local`): `why` is the reason of the last refusal, `boot` the boot id.
#
# A line that begins with # is not sent, not even inside a string.

# shellcheck shell=sh
# shellcheck disable=SC2016 # what reboots is a program of its own

reboot_main() {
  LC_ALL=C
  # A guest tree's PATH is all there is.
  [ -n "$ROOT" ] || PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin
  export LC_ALL PATH
  unset GREP_OPTIONS
  cd /
  why=''
  reboot_say begin reboot 1
  boot=$(cat "$ROOT/proc/sys/kernel/random/boot_id" 2>/dev/null)
  reboot_say boot "$boot"
  "$@"
  reboot_say end
}

reboot_say() {
  printf '%s %s\n' "$NONCE" "$*"
}

# ---- the verbs -------------------------------------------------------------------------------------------------------

# answer BOOT_ID COMMAND: with another boot id than that one, says how COMMAND ends.
answer() {
  if [ "$boot" = "$1" ] || [ -z "$2" ]; then
    return 0
  fi
  (eval "$2") >/dev/null 2>&1
  reboot_say tested "$?"
}

# look CONTROLLER KERNEL IMAGE: whether the guest may be rebooted. CONTROLLER is the boot id of the machine that Ansible
# runs on. KERNEL is empty where it is not known what the guest boots, IMAGE where its boot entry has none.
look() {
  if reboot_may "$@"; then
    reboot_say ready "$how"
  else
    reboot_say refused "$why"
  fi
}

# schedule CONTROLLER KERNEL IMAGE SECONDS MESSAGE: reboots in SECONDS, where the guest may be.
schedule() {
  if ! reboot_may "$1" "$2" "$3"; then
    reboot_say refused "$why"
    return
  fi
  # In this order of what there is; one that fails leaves it to the next. None is forced: services end in their own time.
  reboot_then='sleep "$1"; shutdown -r now "$2" || systemctl reboot || reboot || telinit 6 || busybox reboot'
  reboot_apart "$4" "$5"
  reboot_say scheduled "$how"
}

# ---- what forbids it -------------------------------------------------------------------------------------------------

reboot_may() {
  if [ -z "$boot" ]; then
    why='it tells no boot id (/proc/sys/kernel/random/boot_id), so that nobody could tell whether it was rebooted'
    return 1
  fi
  if [ "$boot" = "$1" ]; then
    why='its kernel is the one that Ansible runs on (they have the same boot id)'
    return 1
  fi
  reboot_how && reboot_undisturbed || return 1
  [ -z "$2" ] || { reboot_kernel "$2" && { [ -z "$3" ] || reboot_image "$3"; }; }
}

# The first program that can reboot, in `how`.
reboot_how() {
  for how in shutdown systemctl reboot telinit busybox; do
    ! command -v "$how" >/dev/null 2>&1 || return 0
  done
  why='it has no program that reboots it: neither shutdown nor systemctl nor reboot nor telinit'
  return 1
}

# A run of ours that changes the guest at this moment: lock/PID,START,BOOT,… with a living process of this boot. Or others
# whom a reboot would cut off in the middle of what the next boot needs; when they will have ended nobody knows.
reboot_undisturbed() {
  for claim in "$ROOT"/var/lib/vmguest/lock/[0-9]*,*; do
    claim=${claim##*/}
    process=${claim%%,*}
    claim=${claim#*,}
    since=${claim%%,*}
    claim=${claim#*,}
    # Its number alone says little: another process may have it by now.
    # shellcheck disable=SC2154 # of busy.sh
    if [ "${claim%%,*}" = "$boot" ] && process_started "$process" && [ "$started" = "$since" ]; then
      why="another run of vmguest.linux is changing it (process $process)"
      return 1
    fi
  done
  ! why=$(at_work packages boot) || {
    why="$why; try again when it has ended"
    return 1
  }
}

# The bytes of file $1 from $2 on, $3 of them, in `bytes` as hexadecimal digits.
reboot_bytes() {
  bytes=$(od -A n -t x1 -j "$2" -N "$3" "$1" 2>/dev/null | tr -d ' \n')
}

# there FILE WHAT
reboot_there() {
  if [ ! -f "$ROOT$1" ]; then
    why="$2 of its default boot entry, $1, is not there"
  elif [ ! -r "$ROOT$1" ]; then
    why="$2 of its default boot entry, $1, cannot be read"
  elif [ ! -s "$ROOT$1" ]; then
    why="$2 of its default boot entry, $1, is empty"
  elif ! command -v od >/dev/null 2>&1; then
    why="it has no program od, with which $2 of its default boot entry could be looked at"
  else
    return 0
  fi
  return 1
}

# "HdrS" at 514 is the header of Linux' x86 boot protocol; other architectures have an EFI program (MZ) or a gzipped one.
reboot_kernel() {
  reboot_there "$1" 'the kernel' || return 1
  reboot_bytes "$ROOT$1" 514 4
  [ "$bytes" != 48647253 ] || return 0
  reboot_bytes "$ROOT$1" 0 2
  case $(uname -m):$bytes in
  i?86:* | x86*) ;;
  *:4d5a | *:1f8b) return 0 ;;
  esac
  why="the kernel of its default boot entry, $1, is none that a boot loader can start"
  return 1
}

# What the kernel unpacks, proved whole where the program for it is there. Not proved, and no reason to refuse: one that takes
# longer than images.sh allows.
reboot_image() {
  reboot_there "$1" 'the image' || return 1
  unpacked=$(image_read "$ROOT$1" none | sed -n "s/^$NONCE unpacked //p")
  case $unpacked in
  # gzip's 2 is a warning: zeros after the end, to fill a block.
  '' | "0 "* | "2 gzip" | "absent "* | "137 "* | "152 "*) return 0 ;;
  "unknown "*)
    reboot_bytes "$ROOT$1" 0 6
    why="the image of its default boot entry, $1, is none that a kernel can unpack (it begins with $bytes)"
    ;;
  "cut "*) why="the image of its default boot entry, $1, is damaged: it ends within an archive" ;;
  *) why="the image of its default boot entry, $1, is damaged: ${unpacked#* } cannot read it to its end" ;;
  esac
  return 1
}

# ---- who does it -----------------------------------------------------------------------------------------------------

# apart SECONDS MESSAGE: runs `reboot_then` where the end of the session does not end it. systemd may end all that a
# session started (KillUserProcesses), but not a unit of its own.
reboot_apart() {
  if [ -d "$ROOT/run/systemd/system" ] && command -v systemd-run >/dev/null 2>&1 &&
    systemd-run /bin/sh -c "$reboot_then" sh "$1" "$2" >/dev/null 2>&1; then
    return 0
  fi
  apart=''
  ! command -v setsid >/dev/null 2>&1 || apart=setsid
  # From before it is there: the session may end as soon as it is told that a reboot is scheduled.
  trap '' HUP
  $apart /bin/sh -c "$reboot_then" sh "$1" "$2" </dev/null >/dev/null 2>&1 &
}
