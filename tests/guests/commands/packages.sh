# A package manager: packages are folders of STATE/packages (version, tree to copy, commands to bring). NAME0 says which one.
: "${ROOT?}" "${STATE:?}" "${NAME0:?}"
store=$STATE/packages

installed() { [ -e "$store/$1/installed" ]; }

start_or_stop() { # verb, unit of systemd or name of an init script
    if [ -e "$STATE/bin/systemctl" ]; then "$STATE/bin/systemctl" "$1" "$2" </dev/null
    else "$STATE/bin/service" "$2" "$1" </dev/null >/dev/null; fi
}

put() { # package: its files, its commands, its units, its line in the manager's own records
    : >"$store/$1/installed"
    (cd "$store/$1/tree" && find . -type d) | while read -r dir; do
        # What is not there yet goes away again with the package.
        [ -d "$ROOT/$dir" ] || { mkdir -p "$ROOT/$dir"; echo "$dir" >>"$store/$1/made"; }
    done
    (cd "$store/$1/tree" && find . ! -type d) | while read -r file; do cp -P -p "$store/$1/tree/$file" "$ROOT/$file"; done
    for command in "$store/$1/bin"/*; do [ ! -e "$command" ] || cp -p "$command" "$STATE/bin/"; done
    if [ -e "$store/$1/stanza" ]; then cat "$store/$1/stanza" >>"$ROOT/var/lib/dpkg/status"; fi
    [ ! -e "$STATE/bin/systemctl" ] || "$STATE/bin/systemctl" daemon-reload </dev/null
    while read -r unit; do start_or_stop start "$unit"; done <"$store/$1/starts"
}

take() { # package
    while read -r unit; do start_or_stop stop "$unit"; done <"$store/$1/starts"
    (cd "$store/$1/tree" && find . ! -type d) | while read -r file; do rm -f "$ROOT/$file"; done
    if [ -e "$store/$1/made" ]; then
        sort -r "$store/$1/made" | while read -r dir; do rmdir "$ROOT/$dir" 2>/dev/null || :; done
        rm "$store/$1/made"
    fi
    for command in "$store/$1/bin"/*; do [ ! -e "$command" ] || rm -f "$STATE/bin/${command##*/}"; done
    if [ -e "$store/$1/stanza" ]; then
        awk -v RS= -v ORS='\n\n' -v name="$1" '$2 != name' "$ROOT/var/lib/dpkg/status" >"$STATE/dpkg.new"
        cat "$STATE/dpkg.new" >"$ROOT/var/lib/dpkg/status"
    fi
    rm "$store/$1/installed"
    [ ! -e "$STATE/bin/systemctl" ] || "$STATE/bin/systemctl" daemon-reload </dev/null
}

verb='' names='' only_if_installed='' dry=''
while [ $# -gt 0 ]; do
    case $1 in
        -o | -c | --setopt | --repo | -d | --root) shift ;;
        -s | --simulate | --dry-run | --just-print | --assumeno) dry=1 ;;
        --installed | -i | --installed-only) only_if_installed=1 ;;
        -*) ;;
        *) if [ "$verb" ]; then names="$names ${1%%=*}"; else verb=$1; fi ;;
    esac
    shift
done

nothing_provides() { # package: the manager's own words and exit status
    case $NAME0 in
        apt-get) echo "E: Unable to locate package $1" >&2; exit 100 ;;
        zypper) echo "Package '$1' not found." >&2; exit 104 ;;
        tdnf) echo "$1 package not found or not installed" >&2; exit 245 ;;
        *) echo "No match for argument: $1" >&2; echo "Error: Unable to find a match: $1" >&2; exit 1 ;;
    esac
}

[ ! -e "$STATE/packages_fail" ] || {
    echo "$NAME0: the repositories do not answer" >&2
    exit 1
}
case $verb in
    update | makecache | refresh | ref | clean | autoremove | check-update) ;;
    install | in)
        for name in $names; do [ -d "$store/$name" ] || nothing_provides "$name"; done
        [ ! "$dry" ] || exit 0
        for name in $names; do installed "$name" || put "$name"; done
        ;;
    remove | purge | erase | rm)
        for name in $names; do
            if [ -d "$store/$name" ] && installed "$name"; then [ "$dry" ] || take "$name"; fi
        done
        ;;
    list | search | se | info | show | policy)
        found=''
        for name in $names; do
            if [ -d "$store/$name" ] && { [ -z "$only_if_installed" ] || installed "$name"; }; then
                found=1
                case $NAME0 in
                    apt-cache) printf '%s:\n  Installed: %s\n  Candidate: %s\n' "$name" \
                        "$(if installed "$name"; then cat "$store/$name/version"; else echo '(none)'; fi)" "$(cat "$store/$name/version")" ;;
                    *) echo "$name.x86_64 $(cat "$store/$name/version") $(if installed "$name"; then echo installed; else echo base; fi)" ;;
                esac
            fi
        done
        [ "$found" ] || case $NAME0 in apt-cache) ;; zypper) exit 104 ;; *) exit 1 ;; esac
        ;;
    *)
        echo "$NAME0: the stand-in knows no '$verb'" >&2
        exit 99
        ;;
esac
