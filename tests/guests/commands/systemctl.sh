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

drop_ins() { # unit, root: in the order of their names; a name in /etc hides the same name below /usr/lib
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

own_name() { # unit: without an alias
    file=$(fragment "$1" "$ROOT") && [ "$file" != /dev/null ] || { echo "$1"; return; }
    echo "${file##*/}"
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
        [ -d "$ROOT/$dir" ] && [ ! -h "$ROOT/${dir%%/*}" ] || continue
        mkdir -p "$loaded/${dir%/*}"
        cp -R "$ROOT/$dir" "$loaded/${dir%/*}/"
    done
    [ ! -h "$ROOT/lib" ] || { mkdir -p "$loaded"; ln -s usr/lib "$loaded/lib"; }
}

span() { # "12h", "60m", "1h 30min", "100": as systemd prints a time span
    echo "$1" | awk '
        BEGIN { unit["s"] = unit["sec"] = unit["seconds"] = unit[""] = 1; unit["m"] = unit["min"] = unit["minutes"] = 60
                unit["h"] = unit["hr"] = unit["hour"] = unit["hours"] = 3600; unit["d"] = unit["day"] = unit["days"] = 86400 }
        { gsub(/ +/, "")
          while (match($0, /^[0-9]+[a-z]*/)) {
              part = substr($0, 1, RLENGTH); $0 = substr($0, RLENGTH + 1)
              number = part; sub(/[a-z]+/, "", number); word = part; sub(/[0-9]+/, "", word)
              total += number * unit[word] }
          if (total == 0) { print 0; exit }
          out = ""
          if (total >= 86400) { out = out int(total / 86400) "d "; total %= 86400 }
          if (total >= 3600) { out = out int(total / 3600) "h "; total %= 3600 }
          if (total >= 60) { out = out int(total / 60) "min "; total %= 60 }
          if (total) out = out total "s"
          sub(/ $/, "", out); print out }'
}

property() { # unit, property: from what systemd has loaded
    case $2 in
        Id) own_name "$1" ;;
        Names) echo "$1" ;;
        LoadState) if [ "$(fragment "$1" "$loaded")" = /dev/null ]; then echo masked
            elif fragment "$1" "$loaded" >/dev/null; then echo loaded; else echo not-found; fi ;;
        ActiveState) if [ -e "$active/$(own_name "$1")" ]; then echo active; else echo inactive; fi ;;
        SubState)
            if [ ! -e "$active/$(own_name "$1")" ]; then echo dead
            else case $1 in *.timer) echo waiting ;; *) echo running ;; esac; fi ;;
        UnitFileState) state=$(enabled "$1"); [ "$state" = not-found ] || echo "$state" ;;
        FragmentPath) fragment "$1" "$loaded" ;;
        DropInPaths) drop_ins "$1" "$loaded" | tr '\n' ' ' | sed 's/ $//' ;;
        NeedDaemonReload) if [ "$(content "$1" "$ROOT")" = "$(content "$1" "$loaded")" ]; then echo no; else echo yes; fi ;;
        RandomizedDelayUSec) span "$(content "$1" "$loaded" | setting RandomizedDelaySec | tail -n 1)" ;;
        AccuracyUSec) value=$(content "$1" "$loaded" | setting AccuracySec | tail -n 1); span "${value:-1min}" ;;
        FixedRandomDelay) value=$(content "$1" "$loaded" | setting FixedRandomDelay | tail -n 1)
            case $value in true | yes | on | 1) echo yes ;; *) echo no ;; esac ;;
        Persistent) value=$(content "$1" "$loaded" | setting Persistent | tail -n 1)
            case $value in true | yes | on | 1) echo yes ;; *) echo no ;; esac ;;
        TimersCalendar)
            content "$1" "$loaded" | setting OnCalendar | sed 's/.*/{ OnCalendar=& ; next_elapse=n\/a }/' | tr '\n' ' ' | sed 's/ $//' ;;
        Unit) echo "${1%.timer}.service" ;;
        MainPID) if [ -e "$active/$(own_name "$1")" ]; then echo 700; else echo 0; fi ;;
        Result) echo success ;;
        *) return 0 ;;
    esac
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
}

case $verb in
    daemon-reload) reload ;;
    daemon-reexec | reset-failed | is-system-running) ;;
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
    stop) for unit in $units; do rm -f "$active/$(own_name "$unit")"; done ;;
    is-active)
        status=3
        for unit in $units; do
            state=$(property "$unit" ActiveState)
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
        first=1
        set -f
        # shellcheck disable=SC2086 # a list of names
        set -- $units
        set +f
        for word; do
            # A pattern stands for all units that are loaded and match.
            case $word in
                *'*'*) names=$(for dir in etc usr/lib lib; do ls "$loaded/$dir/systemd/system" 2>/dev/null; done | sort -u |
                    while read -r name; do
                        # shellcheck disable=SC2254 # it is a pattern
                        case $name in $word) [ ! -e "$active/$name" ] || echo "$name" ;; esac
                    done) ;;
                *) names=$(full "$word") ;;
            esac
            for unit in $names; do
                [ "$first" ] || echo
                first=''
                for name in $(echo "${properties:-,Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths}" | tr , ' '); do
                    value=$(property "$unit" "$name")
                    # A list that is empty is left out, as systemd does.
                    if [ "$name" = TimersCalendar ] && [ -z "$value" ]; then continue; fi
                    if [ "$values" ]; then echo "$value"; else echo "$name=$value"; fi
                done
            done
        done
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
    list-units) ls "$active" | sed 's/$/ loaded active running/' ;;
    cat) for unit in $units; do content "$unit" "$ROOT" || exit 1; done ;;
    status) for unit in $units; do [ -e "$active/$(own_name "$unit")" ] || exit 3; done ;;
    *) fail "systemctl: the stand-in knows no '$verb'" 99 ;;
esac
