#!/bin/sh
# Installs the benchmark peers into the user's cache: Redis from Debian, Flink and DuckDB from PyPI. Changes nothing else.
# Usage: benches/peers/install.sh [redis] [flink]      (both when nothing is named)
set -eu

cache="${XDG_CACHE_HOME:-$HOME/.cache}/eventra/peers"
mkdir -p "$cache"

# Versions are pinned, so that a figure can be measured again.
flink=2.3.0
duckdb=2.0.0

install_redis() {
    if command -v redis-server >/dev/null || [ -x "$cache/redis/usr/bin/redis-server" ]; then
        echo "redis: there already"
        return
    fi
    # Unpacked, not installed: no root, no service, no configuration files of the machine.
    work="$cache/redis.part"
    rm -rf "$work"
    mkdir -p "$work/debs"
    packages="redis-server redis-tools libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson libatomic1"
    cd "$work/debs"
    # shellcheck disable=SC2086 # a list of words on purpose
    if ! apt-get download $packages; then
        [ "$(id -u)" = 0 ] || { echo "redis: run 'apt-get update' as root once, then this again" >&2; exit 1; }
        apt-get update -q
        # shellcheck disable=SC2086
        apt-get download $packages
    fi
    for deb in *.deb; do dpkg -x "$deb" "$work"; done
    cd "$cache"
    rm -rf "$work/debs"
    mv "$work" "$cache/redis"
    echo "redis: $cache/redis"
}

install_flink() {
    if [ -f "$cache/python/ready-$flink-$duckdb" ]; then
        echo "flink: there already"
        return
    fi
    command -v java >/dev/null || { echo "flink: needs Java 17 or newer (Debian: openjdk-17-jre-headless)" >&2; exit 1; }
    rm -rf "$cache/python"
    python3 -m venv "$cache/python"
    # setuptools below 81: apache-beam, which apache-flink needs, still imports pkg_resources.
    "$cache/python/bin/pip" install -q "setuptools<81" wheel
    "$cache/python/bin/pip" install -q "apache-flink==$flink" "duckdb==$duckdb"
    touch "$cache/python/ready-$flink-$duckdb"
    echo "flink: $cache/python"
}

[ $# -gt 0 ] || set -- redis flink
for peer in "$@"; do
    case "$peer" in
        redis) install_redis ;;
        flink) install_flink ;;
        *) echo "no such peer: $peer (redis, flink)" >&2; exit 2 ;;
    esac
done
