# shellcheck shell=sh
# modprobe [-q] [-b] [-n] [-r] MODULE: what the tree's modules.dep holds can be loaded; `install … /bin/true` is obeyed.
: "${ROOT?}" "${STATE:?}"
quiet='' dry='' remove='' blacklist=''
while :; do
    case ${1-} in
        -q | --quiet) quiet=1 ;;
        -n | --dry-run | --show) dry=1 ;;
        -r | --remove) remove=1 ;;
        -b | --use-blacklist) blacklist=1 ;;
        -v | --verbose | -a | --all | --first-time) ;;
        -*) exit 2 ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || exit 1
for asked; do
    module=$(printf '%s' "$asked" | tr - _)
    release=$(cat "$ROOT/proc/sys/kernel/osrelease")
    if [ "$remove" ]; then
        [ -d "$ROOT/sys/module/$module" ] || exit 0
        rm -r "$ROOT/sys/module/$module"
        sed "/^$module /d" "$ROOT/proc/modules" >"$STATE/modules.new"
        cat "$STATE/modules.new" >"$ROOT/proc/modules"
        continue
    fi
    [ ! -d "$ROOT/sys/module/$module" ] || continue
    names=$(printf '%s' "$module" | sed 's/_/[-_]/g')
    if grep -q "/$names\.ko" "$ROOT/lib/modules/$release/modules.builtin" 2>/dev/null; then
        continue
    fi
    if ! grep -q "/$names\.ko[.a-z]*:" "$ROOT/lib/modules/$release/modules.dep" 2>/dev/null; then
        [ "$quiet" ] || echo "modprobe: FATAL: Module $asked not found in directory /lib/modules/$release" >&2
        exit 1
    fi
    for dir in "$ROOT/etc/modprobe.d" "$ROOT/run/modprobe.d" "$ROOT/lib/modprobe.d"; do
        [ -d "$dir" ] || continue
        # An `install` line replaces the loading by a command; ours have no effect but success or failure.
        if grep -Eqs "^[[:space:]]*install[[:space:]]+${names}[[:space:]]+/bin/true" "$dir"/*; then continue 2; fi
        if grep -Eqs "^[[:space:]]*install[[:space:]]+${names}[[:space:]]" "$dir"/*; then exit 1; fi
        if [ "$blacklist" ] && grep -Eqs "^[[:space:]]*blacklist[[:space:]]+${names}[[:space:]]*\$" "$dir"/*; then continue 2; fi
    done
    [ ! "$dry" ] || continue
    mkdir -p "$ROOT/sys/module/$module"
    echo live >"$ROOT/sys/module/$module/initstate"
    # The last module that was loaded stands first, as in the kernel.
    { echo "$module 20480 0 - Live 0x0000000000000000"; cat "$ROOT/proc/modules"; } >"$STATE/modules.new"
    cat "$STATE/modules.new" >"$ROOT/proc/modules"
done
