#!/bin/sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The probe: reads a guest and writes nothing. docs/architecture.md describes what it prints.
#
# Functions only: the controller puts NONCE and ROOT before them, and after them those of images.sh, then `reads`, which calls
# the verbs read_files, read_lines, read_entries, read_command and read_images, then `main`. For dash, bash, busybox ash and mksh, on userlands
# from EL4 on.
#
# Speed is processes: files are sorted out by the shell's own tests, and all files of one redaction go through one grep.
# No heredoc (bash writes it to a temporary file), and command substitution only where it is the process itself that counts.
# While the probe runs, IFS is a newline and globbing is off but for the places that expand globs: a list is a string of paths,
# each with a newline after it, and $list without quotes is its words. Names with a newline never come into a list.
#
# A line that begins with # is not sent, not even inside a string.

# shellcheck shell=sh
# shellcheck disable=SC2086 # lists are split on purpose
# shellcheck disable=SC3013 # a shell without -ef says no, and what it is asked about counts as denied
# shellcheck disable=SC2012 # what ls says of a file is what is wanted; its names are told apart by the controller
# shellcheck disable=SC2030,SC2031 # what happens in a pipe stays there, on purpose

# Prints the whole frame.
probe_main() {
  probe_nl='
'
  probe_old_ifs=$IFS
  IFS=$probe_nl
  set -f
  # Programs may think that they talk to a person where the connection has a terminal.
  LC_ALL=C SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 TERM=dumb
  export LC_ALL SYSTEMD_PAGER SYSTEMD_COLORS TERM
  unset GREP_OPTIONS QUOTING_STYLE TIME_STYLE BLOCK_SIZE LS_BLOCK_SIZE
  probe_guest 2>/dev/null
  set +f
  IFS=$probe_old_ifs
}

probe_guest() {
  probe_at=
  if [ -n "$ROOT" ]; then
    # A guest tree: names are relative to it, and the caller's PATH is all that is looked at for commands.
    cd "$ROOT" || return
    probe_at=.
  else
    PATH=${PATH:+$PATH:}/sbin:/usr/sbin:/bin:/usr/bin
    export PATH
  fi
  # mksh has no printf of its own, the others have no print.
  if [ -n "${KSH_VERSION-}" ]; then
    probe_say() { print -rn -- "$1"; }
  else
    probe_say() { printf %s "$1"; }
  fi
  probe_merged='' probe_twins=''
  [ ! "$probe_at/lib" -ef "$probe_at/usr/lib" ] || probe_merged=1
  probe_batches=0 probe_unsized='' probe_clock='' probe_single=''
  probe_say "$NONCE begin probe 1$probe_nl"
  reads
  probe_stop_clock
  probe_contents
  probe_say "$NONCE end$probe_nl"
}

# ---- the verbs -------------------------------------------------------------------------------------------------------

# read_twins GLOB...: more globs for the verb that comes next. They are in /lib, and it has their like in /usr/lib: where both
# are one folder, what they match is read once, by its name in /usr/lib.
read_twins() {
  [ -n "$probe_merged" ] || probe_twins="$*"
}

# read_files none GLOB..., or read_files crontab|fstab|bootloader GLOB... [crontab|fstab|bootloader GLOB...]...: prints the
# states of what cannot be read; contents come at the end.
read_files() {
  probe_class=redacted probe_take=probe_take_file
  [ "$1" != none ] || probe_class=none
  probe_states=
  set -- "$@" $probe_twins
  probe_twins=
  probe_expand "$@"
  probe_say "$probe_states"
}

# read_lines NAME PATTERN GLOB...: the lines that match a basic regular expression.
read_lines() {
  probe_say "$NONCE lines $1$probe_nl"
  probe_class=lines probe_take=probe_take_searched probe_pattern=$2
  shift 2
  set -- "$@" $probe_twins
  probe_twins=
  probe_expand "$@"
}

# read_entries GLOB...: what ls says.
read_entries() {
  probe_say "$NONCE entries$probe_nl"
  probe_class=entries probe_take=probe_take_entry
  set -- "$@" $probe_twins
  probe_twins=
  probe_expand_at_once "$@"
}

# read_command NAME SECONDS ARGV...: what a command prints.
read_command() {
  probe_say "$NONCE command $1$probe_nl"
  probe_name=$1 probe_seconds=$2 probe_status=absent
  shift 2
  if command -v "$1" >/dev/null; then
    probe_start_clock
    # In a process group of its own, so that with it ends what it started.
    if [ "$probe_single$1" = 1sh ]; then
      (
        IFS=$probe_old_ifs
        set +f
        eval "$3"
      ) </dev/null &
    elif [ -z "$probe_single" ] && command -v setsid >/dev/null; then
      setsid "$@" </dev/null &
    else
      "$@" </dev/null &
    fi
    probe_await $!
  fi
  probe_say "$NONCE status $probe_name $probe_status$probe_nl"
}

# read_single NAME SECONDS ARGV...: the same for a program that starts no other one, or a script for sh that ends by exec.
# setsid is a program more for each, and sh one more.
read_single() {
  probe_single=1
  read_command "$@"
  probe_single=
}

# read_images MODULES GLOB...: which of these modules each image holds. One chain of processes for each image, none where
# there is none, one for all that apply has put its stamp on.
read_images() {
  probe_class=images probe_take=probe_take_image probe_modules=$1
  shift
  probe_expand "$@"
}

# read_unless PATH VERB...: another verb, where there is no PATH.
read_unless() {
  [ ! -e "$probe_at$1" ] || return 0
  shift
  "$@"
}

# read_where PROGRAM VERB...: another verb, where this program is found.
read_where() {
  command -v "$1" >/dev/null || return 0
  shift
  "$@"
}

# ---- time limits -----------------------------------------------------------------------------------------------------
# One clock for all commands: two processes, where `timeout` would be one more for each command. Besides, EL4 and EL5 have
# no timeout, and that of toybox 0.8 (Photon) makes up exit statuses.
# Its ticks are heard only while a command is waited for: one that comes while a shell writes into a full pipe ends the write,
# and the line is lost (bash, busybox).

probe_start_clock() {
  [ -z "$probe_clock" ] || return 0
  trap '' USR1
  (
    while :; do
      sleep 1 && kill -USR1 $$ || exit
    done
  ) </dev/null >/dev/null 2>&1 &
  probe_clock=$!
}

probe_stop_clock() {
  [ -n "$probe_clock" ] || return 0
  # Not TERM: mksh may lose one that comes while it forks, and the clock would hold the connection open. Its last sleep ends
  # by itself within a second and holds nothing.
  kill -s KILL "$probe_clock"
  wait "$probe_clock"
  trap - USR1
}

# probe_await PID: its exit status in probe_status, 124 where its time was up.
probe_await() {
  probe_known='' probe_ticks=0
  trap 'probe_ticked=1 probe_ticks=$((probe_ticks + 1))' USR1
  while :; do
    probe_ticked=
    wait "$1"
    probe_status=$?
    [ -n "$probe_ticked" ] || break
    # A tick ended the wait; or else it came after the command's end, whose status is told only once.
    [ "$probe_status" -gt 128 ] || probe_known=$probe_status
    if [ "$probe_ticks" -gt "$probe_seconds" ]; then
      kill -s KILL -- "-$1" || kill -s KILL "$1"
      wait "$1"
      probe_known=124
      break
    fi
  done
  trap '' USR1
  probe_status=${probe_known:-$probe_status}
}

# ---- from globs to batches of paths ----------------------------------------------------------------------------------

# Gives all that GLOBs match to probe_take, which fills probe_paths and probe_reads.
probe_expand() {
  probe_files='' probe_marks='' probe_paths='' probe_reads='' probe_front=$probe_at
  for probe_glob; do
    # Kernel files are small whatever size they are said to have. They have colons in their names, but there is never a
    # file whose name is the part before a colon, which is what makes colons a riddle.
    case $probe_glob in
      /proc/* | /sys/*)
        probe_kernel=1
        # Files of processes are many, and none is a FIFO, on which grep would wait: what matches nothing is left to grep.
        if [ "$probe_class" = lines ]; then
          set +f
          if probe_join 30000 $probe_front$probe_glob; then
            probe_gather
            continue
          fi
        fi
        ;;
      /*) probe_kernel= ;;
      *)
        probe_lead "$probe_glob"
        continue
        ;;
    esac
    case $probe_glob in
      *[*?[]*)
        set +f
        for probe_path in $probe_front$probe_glob; do
          $probe_take
        done
        set -f
        ;;
      *)
        probe_path=$probe_front$probe_glob
        $probe_take
        ;;
    esac
    probe_gather
  done
  probe_batch
}

# All redacted files go through one grep and one sed: how many slashes a name begins with says which redaction it gets.
probe_lead() {
  case $1 in
    fstab) probe_front=$probe_at/ ;;
    bootloader) probe_front=$probe_at// ;;
    *) probe_front=$probe_at ;;
  esac
}

# For directory entries, of which there may be hundreds: all globs at once, and what matches nothing or is missing is left to ls.
probe_expand_at_once() {
  probe_globs="$*"
  if [ -n "$probe_at" ]; then
    probe_globs=
    for probe_glob; do
      probe_globs=$probe_globs$probe_at$probe_glob$probe_nl
    done
  fi
  set +f
  if probe_join 60000 $probe_globs; then
    probe_files=$probe_paths
    probe_batch
  else
    probe_expand "$@"
  fi
}

# probe_join LIMIT PATH...: all of them, for probe_gather or probe_batch; not where a name has a newline or they are too long.
probe_join() {
  set -f
  probe_limit=$1
  shift
  # Joined by something else, a newline is one of a name.
  IFS=:
  probe_paths="$*"
  IFS=$probe_nl
  case $probe_paths in
    *"$probe_nl"*) probe_paths= ;;
    *) probe_paths="$*$probe_nl" ;;
  esac
  if [ -z "$probe_paths" ] || [ ${#probe_paths} -gt "$probe_limit" ]; then
    probe_paths=
    return 1
  fi
}

# What one glob gave goes to the batch. (Strings grow by copying: small ones first.)
probe_gather() {
  probe_files=$probe_files$probe_paths
  probe_marks=$probe_marks$probe_reads
  [ -n "$probe_kernel" ] || [ -z "$probe_reads" ] || probe_unsized=$probe_unsized$probe_paths
  probe_paths='' probe_reads=''
  # EL4 takes 128 KiB of arguments and environment; a batch stays under half of that.
  [ ${#probe_files} -lt 30000 ] || probe_batch
}

# A batch is full, or the last one.
probe_batch() {
  [ -n "$probe_files" ] || return 0
  case $probe_class in
    lines)
      if [ -n "$probe_at" ]; then
        probe_grep n "$probe_pattern" | sed 's/^\.//' || probe_lost
      else
        probe_grep n "$probe_pattern"
      fi
      ;;
    entries)
      if [ -n "$probe_at" ]; then
        probe_ls | sed 's, \./, /,' || probe_lost
      elif [ -t 1 ]; then
        # On a terminal, GNU ls quotes names.
        probe_ls | sed -n p || probe_lost
      else
        probe_ls
      fi
      ;;
    images) probe_images ;;
    *) probe_keep "$probe_files" "$probe_marks" "$probe_unsized" ;;
  esac
  probe_files='' probe_marks='' probe_unsized=''
}

# What nobody has printed would look like a file without lines, or a folder without files. So where a program is not there (127),
# cannot be started (126) or is killed, this comes after what it printed, which may have no line end. A lower status of grep and ls
# is of what they were asked.
probe_lost() {
  probe_say "$probe_nl$NONCE failed$probe_nl"
}

# probe_grep n|'' PATTERN: with n, the lines' numbers, too.
probe_grep() {
  grep -asH"$1" -e "$2" $probe_files || [ $? -lt 126 ] || probe_lost
}

probe_ls() {
  ls -ldn $probe_files || [ $? -lt 126 ] || probe_lost
}

# probe_keep FILES MARKS UNSIZED: a batch of files that waits for probe_contents.
probe_keep() {
  probe_batches=$((probe_batches + 1))
  eval "probe_class_$probe_batches=\$probe_class probe_files_$probe_batches=\$1"
  eval "probe_marks_$probe_batches=\$2 probe_unsized_$probe_batches=\$3"
}

probe_add() {
  probe_paths=$probe_paths$probe_path$probe_nl
  [ ${#probe_paths} -lt 30000 ] || probe_gather
}

probe_take_searched() {
  # As for redacted files (see probe_colon), names must not look like PATH:NUMBER: themselves.
  case $probe_kernel$probe_path in *"$probe_nl"* | [./]*:[0-9]*:*) return ;; esac
  if [ -f "$probe_path" ] && [ -r "$probe_path" ]; then
    probe_add
  fi
}

probe_take_entry() {
  case $probe_path in *"$probe_nl"*) return ;; esac
  if [ -e "$probe_path" ] || [ -L "$probe_path" ]; then
    probe_add
  fi
}

# What only looks like an image that is booted: for repairs, for crash dumps, somebody's copies. Links lead to another name
# of an image, or out of the guest's tree.
probe_take_image() {
  case $probe_path in
    *"$probe_nl"* | *rescue* | *kdump* | *.vmguest* | *.old | *.bak | *.dpkg-* | *.rpmsave | *.hmac | *.new | *~) return ;;
  esac
  if [ -f "$probe_path" ] && [ ! -h "$probe_path" ]; then
    probe_add
  fi
}

probe_take_file() {
  case $probe_path in *"$probe_nl"*)
    probe_odd
    return
    ;;
  esac
  if [ -f "$probe_path" ]; then
    :
  elif [ -c "$probe_path" ] && [ "$probe_path" -ef /dev/null ]; then
    # A link to /dev/null masks a file of that name elsewhere: it is an empty file.
    :
  else
    probe_no_file
    return
  fi
  if [ ! -r "$probe_path" ]; then
    probe_state denied
    return
  fi
  if [ -z "$probe_kernel" ]; then
    case $probe_path in *:*)
      probe_colon
      return
      ;;
    esac
  fi
  probe_reads="$probe_reads$NONCE file read ${probe_path#"$probe_front"}$probe_nl"
  probe_add
}

# ---- states of what is not read --------------------------------------------------------------------------------------

probe_state() {
  probe_states="$probe_states$NONCE file $1 ${probe_path#"$probe_front"}$probe_nl"
}

# A name with a newline is shown with question marks.
probe_odd() {
  while :; do
    case $probe_path in
      *"$probe_nl"*) probe_path="${probe_path%%"$probe_nl"*}?${probe_path#*"$probe_nl"}" ;;
      *) break ;;
    esac
  done
  probe_state odd_name
}

# grep prints PATH:LINE. Lines of the files `a` and `a:b` look alike, so a file with a colon in its name is read by
# itself. With PATH:NUMBER:LINE, which the redactions see, a name like `a:1:b` is not to be told apart at all.
probe_colon() {
  case $probe_class/$probe_path in
    none/*) ;;
    *:[0-9]*:*)
      probe_state odd_name
      return
      ;;
  esac
  probe_keep "$probe_path$probe_nl" "$NONCE file read ${probe_path#"$probe_front"}$probe_nl" "$probe_path$probe_nl"
}

# No regular file: a FIFO or a device must not be opened, so it counts as denied.
probe_no_file() {
  if [ -d "$probe_path" ]; then
    probe_state directory
  elif [ -e "$probe_path" ]; then
    probe_state denied
  elif [ -L "$probe_path" ]; then
    probe_state missing
  else
    case $probe_glob in
      *[*?[]*) probe_no_match ;;
      *) probe_missing ;;
    esac
  fi
}

# A glob that matches nothing tells something only where its folder cannot be read or is not there.
probe_no_match() {
  probe_path=$probe_front${probe_glob%%[*?[]*}
  probe_path=${probe_path%/*}
  if [ ! -d "$probe_path/" ]; then
    probe_missing
  elif [ ! -r "$probe_path/" ] || [ ! -x "$probe_path/" ]; then
    probe_state denied
  fi
}

# What is not to be seen is missing, or in a folder that may not be looked into.
probe_missing() {
  probe_folder=${probe_path%/*}
  until [ -d "$probe_folder/" ]; do
    probe_folder=${probe_folder%/*}
  done
  if [ -x "$probe_folder/" ]; then
    probe_state missing
  else
    probe_state denied
  fi
}

# ---- contents --------------------------------------------------------------------------------------------------------

# All batches of read_files, without the files over 256 KiB.
probe_contents() {
  [ "$probe_batches" -gt 0 ] || return 0
  probe_large=$(probe_find_large)
  probe_number=0
  while [ "$probe_number" -lt "$probe_batches" ]; do
    probe_number=$((probe_number + 1))
    eval "probe_class=\$probe_class_$probe_number probe_files=\$probe_files_$probe_number"
    eval "probe_marks=\$probe_marks_$probe_number"
    [ -z "$probe_large" ] || probe_leave_out_large
    probe_say "$probe_marks"
    [ -z "$probe_files" ] || probe_print
  done
}

# One find where all names fit into its arguments. It takes the place of the subshell.
probe_find_large() {
  # toybox knows no -follow, EL4 no -L.
  if command -v toybox >/dev/null; then
    probe_links=-L probe_follow=
  else
    probe_links='' probe_follow=-follow
  fi
  probe_number=0 probe_sized=
  while [ "$probe_number" -lt "$probe_batches" ]; do
    probe_number=$((probe_number + 1))
    eval "probe_unsized=\$probe_unsized_$probe_number"
    if [ $((${#probe_sized} + ${#probe_unsized})) -gt 65000 ]; then
      find $probe_links $probe_sized $probe_follow -prune -size +512
      probe_sized=
    fi
    probe_sized=$probe_sized$probe_unsized
  done
  [ -z "$probe_sized" ] || exec find $probe_links $probe_sized $probe_follow -prune -size +512
}

probe_leave_out_large() {
  probe_all=$probe_files probe_files='' probe_marks=''
  for probe_path in $probe_all; do
    probe_name=${probe_path#.}
    until [ "$probe_name" = "${probe_name#//}" ]; do
      probe_name=${probe_name#/}
    done
    case $probe_nl$probe_large$probe_nl in
      *"$probe_nl$probe_path$probe_nl"*) probe_marks="$probe_marks$NONCE file too_large $probe_name$probe_nl" ;;
      *)
        probe_marks="$probe_marks$NONCE file read $probe_name$probe_nl"
        probe_files=$probe_files$probe_path$probe_nl
        ;;
    esac
  done
}

# Prints the lines of a batch.
probe_print() {
  probe_say "$NONCE data$probe_nl"
  case $probe_class in
    none)
      if [ -n "$probe_at" ]; then
        probe_grep '' '' | sed 's/^\.//' || probe_lost
      else
        probe_grep '' ''
      fi
      ;;
    *)
      probe_redact
      if ! command -v toybox >/dev/null; then
        probe_grep n '' | sed "$probe_redaction" || probe_lost
      elif command -v tr >/dev/null; then
        # No dot of toybox's sed reaches over a NUL.
        { probe_grep n '' | tr '\000' '?' || probe_lost; } | sed "$probe_redaction" || probe_lost
      elif [ "$(printf 'a\000b\n' | sed "$probe_reach${probe_nl}s/a.*b\$/x/")" = x ]; then
        # Photon's toybox has no tr, but its sed has brackets that hold a NUL.
        probe_grep n '' | sed "$probe_redaction" || probe_lost
      else
        probe_lost
      fi
      ;;
  esac
}

# ---- images ----------------------------------------------------------------------------------------------------------

probe_images() {
  probe_stamp=$probe_at/var/lib/vmguest/images probe_identities=
  if [ -r "$probe_stamp" ] && command -v stat >/dev/null; then
    probe_identities=$probe_nl$(stat -c '%i %s %Y %Z %n' $probe_files)$probe_nl
  fi
  for probe_path in $probe_files; do
    probe_say "$NONCE image ${probe_path#.}$probe_nl"
    if [ ! -r "$probe_path" ]; then
      probe_say "$NONCE unpacked denied unknown$probe_nl"
    elif [ -z "$probe_identities" ] || ! probe_stamped; then
      image_read "$probe_path" "$probe_modules"
    fi
  done
}

# What apply noted of an image that it had built and proved: in the stamp's first line the modules that it looked for, then for
# each image its identity, and with a + before them the lines that image_read printed. An image that anybody touched since
# has another size, time or inode.
probe_stamped() {
  probe_found=
  {
    IFS= read -r probe_line
    [ "$probe_line" = "$probe_modules" ] || return 1
    while IFS= read -r probe_line; do
      case $probe_line in
        +*) [ -z "$probe_found" ] || probe_say "${probe_line#+}$probe_nl" ;;
        =*) [ -z "$probe_found" ] || probe_say "$NONCE unpacked stamped ${probe_line#=}$probe_nl" ;;
        *)
          [ -z "$probe_found" ] || return 0
          [ "$probe_at/${probe_line#*/}" = "$probe_path" ] || continue
          case $probe_identities in
            *"$probe_nl${probe_line%%/*}$probe_path$probe_nl"*) probe_found=1 ;;
            *) return 1 ;;
          esac
          ;;
      esac
    done
  } <"$probe_stamp"
  [ -n "$probe_found" ]
}

# ---- redaction -------------------------------------------------------------------------------------------------------
# Basic regular expressions that EL4's sed, busybox and toybox know. grep's PATH:NUMBER:LINE becomes PATH, newline,
# LINE: neither holds a newline, so what an expression says of the path and of the line cannot be mixed up by colons.
# Not all of those allow an expression's delimiter within brackets.

probe_redact() {
  # What no dot reaches over (a NUL to toybox, bytes that are no UTF-8 where a sed takes the C locale for one) would not be
  # redacted. Where it is of no class either, nothing of these files is to be believed.
  probe_reach='/^.*$/!s/[^[:print:][:blank:]]/?/g'
  probe_redaction="/^$NONCE /b
$probe_reach
/^.*\$/!c\\
$NONCE failed
"
  # To busybox a NUL ends a line, too: what comes after it has no path of its own.
  probe_redaction=$probe_redaction'
s/^\.//
s/:[0-9][0-9]*:/\
/
/^\/.*\n/!s/.*/<redacted>/
/^\/.*\n/!b
/^\/\/\//b loader
/^\/\//b fstab
'
  # What is not known to be harmless goes: of other jobs the schedule, the user and the first word of the command stay.
  probe_redaction=$probe_redaction'
# Lines with a word that smells of a secret get a mark before the path.
/\n.*[Pp][Aa][Ss][Ss]/s/^/!/
/\n.*[Pp][Ww][Dd]/s/^/!/
/\n.*[Pp][Ww][[:blank:]]*[:=]/s/^/!/
/\n.*[Tt][Oo][Kk][Ee][Nn]/s/^/!/
/\n.*[Ss][Ee][Cc][Rr][Ee][Tt]/s/^/!/
/\n.*[Kk][Ee][Yy]/s/^/!/
/\n.*[Cc][Rr][Ee][Dd]/s/^/!/
/\n.*[Aa][Uu][Tt][Hh]/s/^/!/
/\n.*[[:blank:]="]-p[^[:blank:]]/s/^/!/
/\n.*[[:blank:]="]-*u[a-z]*[[:blank:]=]*[^[:blank:]]*:[^[:blank:]]/s/^/!/
/\n.*:\/\/[^[:blank:]]*@/s/^/!/
/\n[[:blank:]]*$/b end
/\n[[:blank:]]*#/b comment
/\n[[:blank:]]*[A-Za-z_][A-Za-z0-9_]*[[:blank:]]*=/b variable
# A second newline goes between what stays (schedule, and user) and the command.
/^!*\/etc\/anacrontab\n/b anacron
s;\n\([[:blank:]]*\([-*0-9,/~]\{1,\}[[:blank:]]\{1,\}\)\{3\}\([-*0-9A-Za-z,/~]\{1,\}[[:blank:]]\{1,\}\)\{2\}\);\
\1\
;
s/\n\([[:blank:]]*@[A-Za-z]\{1,\}[[:blank:]]\{1,\}\)/\
\1\
/
# Crontabs of users have no field for the user.
/^.*\/spool\/.*\n/b command
/\n.*\n[A-Za-z_][-A-Za-z0-9_.@+$\\]*[[:blank:]]\{1,\}[^[:blank:]]/!b unknown
s/\(\n.*\)\n\([^[:blank:]]*[[:blank:]]*\)/\1\2\
/
b command
:anacron
s/\n\([[:blank:]]*[@0-9][A-Za-z0-9]*[[:blank:]]\{1,\}[0-9]\{1,\}[[:blank:]]\{1,\}[^[:blank:]]\{1,\}[[:blank:]]\{1,\}\)/\
\1\
/
:command
/\n.*\n/!b unknown
/^!/b word
/\n.*\n.*run-parts/b end
/\n.*\n.*run-crons/b end
/\n.*\n.*\/usr\/lib[0-9]*\/sa\/sa[12]/b end
/\n.*\n.*debian-sa1/b end
/\n.*\n.*anacron/b end
/\n.*\n.*mdadm\/checkarray/b end
/\n.*\n.*\/usr\/sbin\/raid-check/b end
/\n.*\n.*e2scrub/b end
/\n.*\n.*php[0-9.]*\/sessionclean/b end
/\n.*\n.*php[0-9.]*\/maxlifetime/b end
/\n.*\n.*popularity-contest/b end
/\n.*\n.*certbot -q renew/b end
/\n.*\n.*logrotate/b end
/\n.*\n.*updatedb/b end
/\n.*\n.*man-db/b end
/\n.*\n.*mandb/b end
/\n.*\n.*\/etc\/cron\.hourly/b end
/\n.*\n.*\/etc\/cron\.daily/b end
/\n.*\n.*\/etc\/cron\.weekly/b end
/\n.*\n.*\/etc\/cron\.monthly/b end
:word
\,\n.*\n[A-Za-z0-9_/][-A-Za-z0-9_./+]*[[:blank:]]*$,b end
s,\(\n.*\n[A-Za-z0-9_/][-A-Za-z0-9_./+]*\)[[:blank:]].*$,\1 <redacted>,
\,\n.*\n[A-Za-z0-9_/][-A-Za-z0-9_./+]* <redacted>$,b end
s/\(\n.*\n\).*$/\1<redacted>/
b end
:variable
/^!/s/\(\n[^=]*=\).*$/\1<redacted>/
b end
:comment
/^!/b hidden
/user-name  *command to be executed$/b end
# A job that was turned into a comment.
\;\n[[:blank:]#]*\([-*0-9,/~]\{1,\}[[:blank:]]\{1,\}\)\{3\};b hidden
/\n[[:blank:]#]*@[A-Za-z]/b hidden
b end
:hidden
s/\(\n[[:blank:]]*#\).*$/\1 <redacted>/
b end
:unknown
s/\(\n\).*$/\1<redacted>/
:end
s/^!*//
s/\n/:/
s/\n//
b
'
  # Passwords of network file systems: options, USER%PASSWORD, USER:PASSWORD@HOST. The path waits in the hold space.
  probe_redaction=$probe_redaction'
:fstab
s/^\///
h
s/^.*\n//
s/\([Pp][Aa][Ss][Ss][A-Za-z0-9_]*=\)"[^"]*"/\1<redacted>/g
s/\([Pp][Aa][Ss][Ss][A-Za-z0-9_]*=\)[^,[:blank:]]*/\1<redacted>/g
s/\([Cc][Rr][Ee][Dd][A-Za-z0-9_]*=\)[^,[:blank:]]*/\1<redacted>/g
s/\([Ss][Ee][Cc][Rr][Ee][Tt][A-Za-z0-9_]*=\)[^,[:blank:]]*/\1<redacted>/g
s/\([Tt][Oo][Kk][Ee][Nn][A-Za-z0-9_]*=\)[^,[:blank:]]*/\1<redacted>/g
s/\([Uu][Ss][Ee][Rr][A-Za-z]*=[^,%[:blank:]]*%\)[^,[:blank:]]*/\1<redacted>/g
s/\(:\/\/\)[^[:blank:]]*@/\1<redacted>@/g
s;^\([[:blank:]#]*/*[^[:blank:]:]*\):[^/[:blank:]][^[:blank:]]*@;\1:<redacted>@;
/^[[:blank:]]*#.*[Pp][Aa][Ss][Ss][A-Za-z]*[^A-Za-z>]/s/#.*$/# <redacted>/
/^[[:blank:]]*#.*[Ss][Ee][Cc][Rr][Ee][Tt]/s/#.*$/# <redacted>/
/^[[:blank:]]*#.*[Tt][Oo][Kk][Ee][Nn]/s/#.*$/# <redacted>/
x
s/\n.*$//
G
s/\n/:/
b
'
  # Passwords of boot menus, and those that stand in kernel arguments.
  probe_redaction=$probe_redaction'
:loader
s/^\/\///
h
s/^.*\n//
s/\(grub\.pbkdf2\.\)[^[:blank:]"]*/\1<redacted>/g
s/\([Pp][Aa][Ss][Ss][Ww][Oo][Rr][Dd][A-Za-z0-9_]*[[:blank:]][[:blank:]]*\)[^=[:blank:]].*$/\1<redacted>/
s/\([Pp][Aa][Ss][Ss][A-Za-z0-9_.]*[[:blank:]]*=[[:blank:]]*\)\\*"[^"]*"/\1<redacted>/g
s;\([Pp][Aa][Ss][Ss][A-Za-z0-9_.]*[[:blank:]]*=[[:blank:]]*\)[^A-Za-z0-9_"<./+[:blank:]].*$;\1<redacted>;
s/\([Pp][Aa][Ss][Ss][A-Za-z0-9_.]*[[:blank:]]*=[[:blank:]]*\)[^[:blank:]"][^[:blank:]"]*/\1<redacted>/g
s/\([Ss][Ee][Cc][Rr][Ee][Tt][A-Za-z0-9_.]*=\)[^[:blank:]"]*/\1<redacted>/g
s/\([Tt][Oo][Kk][Ee][Nn][A-Za-z0-9_.]*=\)[^[:blank:]"]*/\1<redacted>/g
s/\(:\/\/\)[^[:blank:]"]*@/\1<redacted>@/g
s;[^[:blank:]"=:/@]*:[^[:blank:]"@/][^[:blank:]"@]*@;<redacted>@;g
x
s/\n.*$//
G
s/\n/:/
'
}
