#!/bin/sh
# run_all.sh - runs every benchmark of a folder, one after the other. Usage: run_all.sh FOLDER [ARGUMENT...]
# The arguments go to every benchmark: --tiny, --json, --rounds N, --ms N, --case PART-OF-NAME, --alone.
set -eu

if [ $# -lt 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 FOLDER [ARGUMENT...]" >&2
    exit 2
fi
folder=$1
shift
status=0
found=no
for program in "$folder"/bench_*; do
    if [ -f "$program" ] && [ -x "$program" ]; then
        found=yes
        "$program" "$@" || status=1
        case " $* " in *" --json "*) ;; *) echo ;; esac
    fi
done
if [ "$found" = no ]; then
    echo "$0: no benchmark in $folder" >&2
    exit 1
fi
exit $status
