# shellcheck shell=sh
# rmmod MODULE
: "${ROOT?}" "${STATE:?}"
for asked; do
    module=$(printf '%s' "$asked" | tr - _)
    case $asked in -*) continue ;; esac
    if [ ! -d "$ROOT/sys/module/$module" ]; then
        echo "rmmod: ERROR: Module $asked is not currently loaded" >&2
        exit 1
    fi
    rm -r "$ROOT/sys/module/$module"
    sed "/^$module /d" "$ROOT/proc/modules" >"$STATE/modules.new"
    cat "$STATE/modules.new" >"$ROOT/proc/modules"
done
