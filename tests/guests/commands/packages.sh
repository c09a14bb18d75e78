# shellcheck shell=sh
# A package manager: packages are folders of STATE/packages (version, tree to copy, commands to bring, names that it
# requires). NAME0 says which one.
: "${ROOT?}" "${STATE:?}" "${NAME0:?}"
store=$STATE/packages

installed() { [ -e "$store/$1/installed" ]; }

start_or_stop() { # verb, unit of systemd or name of an init script
    if [ -e "$STATE/bin/systemctl" ]; then "$STATE/bin/systemctl" "$1" "$2" </dev/null
    else "$STATE/bin/service" "$2" "$1" </dev/null >/dev/null; fi
}

# dpkg's own record: a paragraph for each package that it knows.
record() { # package, status
    [ -e "$store/$1/stanza" ] || return 0
    awk -v RS= -v ORS='\n\n' -v name="$1" '$2 != name' "$ROOT/var/lib/dpkg/status" >"$STATE/dpkg.new"
    [ -z "$2" ] || { sed "s/^Status: .*/Status: $2/" "$store/$1/stanza"; } >>"$STATE/dpkg.new"
    cat "$STATE/dpkg.new" >"$ROOT/var/lib/dpkg/status"
}

is_configuration() { # package, path
    grep -qxF "$2" "$store/$1/conffiles"
}

put() { # package: its files, its commands, its units, its record
    (cd "$store/$1/tree" && find . -type d) | while read -r dir; do
        # What is not there yet goes away again with the package.
        [ -d "$ROOT/$dir" ] || { mkdir -p "$ROOT/$dir"; echo "$dir" >>"$store/$1/made"; }
    done
    (cd "$store/$1/tree" && find . ! -type d) | while read -r file; do
        # Configuration that is there is somebody's.
        if [ -e "$ROOT/$file" ] && is_configuration "$1" "${file#.}"; then continue; fi
        cp -P -p "$store/$1/tree/$file" "$ROOT/$file"
    done
    for command in "$store/$1/bin"/*; do [ ! -e "$command" ] || cp -p "$command" "$STATE/bin/"; done
    record "$1" 'install ok installed'
    rm -f "$store/$1/config"
    : >"$store/$1/installed"
    [ ! -e "$STATE/bin/systemctl" ] || "$STATE/bin/systemctl" daemon-reload </dev/null
    while read -r unit; do start_or_stop start "$unit"; done <"$store/$1/starts"
    kernel_scripts install "$1"
}

# What a kernel's package does besides: links to the newest one, the boot menu, the mark that a reboot is waited for.
kernel_scripts() { # install or remove, package
    [ -e "$store/$2/kernel" ] || return 0
    release=$(cat "$store/$2/kernel")
    for link in vmlinuz initrd.img; do
        [ -h "$ROOT/$link" ] || continue
        old=$(readlink "$ROOT/$link")
        case $1 in
            install) ln -sfn "$old" "$ROOT/$link.old" && ln -sfn "boot/$link-$release" "$ROOT/$link" ;;
            remove) [ "$old" != "boot/$link-$release" ] || ln -sfn "$(readlink "$ROOT/$link.old")" "$ROOT/$link" ;;
        esac
    done
    if [ "$1" = install ] && [ -e "$ROOT/etc/kernel/postinst.d/unattended-upgrades" ]; then
        : >"$ROOT/run/reboot-required"
        echo "$2" >>"$ROOT/run/reboot-required.pkgs"
    fi
    [ ! -e "$STATE/bin/update-grub" ] || "$STATE/bin/update-grub" >/dev/null
}

with_requirements() { # packages: what is not installed of them and of all that they require, requirements first
    found=''
    while [ $# -gt 0 ]; do
        if ! installed "$1" || [ -e "$store/$1/older" ]; then
            found="$1 $found"
            # shellcheck disable=SC2046 # names
            set -- "$@" $(cat "$store/$1/requires")
        fi
        shift
    done
    echo "$found"
}

announce() { # packages, in the words of each manager
    case $NAME0 in
        apt-get)
            for name; do
                old=''
                [ ! -e "$store/$name/older" ] || old=" [$(cat "$store/$name/older")]"
                echo "Inst $name$old ($(cat "$store/$name/version") [amd64])"
            done
            ;;
        zypper) printf 'Resolving package dependencies...\n\nThe following NEW packages are going to be installed:\n  %s\n\n%s\n  recommended-only\n' \
            "$*" 'The following package is recommended, but will not be installed:' ;;
        *)
            indent=' '
            [ "$NAME0" != tdnf ] || indent=''
            printf 'Dependencies resolved.\n\nInstalling:\n'
            for name; do printf '%s%-24s x86_64  %s  base\n' "$indent" "$name" "$(cat "$store/$name/version")"; done
            printf '\nTransaction Summary\n'
            ;;
    esac
}

take() { # package
    keep=''
    if [ "$verb" = remove ] && [ "$NAME0" = apt-get ] && [ -s "$store/$1/conffiles" ]; then keep=1; fi
    if installed "$1"; then
        while read -r unit; do start_or_stop stop "$unit"; done <"$store/$1/starts"
        for command in "$store/$1/bin"/*; do [ ! -e "$command" ] || rm -f "$STATE/bin/${command##*/}"; done
    fi
    (cd "$store/$1/tree" && find . ! -type d) | while read -r file; do
        if is_configuration "$1" "${file#.}"; then
            [ -z "$keep" ] || continue
            # rpm puts edited configuration aside.
            if [ "$NAME0" != apt-get ] && ! cmp -s "$store/$1/tree/$file" "$ROOT/$file"; then
                mv "$ROOT/$file" "$ROOT/$file.rpmsave"
            fi
        fi
        rm -f "$ROOT/$file"
    done
    # Folders that packages made which are gone, as far as they are empty by now; one in another's, so twice.
    for made in "$store"/*/made "$store"/*/made; do
        [ -e "$made" ] || continue
        [ "$made" = "$store/$1/made" ] || [ ! -e "${made%/made}/installed" ] || continue
        sort -r "$made" >"$STATE/made"
        rm "$made"
        while read -r dir; do
            rmdir "$ROOT/$dir" 2>/dev/null || [ ! -d "$ROOT/$dir" ] || echo "$dir" >>"$made"
        done <"$STATE/made"
    done
    ! installed "$1" || kernel_scripts remove "$1"
    rm -f "$store/$1/installed" "$store/$1/config"
    if [ "$keep" ]; then
        record "$1" 'deinstall ok config-files'
        : >"$store/$1/config"
    else
        record "$1" ''
    fi
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

if [ "$dry" ] && [ -e "$STATE/packages_fail_at_first" ]; then
    case $NAME0 in
        tdnf) echo "No package $names available" ;;
        *) echo "No match for argument:$names" ;;
    esac
    exit 1
fi
[ ! -e "$STATE/packages_fail" ] || {
    echo "$NAME0: the repositories do not answer" >&2
    exit 1
}
case $verb in
    update | makecache | refresh | ref | clean | autoremove | check-update) ;;
    install | in)
        for name in $names; do [ -d "$store/$name" ] || nothing_provides "$name"; done
        # shellcheck disable=SC2086 # names
        names=$(with_requirements $names)
        # shellcheck disable=SC2086
        announce $names
        if [ "$dry" ]; then
            # yum and dnf exit alike where they were told no, and where a mirror did not answer.
            case $NAME0 in dnf | yum) echo 'Operation aborted.'; exit 1 ;; esac
            exit 0
        fi
        for name in $names; do put "$name"; done
        ;;
    remove | purge | erase | rm)
        for name in $names; do
            [ -e "$store/$name/installed" ] || { [ "$verb" = purge ] && [ -e "$store/$name/config" ]; } || continue
            if [ "$dry" ]; then
                [ "$NAME0" != apt-get ] || echo "Remv $name [$(cat "$store/$name/version")]"
            else take "$name"; fi
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
