#!/bin/sh
# Installs Nimbus into a scratch folder and uses it as its users do: by pkg-config, by CMake, as a meson subproject, from C and C++.
# usage: run.sh SOURCE-DIR      Answers 77 (skipped) where cmake or a C++ compiler is missing.
set -u

source_dir=$(cd "$1" && pwd) || exit 1
here=$source_dir/tests/install
cc=${CC:-cc}
cxx=${CXX:-c++}

for tool in cmake meson pkg-config "${cxx%% *}"; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# check NAME COMMAND...: runs it, and shows what it said only if it failed.
check()
{
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name: $*"
        cat "$work/log"
    fi
}

finish()
{
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# ------------------------------------------------------------------------------------------------ install

prefix=$work/prefix
check configure meson setup "$work/build" "$source_dir" --prefix "$prefix" -Dtests=disabled -Dexamples=disabled -Dbench=disabled
check install meson install -C "$work/build"
[ "$failed" -eq 0 ] || finish

pc=$(find "$prefix" -name nimbus.pc)
libdir=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
version=$(pkg-config --modversion nimbus)

for header in "$source_dir"/include/nimbus/*.h; do
    check "$(basename "$header") is installed" cmp "$header" "$prefix/include/nimbus/$(basename "$header")"
done

# ---------------------------------------------------------------------------------------------- consumers

# says_version PROGRAM: it works, and the library that it runs is the version that pkg-config promised.
says_version()
{
    said=$("$@") && [ "$said" = "$version" ]
}

needs_shared()
{
    LC_ALL=C readelf -d "$1" | grep -q 'NEEDED.*libnimbus\.so'
}

needs_no_shared()
{
    ! needs_shared "$1"
}

# What pkg-config prints is a list of arguments, so it is not quoted.
check 'pkg-config, shared' $cc "$here/consumer.c" -o "$work/shared" $(pkg-config --cflags --libs nimbus)
check 'pkg-config, shared, links' needs_shared "$work/shared"
check 'pkg-config, shared, runs' says_version env LD_LIBRARY_PATH="$libdir" "$work/shared"

check 'pkg-config, static' $cc -static "$here/consumer.c" -o "$work/static" $(pkg-config --cflags --libs --static nimbus)
check 'pkg-config, static, runs' says_version "$work/static"

# The package is moved first: it must find its files from where it stands.
cp -R "$prefix" "$work/moved"
cp -R "$here/cmake" "$work/cmake"
cp "$here/consumer.c" "$work/consumer.c"
check 'cmake, configure' cmake -S "$work/cmake" -B "$work/cmake-build" -DCMAKE_PREFIX_PATH="$work/moved"
check 'cmake, took the moved one' grep -q "nimbus_DIR:PATH=$work/moved" "$work/cmake-build/CMakeCache.txt"
check 'cmake, build' cmake --build "$work/cmake-build"
check 'cmake, shared, links' needs_shared "$work/cmake-build/with_shared"
check 'cmake, shared, runs' says_version "$work/cmake-build/with_shared"
check 'cmake, static, links' needs_no_shared "$work/cmake-build/with_static"
check 'cmake, static, runs' says_version "$work/cmake-build/with_static"
sed -i 's/nimbus 0\.1 CONFIG/nimbus 99.0 CONFIG/' "$work/cmake/CMakeLists.txt"
check 'cmake, refuses another version' sh -c '! cmake -S "$1" -B "$1/other" -DCMAKE_PREFIX_PATH="$2"' sh "$work/cmake" "$work/moved"

# As a subproject it must build nothing but the library. The installed one is hidden from it.
unset PKG_CONFIG_PATH
mkdir -p "$work/super/subprojects"
cp "$here/subproject/meson.build" "$here/consumer.c" "$work/super/"
ln -s "$source_dir" "$work/super/subprojects/nimbus"
for kind in shared static; do
    check "subproject, $kind, configure" meson setup "$work/super-$kind" "$work/super" -Ddefault_library=$kind -Doptimization=0
    check "subproject, $kind, build" meson compile -C "$work/super-$kind"
    check "subproject, $kind, runs" says_version "$work/super-$kind/consumer"
    check "subproject, $kind, only the library" test ! -e "$work/super-$kind/subprojects/nimbus/tests"
done
check 'subproject, shared, links' needs_shared "$work/super-shared/consumer"
check 'subproject, static, links' needs_no_shared "$work/super-static/consumer"

# ------------------------------------------------------------------------------------------------ headers

warnings='-Wall -Wextra -Wpedantic -Werror'

# header_alone LANGUAGE COMPILER STANDARD: each public header as the only thing in a program.
header_alone()
{
    for header in "$prefix"/include/nimbus/*.h; do
        name=$(basename "$header")
        printf '#include <nimbus/%s>\n' "$name" >"$work/alone"
        check "$name alone, $2 -std=$3" $2 -x "$1" -std="$3" $warnings -I"$prefix/include" -fsyntax-only "$work/alone"
    done
}

compilers_c=$cc
compilers_cxx=$cxx
for other in gcc clang; do
    ! command -v $other >/dev/null || [ "$other" = "$cc" ] || compilers_c="$compilers_c,$other"
done
for other in g++ clang++; do
    ! command -v $other >/dev/null || [ "$other" = "$cxx" ] || compilers_cxx="$compilers_cxx,$other"
done

IFS_words=$IFS
IFS=,
for compiler in $compilers_c; do
    IFS=$IFS_words
    for standard in c99 c11; do
        header_alone c "$compiler" $standard
    done
done
IFS=,
for compiler in $compilers_cxx; do
    IFS=$IFS_words
    for standard in c++14 c++17 c++20; do
        header_alone c++ "$compiler" $standard
        check "options.cpp, $compiler -std=$standard" $compiler -std=$standard $warnings -I"$prefix/include" "$here/options.cpp" \
            -o "$work/options" -L"$libdir" -lnimbus
        check "options.cpp, $compiler -std=$standard, runs" env LD_LIBRARY_PATH="$libdir" "$work/options"
    done
done

finish
