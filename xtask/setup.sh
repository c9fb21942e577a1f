#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that Forebay needs and this host lacks.
# Usage: xtask/setup.sh [build|demo|all]
set -euo pipefail

# The one place that says which clangs will do.
CLANG_RULE=$(dirname "${BASH_SOURCE[0]}")/../crates/kernel/build.rs
OLDEST_CLANG=$(sed -n 's/^const OLDEST_CLANG: u32 = \([0-9]*\);$/\1/p' "$CLANG_RULE")
NEWEST_CLANG=$(sed -n 's/^const NEWEST_CLANG: u32 = \([0-9]*\);$/\1/p' "$CLANG_RULE")
readonly OLDEST_CLANG=${OLDEST_CLANG:?not found in $CLANG_RULE} NEWEST_CLANG=${NEWEST_CLANG:?not found in $CLANG_RULE}
readonly GROUP=${1:-all}
readonly START=$SECONDS

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
has_candidate() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[!\(]* ]]; }

# Major version of a clang; 0 when there is none.
clang_version() {
    { "$1" -dumpversion 2>/dev/null || echo 0; } | cut -d. -f1
}

has_clang() {
    local version
    for ((version = NEWEST_CLANG; version >= OLDEST_CLANG; version--)); do
        [ "$(clang_version "clang-$version")" -ge "$OLDEST_CLANG" ] && return 0
    done
    [ "$(clang_version clang)" -ge "$OLDEST_CLANG" ] && return 0
    return 1
}

# The package with the best clang that this host's sources offer; 19 is what we test with.
clang_package() {
    local version
    has_candidate clang-19 && { echo clang-19; return; }
    for ((version = NEWEST_CLANG; version >= OLDEST_CLANG; version--)); do
        has_candidate "clang-$version" && { echo "clang-$version"; return; }
    done
    echo clang
}

bpftool_package() {
    # Ubuntu ships bpftool inside its kernel tools.
    if has_candidate bpftool; then echo bpftool; else echo linux-tools-common; fi
}

# Fills `missing` with the packages of the group that are not there yet.
find_missing() {
    local package
    missing=()
    local wanted=(gcc libc6-dev make pkg-config libelf-dev zlib1g-dev linux-libc-dev)
    if [ "$GROUP" != build ]; then
        wanted+=(iproute2 python3 python3-venv)
    fi
    if [ "$GROUP" = all ]; then
        wanted+=(nginx-light redis-server redis-tools wrk tcpdump postgresql postgresql-contrib)
    fi
    for package in "${wanted[@]}"; do
        has_package "$package" || missing+=("$package")
    done
    has_clang || needs_clang=yes
    if [ "$GROUP" = all ] && ! PATH=$PATH:/usr/sbin command -v bpftool >/dev/null; then
        needs_bpftool=yes
    fi
}

# Packages must not start servers here: the benchmarks start their own.
keep_services_down() {
    local policy=/usr/sbin/policy-rc.d
    [ -e $policy ] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
}

# Nor at the next boot.
disable_services() {
    local package unit
    command -v systemctl >/dev/null || return 0
    for package in "${missing[@]}"; do
        case $package in
            nginx-light) unit=nginx ;;
            redis-server | postgresql) unit=$package ;;
            *) continue ;;
        esac
        as_root systemctl --quiet disable "$unit" 2>/dev/null || say "could not disable $unit"
    done
}

install_missing() {
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        fail "missing: ${missing[*]}; installing needs root and there is no sudo. Next: run 'make setup' as root"
    fi
    say "refreshing the package lists"
    as_root apt-get -qq update
    [ -z "${needs_clang:-}" ] || missing+=("$(clang_package)")
    [ -z "${needs_bpftool:-}" ] || missing+=("$(bpftool_package)")
    say "installing ${missing[*]}"
    keep_services_down
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
        apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "${missing[@]}" </dev/null >/dev/null
    disable_services
    has_clang || fail "no clang $OLDEST_CLANG or newer among this host's packages. Next: install one, and set CLANG to its path"
}

check_rust() {
    command -v cargo >/dev/null || fail "cargo is missing. Next: install rustup, https://rustup.rs (it then takes the toolchain of rust-toolchain.toml)"
}

case $GROUP in build | demo | all) ;; *) fail "usage: xtask/setup.sh [build|demo|all]" ;; esac
check_rust
command -v apt-get >/dev/null || {
    has_clang || fail "this host has no apt-get. Next: install clang $OLDEST_CLANG or newer, libelf and zlib (headers too), pkg-config, make"
    say "no apt-get here; clang is there, the rest is up to you"
    exit 0
}
find_missing
if [ ${#missing[@]} -eq 0 ] && [ -z "${needs_clang:-}${needs_bpftool:-}" ]; then
    say "nothing missing"
else
    install_missing
    say "done in $((SECONDS - START)) s"
fi
