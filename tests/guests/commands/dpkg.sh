# shellcheck shell=sh
# dpkg --verify NAME… | --configure -a
: "${ROOT?}" "${STATE:?}"
case ${1-} in
    --verify | -V)
        shift
        for name; do
            while read -r file; do
                [ "$file" ] || continue
                if [ ! -e "$ROOT$file" ]; then echo "missing     c $file"
                elif ! cmp -s "$STATE/packages/$name/tree$file" "$ROOT$file"; then echo "??5?????? c $file"; fi
            done <"$STATE/packages/$name/conffiles"
        done
        ;;
    --configure) ;;
    *) exit 2 ;;
esac
