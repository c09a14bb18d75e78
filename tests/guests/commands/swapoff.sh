# shellcheck shell=sh
# swapoff FILE
: "${ROOT?}" "${STATE:?}"
for file; do
    case $file in
        -v | --verbose) continue ;;
        -*) exit 1 ;;
    esac
    name=${file#"$ROOT"}
    if ! awk -v name="$name" 'NR > 1 && $1 == name { found = 1 } END { exit !found }' "$ROOT/proc/swaps"; then
        echo "swapoff: $name: swapoff failed: Invalid argument" >&2
        exit 255
    fi
    awk -v name="$name" 'NR == 1 || $1 != name' "$ROOT/proc/swaps" >"$STATE/swaps.new"
    cat "$STATE/swaps.new" >"$ROOT/proc/swaps"
    total=$(awk 'NR > 1 { sum += $3 } END { print sum + 0 }' "$ROOT/proc/swaps")
    used=$(awk 'NR > 1 { sum += $4 } END { print sum + 0 }' "$ROOT/proc/swaps")
    awk -v total="$total" -v used="$used" '
        # The kernel pads its numbers; how wide depends on its age.
        function put(value) { match($0, / *[0-9]+/); return sprintf("%s%" RLENGTH "d kB", $1, value) }
        /^SwapTotal:/ { print put(total); next }
        /^SwapFree:/ { print put(total - used); next }
        { print }' "$ROOT/proc/meminfo" >"$STATE/meminfo.new"
    cat "$STATE/meminfo.new" >"$ROOT/proc/meminfo"
done
