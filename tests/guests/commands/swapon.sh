# shellcheck shell=sh
# swapon [-p PRIORITY] FILE | swapon -a | swapon -s | swapon --show
: "${ROOT?}" "${STATE:?}"
table=$ROOT/proc/swaps

# The kernel's own sums follow the table.
sums() {
    total=$(awk 'NR > 1 { sum += $3 } END { print sum + 0 }' "$table")
    used=$(awk 'NR > 1 { sum += $4 } END { print sum + 0 }' "$table")
    awk -v total="$total" -v used="$used" '
        # The kernel pads its numbers; how wide depends on its age.
        function put(value) { match($0, / *[0-9]+/); return sprintf("%s%" RLENGTH "d kB", $1, value) }
        /^SwapTotal:/ { print put(total); next }
        /^SwapFree:/ { print put(total - used); next }
        { print }' "$ROOT/proc/meminfo" >"$STATE/meminfo.new"
    cat "$STATE/meminfo.new" >"$ROOT/proc/meminfo"
}

activate() { # file, priority
    case $1 in
        "$ROOT"/*) name=${1#"$ROOT"} ;;
        *)
            echo "swapon: $1 is not in the guest" >&2
            exit 99
            ;;
    esac
    case $name in
        /dev/*)
            # A partition or volume: the kernel knows its size.
            size=$(awk -v name="${name#/dev/}" '$4 == name { print $3 }' "$ROOT/proc/partitions")
            [ "$size" ] || {
                echo "swapon: cannot open $name: No such device" >&2
                exit 255
            }
            printf '%-39s partition\t%s\t\t0\t\t%s\n' "$name" "$((size - 4))" "$2" >>"$table"
            sums
            return
            ;;
    esac
    [ -f "$1" ] || {
        echo "swapon: cannot open $name: No such file or directory" >&2
        exit 255
    }
    if awk -v name="$name" 'NR > 1 && $1 == name { found = 1 } END { exit !found }' "$table"; then
        echo "swapon: $name: swapon failed: Device or resource busy" >&2
        exit 255
    fi
    [ "$(/bin/dd if="$1" bs=1 skip=4086 count=10 2>/dev/null)" = SWAPSPACE2 ] || {
        echo "swapon: $name: read swap header failed" >&2
        exit 255
    }
    size=$(($(stat -c %s "$1") / 1024 - 4))
    printf '%-39s file\t\t%s\t0\t%s\n' "$name" "$size" "$2" >>"$table"
    sums
}

priority='' all='' show=''
while :; do
    case ${1-} in
        -p | --priority) priority=$2; shift ;;
        -p*) priority=${1#-p} ;;
        -a | --all) all=1 ;;
        -s | --summary | --show*) show=1 ;;
        -e | --ifexists | -v | --verbose | -f | --fixpgsz | --noheadings | --bytes | --raw) ;;
        -*) exit 1 ;;
        *) break ;;
    esac
    shift
done
if [ "$show" ]; then
    cat "$table"
    exit 0
fi
# Without a priority the kernel counts down, from -2 (from -1 before 4.14).
lowest=$(awk 'NR > 1 && $5 < low { low = $5 } END { print low + 0 }' "$table")
[ "$lowest" -lt 0 ] || lowest=-1
if [ "$all" ]; then
    # shellcheck disable=SC2013 # names without blanks
    for name in $(awk '$1 ~ /^\// && $3 == "swap" { print $1 }' "$ROOT/etc/fstab"); do
        [ -f "$ROOT$name" ] || continue
        awk -v name="$name" 'NR > 1 && $1 == name { found = 1 } END { exit found }' "$table" || continue
        lowest=$((lowest - 1))
        activate "$ROOT$name" "$lowest"
    done
    exit 0
fi
[ $# -gt 0 ] || exit 1
for file; do
    activate "$file" "${priority:-$((lowest - 1))}"
done
