#!/bin/sh
# run_all.sh - runs every benchmark of a folder, one after the other. Usage: run_all.sh FOLDER [ARGUMENT...]
# The arguments go to every benchmark: --tiny, --json, --rounds N, --ms N, --case PART-OF-NAME, --alone.
# At the end it repeats the rows whose target was missed, and how many were met, missed and without their peer.
set -eu

if [ $# -lt 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 FOLDER [ARGUMENT...]" >&2
    exit 2
fi
folder=$1
shift
status=0
found=no
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for program in "$folder"/bench_*; do
    if [ -f "$program" ] && [ -x "$program" ]; then
        found=yes
        { "$program" "$@" || echo "FAILED: $program"; } | tee -a "$output"
        case " $* " in *" --json "*) ;; *) echo ;; esac
    fi
done
if [ "$found" = no ]; then
    echo "$0: no benchmark in $folder" >&2
    exit 1
fi
if grep -q '^FAILED: ' "$output"; then
    status=1
fi
case " $* " in
*" --json "* | *" --tiny "*) ;;
*)
    awk '
        /^[a-z_]+: / { title = $0 }
        / missed  / { if (title != "") print title; title = ""; print }
        /^targets of / { met += $4; missed += $6; absent += $8 }
        END { printf "\nall targets: %d met, %d missed, %d without their peer\n", met, missed, absent }' "$output"
    ;;
esac
exit $status
