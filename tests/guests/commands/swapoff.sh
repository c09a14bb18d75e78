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
        /^SwapTotal:/ { printf "%-15s%9d kB\n", $1, total; next }
        /^SwapFree:/ { printf "%-15s%9d kB\n", $1, total - used; next }
        { print }' "$ROOT/proc/meminfo" >"$STATE/meminfo.new"
    cat "$STATE/meminfo.new" >"$ROOT/proc/meminfo"
done
