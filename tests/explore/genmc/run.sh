#!/bin/sh
# Runs GenMC on each client of this folder. Without GenMC it says so and answers 77, which meson counts as skipped.
# usage: run.sh FOLDER
cd "$1" || exit 1
if ! command -v genmc >/dev/null 2>&1; then
    echo "genmc is not installed: its clients are not checked"
    exit 77
fi
failed=0
for client in *.c; do
    echo "== $client"
    genmc -- "$client" || failed=$((failed + 1))
done
echo "$failed failed"
[ "$failed" -eq 0 ]
