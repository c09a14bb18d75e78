# shellcheck shell=sh
# mkswap [-L LABEL] [-f] FILE: writes the signature where a 4 KiB page ends, as the real one.
: "${ROOT?}" "${STATE:?}"
file=''
while [ $# -gt 0 ]; do
    case $1 in
        -L | --label | -U | --uuid | -p | --pagesize | -v) shift ;;
        -*) ;;
        *) file=$1 ;;
    esac
    shift
done
case $file in
    "$ROOT"/*) ;;
    *)
        echo "mkswap: $file is not in the guest" >&2
        exit 99
        ;;
esac
[ -f "$file" ] || {
    echo "mkswap: cannot open ${file#"$ROOT"}: No such file or directory" >&2
    exit 1
}
size=$(stat -c %s "$file")
[ "$size" -ge 40960 ] || {
    echo 'mkswap: error: swap area needs to be at least 40 KiB' >&2
    exit 1
}
printf 'SWAPSPACE2' | /bin/dd of="$file" bs=1 seek=4086 conv=notrunc 2>/dev/null || exit 1
echo "Setting up swapspace version 1, size = $((size / 1024 - 4)) KiB"
