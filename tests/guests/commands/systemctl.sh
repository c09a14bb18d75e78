# shellcheck shell=sh
# systemctl: units are files and links of the tree; what runs, and what systemd has loaded, is in STATE/systemd.
: "${ROOT?}" "${STATE:?}"
active=$STATE/systemd/active
loaded=$STATE/systemd/loaded        # a copy of the unit directories as of the last daemon-reload

fail() {
    echo "$1" >&2
    exit "${2:-1}"
}

fragment() { # unit, root of the unit directories: its file, where it is not masked
    for dir in etc/systemd/system run/systemd/system usr/local/lib/systemd/system usr/lib/systemd/system lib/systemd/system; do
        file=$2/$dir/$1
        [ -e "$file" ] || [ -h "$file" ] || continue
        # An alias is a link to the unit's own file.
        if [ -h "$file" ]; then
            target=$(readlink "$file")
            case $target in
                /dev/null) echo /dev/null; return 0 ;;
                */"$1") ;;
                *) fragment "${target##*/}" "$2"; return ;;
            esac
        fi
        echo "/$dir/$1"
        return 0
    done
    return 1
}

content() { # unit, root of the unit directories: its fragment and its drop-ins, as systemd merges them
    file=$(fragment "$1" "$2") || return 1
    [ "$file" != /dev/null ] || return 1
    unit=${file##*/}
    cat "$2$file" 2>/dev/null || cat "$2/etc/systemd/system/$unit" 2>/dev/null
    for drop in $(drop_ins "$unit" "$2"); do cat "$2$drop"; done
}

drop_ins() { # unit, root
    for dir in lib/systemd/system usr/lib/systemd/system run/systemd/system etc/systemd/system; do
        # One such folder is enough to look closer.
        [ ! -d "$2/$dir/$1.d" ] || { sorted_drop_ins "$1" "$2"; return; }
    done
}

sorted_drop_ins() { # unit, root: in the order of their names; a name in /etc hides the same name below /usr/lib
    {
        for dir in lib/systemd/system usr/lib/systemd/system run/systemd/system etc/systemd/system; do
            for file in "$2/$dir/$1.d"/*.conf; do
                [ ! -f "$file" ] || echo "${file##*/} /$dir/$1.d/${file##*/}"
            done
        done
    } | awk '{ path[$1] = $2 } END { for (name in path) print name, path[name] }' | sort | sed 's/^[^ ]* //'
}

setting() { # unit's text on stdin, key: the values in force, one a line; an empty value clears those before
    awk -v key="$1" '
        { sub(/^[ \t]+/, ""); sub(/[ \t]+$/, "") }
        match($0, "^" key "[ \t]*=[ \t]*") {
            value = substr($0, RLENGTH + 1)
            if (value == "") count = 0; else values[++count] = value
        }
        END { for (i = 1; i <= count; i++) print values[i] }'
}

install_links() { # unit: the links of its [Install] section, one a line
    file=$(fragment "$1" "$ROOT") || return 1
    for word in $(setting WantedBy <"$ROOT$file"); do echo "/etc/systemd/system/$word.wants/${file##*/}"; done
    for word in $(setting RequiredBy <"$ROOT$file"); do echo "/etc/systemd/system/$word.requires/${file##*/}"; done
    for word in $(setting Alias <"$ROOT$file"); do echo "/etc/systemd/system/$word"; done
}

enabled() { # unit
    file=$(fragment "$1" "$ROOT") || { echo not-found; return 1; }
    if [ "$file" = /dev/null ]; then echo masked; return 1; fi
    links=$(install_links "$1")
    if [ -z "$links" ]; then echo static; return 0; fi
    for link in $links; do
        if [ -h "$ROOT$link" ]; then echo enabled; return 0; fi
    done
    echo disabled
    return 1
}

own_name() { # unit, root: without an alias
    if file=$(fragment "$1" "${2:-$ROOT}") && [ "$file" != /dev/null ]; then echo "${file##*/}"; else echo "$1"; fi
}

full() { # a name without a suffix is a service
    case $1 in
        *.service | *.timer | *.target | *.socket | *.mount | *.swap | *.path) echo "$1" ;;
        *) echo "$1.service" ;;
    esac
}

reload() {
    rm -rf "$loaded"
    for dir in etc/systemd usr/lib/systemd lib/systemd usr/local/lib/systemd run/systemd; do
        # /lib may be a link to usr/lib.
        if [ ! -d "$ROOT/$dir" ] || [ -h "$ROOT/${dir%%/*}" ]; then continue; fi
        mkdir -p "$loaded/${dir%/*}"
        cp -R "$ROOT/$dir" "$loaded/${dir%/*}/"
    done
    # Hidden names are no unit files.
    find "$loaded" -name '.?*' -prune -exec rm -rf {} +
    [ ! -h "$ROOT/lib" ] || { mkdir -p "$loaded"; ln -s usr/lib "$loaded/lib"; }
}

# What systemd has loaded of units, as `show` prints it: one awk for all units and properties that are asked for.
show() { # properties with commas, 1 where only values are wanted, units
    asked=$1 bare=$2
    shift 2
    stale=''
    for dir in etc/systemd/system usr/lib/systemd/system lib/systemd/system; do
        if [ ! -d "$loaded/$dir" ] || [ -h "$loaded/${dir%%/*}" ]; then continue; fi
        stale="$stale $(diff -rq -x '.?*' "$ROOT/$dir" "$loaded/$dir" 2>&1 | tr '\n' ' ')"
    done
    links=' '
    for link in "$ROOT"/etc/systemd/system/*.wants/* "$ROOT"/etc/systemd/system/*.requires/* "$ROOT"/etc/systemd/system/*; do
        [ ! -h "$link" ] || links="$links${link#"$ROOT"} "
    done
    for unit; do
        # Only an alias needs a closer look.
        name=$unit
        [ ! -h "$ROOT/etc/systemd/system/$unit" ] || name=$(own_name "$unit" "$loaded")
        place='' file='' load=not-found
        for dir in etc/systemd/system run/systemd/system usr/local/lib/systemd/system usr/lib/systemd/system lib/systemd/system; do
            [ -e "$loaded/$dir/$name" ] || [ -h "$loaded/$dir/$name" ] || continue
            file=/$dir/$name place=./$dir/$name load=loaded
            [ -f "$loaded/$dir/$name" ] || { file='' place='' load=masked; }
            break
        done
        drops='' drop_places=''
        for drop in $(drop_ins "$name" "$loaded"); do
            drops="$drops $drop"
            drop_places="$drop_places .$drop"
        done
        state=inactive
        [ ! -e "$active/$name" ] || state=active
        # Every unit begins with a file of one line. No path of a unit holds a blank.
        words="$words id=$name load=$load state=$state file=$file drops=$(printf %s "${drops# }" | tr ' ' '|') ../version $place$drop_places"
    done
    cd "$loaded" || exit 1
    # shellcheck disable=SC2086 # a list
    awk -v asked="$asked" -v bare="$bare" -v links="$links" -v stale="$stale" -v start=../version '
        function span(text,   total, part, number, word, out) {     # 12h, 60m, 100: as systemd prints a span of time
            gsub(/ +/, "", text)
            total = 0
            while (match(text, /^[0-9]+[a-z]*/)) {
                part = substr(text, 1, RLENGTH); text = substr(text, RLENGTH + 1)
                number = part; sub(/[a-z]+/, "", number); word = part; sub(/[0-9]+/, "", word)
                total += number * (word ~ /^m(in|$)/ ? 60 : word ~ /^h/ ? 3600 : word ~ /^d/ ? 86400 : 1)
            }
            if (total == 0) return 0
            out = ""
            if (total >= 86400) { out = out int(total / 86400) "d "; total %= 86400 }
            if (total >= 3600) { out = out int(total / 3600) "h "; total %= 3600 }
            if (total >= 60) { out = out int(total / 60) "min "; total %= 60 }
            if (total) out = out total "s"
            sub(/ $/, "", out)
            return out
        }
        # systemd prints a calendar in its normal form: daily is *-*-* 00:00:00.
        function normal(text,   words, count, i, day, date, time, parts, n) {
            if (text == "hourly") return "*-*-* *:00:00"
            if (text == "daily") return "*-*-* 00:00:00"
            if (text == "weekly") return "Mon *-*-* 00:00:00"
            if (text == "monthly") return "*-*-01 00:00:00"
            count = split(text, words, / +/)
            day = ""; date = "*-*-*"; time = "00:00:00"
            for (i = 1; i <= count; i++) {
                if (words[i] ~ /:/) time = words[i]
                else if (words[i] ~ /-/ && words[i] ~ /[0-9*]/) date = words[i]
                else day = words[i] " "
            }
            n = split(time, parts, ":")
            for (i = 1; i <= n; i++) if (parts[i] ~ /^[0-9]$/) parts[i] = "0" parts[i]
            time = parts[1] ":" parts[2] ":" (n > 2 ? parts[3] : "00")
            return day date " " time
        }
        function yes(text) { return text ~ /^(true|yes|on|1)$/ ? "yes" : "no" }
        function unit_file(   word, count, i, names, has) {
            if (p_load == "masked") return "masked"
            if (p_load != "loaded") return ""
            has = 0
            count = split(wanted, names, " ")
            for (i = 1; i <= count; i++) {
                has = 1
                if (index(links, " /etc/systemd/system/" names[i] "/" p_id " ")) return "enabled"
            }
            count = split(alias, names, " ")
            for (i = 1; i <= count; i++) {
                has = 1
                if (index(links, " /etc/systemd/system/" names[i] " ")) return "enabled"
            }
            return has ? "disabled" : "static"
        }
        function flush(   i, count, names, name) {
            if (p_id == "") return
            out["Id"] = p_id; out["Names"] = p_id; out["LoadState"] = p_load; out["ActiveState"] = p_state
            out["SubState"] = p_state != "active" ? "dead" : p_id ~ /timer$/ ? "waiting" : "running"
            out["UnitFileState"] = unit_file(); out["FragmentPath"] = p_file; out["DropInPaths"] = p_drops
            gsub(/\|/, " ", out["DropInPaths"])
            out["NeedDaemonReload"] = index(stale, "/" p_id " ") || index(stale, "/" p_id ".d") || index(stale, ": " p_id " ") || index(stale, ": " p_id ".d") ? "yes" : "no"
            out["RandomizedDelayUSec"] = span(last["RandomizedDelaySec"])
            out["AccuracyUSec"] = span("AccuracySec" in last ? last["AccuracySec"] : "1min")
            out["FixedRandomDelay"] = yes(last["FixedRandomDelay"]); out["Persistent"] = yes(last["Persistent"])
            out["TimersCalendar"] = calendar; out["MainPID"] = p_state == "active" ? 700 : 0; out["Result"] = "success"
            if (!bare && shown++) print ""
            count = split(asked, names, ",")
            for (i = 1; i <= count; i++) {
                name = names[i]
                if (name == "" || !(name in out) || (name == "TimersCalendar" && calendar == "")) continue
                print bare ? out[name] : name "=" out[name]
            }
        }
        FILENAME == start {
            flush()
            p_id = id; p_load = load; p_state = state; p_file = file; p_drops = drops
            split("", last); calendar = ""; wanted = ""; alias = ""
            next
        }
        { sub(/^[ \t]+/, ""); sub(/[ \t]+$/, "") }
        /^[A-Za-z]+[ \t]*=/ {
            at = index($0, "="); key = substr($0, 1, at - 1); value = substr($0, at + 1)
            sub(/[ \t]+$/, "", key); sub(/^[ \t]+/, "", value)
            last[key] = value
            # An empty value clears the list before it.
            if (key == "OnCalendar") {
                calendar = value == "" ? "" : calendar (calendar == "" ? "" : " ") "{ OnCalendar=" normal(value) " ; next_elapse=n/a }"
            }
            if (key == "WantedBy") wanted = wanted " " value ".wants"
            if (key == "RequiredBy") wanted = wanted " " value ".requires"
            if (key == "Alias") alias = alias " " value
        }
        END { flush() }' $words
}

verb='' now='' properties='' values='' quiet='' units='' kind=''
while [ $# -gt 0 ]; do
    case $1 in
        --now) now=1 ;;
        -p) properties="$properties,$2"; shift ;;
        -p*) properties="$properties,${1#-p}" ;;
        --property=*) properties="$properties,${1#--property=}" ;;
        --property) properties="$properties,$2"; shift ;;
        --value) values=1 ;;
        -q | --quiet) quiet=1 ;;
        -t | --type) kind=$2; shift ;;
        --type=*) kind=${1#--type=} ;;
        --version) echo "systemd $(cat "$STATE/systemd/version") ($(cat "$STATE/systemd/version"))"; exit 0 ;;
        -*) ;;
        *) if [ "$verb" ]; then units="$units $(case $verb in show | list-*) echo "$1" ;; *) full "$1" ;; esac)"; else verb=$1; fi ;;
    esac
    shift
done

start() {
    unit=$(own_name "$1")
    file=$(fragment "$unit" "$ROOT") || fail "Failed to start $unit: Unit $unit not found." 5
    [ "$file" != /dev/null ] || fail "Failed to start $unit: Unit $unit is masked."
    : >"$active/$unit"
    crash_kernel "$unit" 1
}

crash_kernel() { # unit, 1 or 0: kdump loads a kernel for a crash, and unloads it
    case $1 in kdump.service | kdump-tools.service)
        [ ! -e "$ROOT/sys/kernel/kexec_crash_loaded" ] || echo "$2" >"$ROOT/sys/kernel/kexec_crash_loaded"
        ;;
    esac
}

case $verb in
    daemon-reload) reload ;;
    daemon-reexec | reset-failed | is-system-running) ;;
    get-default)
        for dir in etc usr/lib lib; do
            link=$ROOT/$dir/systemd/system/default.target
            if [ -h "$link" ]; then target=$(readlink "$link"); echo "${target##*/}"; exit 0; fi
        done
        exit 1
        ;;
    set-default) for unit in $units; do ln -sfn "/usr/lib/systemd/system/$unit" "$ROOT/etc/systemd/system/default.target"; done ;;
    enable)
        for unit in $units; do
            file=$(fragment "$unit" "$ROOT") || fail "Failed to enable unit: Unit file $unit does not exist."
            [ "$file" != /dev/null ] || fail "Failed to enable unit: Unit file /etc/systemd/system/$unit is masked."
            for link in $(install_links "$unit"); do
                mkdir -p "$ROOT${link%/*}"
                ln -sfn "$file" "$ROOT$link"
            done
            [ -z "$now" ] || start "$unit"
        done
        reload
        ;;
    disable)
        for unit in $units; do
            fragment "$unit" "$ROOT" >/dev/null || fail "Failed to disable unit: Unit file $unit does not exist."
            for link in $(install_links "$unit"); do
                rm -f "$ROOT$link"
                rmdir "$ROOT${link%/*}" 2>/dev/null || :    # systemd leaves no empty .wants directory either
            done
            [ -z "$now" ] || rm -f "$active/$(own_name "$unit")"
        done
        reload
        ;;
    mask | unmask)
        for unit in $units; do
            if [ "$verb" = mask ]; then ln -s /dev/null "$ROOT/etc/systemd/system/$unit" || exit 1
            elif [ "$(readlink "$ROOT/etc/systemd/system/$unit")" = /dev/null ]; then rm "$ROOT/etc/systemd/system/$unit"; fi
        done
        reload
        ;;
    start | restart | reload-or-restart | try-restart) for unit in $units; do start "$unit"; done ;;
    stop) for unit in $units; do rm -f "$active/$(own_name "$unit")"; crash_kernel "$(own_name "$unit")" 0; done ;;
    is-active)
        status=3
        for unit in $units; do
            state=inactive
            [ ! -e "$active/$(own_name "$unit" "$loaded")" ] || state=active
            [ "$quiet" ] || echo "$state"
            [ "$state" != active ] || status=0
        done
        exit $status
        ;;
    is-enabled)
        status=1
        for unit in $units; do
            state=$(enabled "$unit") && status=0
            if [ "$state" = not-found ]; then echo "Failed to get unit file state for $unit: No such file or directory" >&2
            elif [ -z "$quiet" ]; then echo "$state"; fi
        done
        exit $status
        ;;
    show)
        words=''
        set -f
        # shellcheck disable=SC2086 # a list of names
        set -- $units
        set +f
        names=''
        for word; do
            # A pattern stands for all units in memory that match: those that run.
            case $word in
                *'*'*) for path in "$active"/*; do
                        unit=${path##*/}
                        # shellcheck disable=SC2254 # it is a pattern
                        case $unit in $word) names="$names $unit" ;; esac
                    done ;;
                *) names="$names $(full "$word")" ;;
            esac
        done
        # shellcheck disable=SC2086 # a list of names
        show "${properties:-Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths}" "$values" $names
        ;;
    list-timers)
        for file in "$active"/*.timer; do
            [ ! -e "$file" ] || echo "n/a n/a n/a n/a ${file##*/} $(basename "$file" .timer).service"
        done
        ;;
    list-unit-files)
        for dir in etc usr/lib lib; do ls "$ROOT/$dir/systemd/system" 2>/dev/null; done | sort -u | while read -r unit; do
            case $unit in *".${kind:-*}") ;; *) [ -z "$kind" ] || continue ;; esac
            case $unit in *.service | *.timer | *.socket | *.mount | *.path | *.swap) echo "$unit $(enabled "$unit")" ;; esac
        done
        ;;
    list-units) for file in "$active"/*; do [ ! -e "$file" ] || echo "${file##*/} loaded active running"; done ;;
    cat) for unit in $units; do content "$unit" "$ROOT" || exit 1; done ;;
    status) for unit in $units; do [ -e "$active/$(own_name "$unit")" ] || exit 3; done ;;
    *) fail "systemctl: the stand-in knows no '$verb'" 99 ;;
esac
