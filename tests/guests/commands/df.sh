# shellcheck shell=sh
# df [-P] [-k] [-T] PATH…: the tree's `filesystems`, by their longest mount point that is a prefix.
: "${ROOT?}" "${STATE:?}"
kind=''
while :; do
    case ${1-} in
        -T) kind=1 ;;
        -*T*) kind=1 ;;
        -*) ;;
        *) break ;;
    esac
    shift
done
if [ "$kind" ]; then
    echo 'Filesystem Type 1024-blocks Used Available Capacity Mounted on'
else
    echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
fi
[ $# -gt 0 ] || set -- "$ROOT/"
for path; do
    path=${path#"$ROOT"}
    awk -v path="${path:-/}" -v kind="$kind" '
        index(path "/", $1 == "/" ? "/" : $1 "/") == 1 && length($1) > length(best) {
            best = $1
            line = $2 " " (kind ? $3 " " : "") $4 " " ($4 - $5) " " $5 " " int(100 * ($4 - $5) / $4) "% " $1
        }
        END { print line }' "$STATE/filesystems"
done
