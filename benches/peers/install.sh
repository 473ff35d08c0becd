#!/bin/sh
# Installs the benchmark peers into the user's cache: Redis, NATS and PostgreSQL from Debian, Flink, DuckDB and pretix from
# PyPI, socket.io from npm. Changes nothing else.
# Usage: benches/peers/install.sh [redis] [flink] [socketio] [nats] [pretix]      (all when nothing is named)
set -eu

cache="${XDG_CACHE_HOME:-$HOME/.cache}/eventra/peers"
mkdir -p "$cache"

# Versions are pinned, so that a figure can be measured again.
flink=2.3.0
duckdb=2.0.0
socketio=4.8.4
pretix=2026.8.0
gunicorn=23.0.0

# Debian packages are unpacked, not installed: no root, no service, no configuration files of the machine.
unpack() {
    work="$cache/$1.part"
    rm -rf "$work"
    mkdir -p "$work/debs"
    cd "$work/debs"
    # shellcheck disable=SC2086 # a list of words on purpose
    if ! apt-get download $2; then
        [ "$(id -u)" = 0 ] || { echo "$1: run 'apt-get update' as root once, then this again" >&2; exit 1; }
        apt-get update -q
        # shellcheck disable=SC2086
        apt-get download $2
    fi
    for deb in *.deb; do dpkg -x "$deb" "$work"; done
    cd "$cache"
    rm -rf "$work/debs"
    mv "$work" "$cache/$1"
    echo "$1: $cache/$1"
}

install_redis() {
    if command -v redis-server >/dev/null || [ -x "$cache/redis/usr/bin/redis-server" ]; then
        echo "redis: there already"
        return
    fi
    unpack redis "redis-server redis-tools libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson libatomic1"
}

install_nats() {
    if [ -x "$cache/nats/usr/sbin/nats-server" ] || [ -x "$cache/nats/usr/bin/nats-server" ]; then
        echo "nats: there already"
        return
    fi
    unpack nats nats-server
}

install_socketio() {
    if [ -f "$cache/socketio/ready-$socketio" ]; then
        echo "socketio: there already"
        return
    fi
    command -v npm >/dev/null || { echo "socketio: needs Node 20 or newer with npm" >&2; exit 1; }
    rm -rf "$cache/socketio"
    mkdir -p "$cache/socketio"
    # What it asks for is written in JavaScript: no scripts of packages are run.
    npm install --prefix "$cache/socketio" --no-audit --no-fund --ignore-scripts "socket.io@$socketio"
    touch "$cache/socketio/ready-$socketio"
    echo "socketio: $cache/socketio"
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

# A database server that Debian has installed already is taken where it is.
install_postgres() {
    for found in /usr/lib/postgresql/*/bin/initdb "$cache"/postgres/usr/lib/postgresql/*/bin/initdb; do
        if [ -x "$found" ]; then
            echo "postgres: there already"
            return
        fi
    done
    release=$(apt-cache depends postgresql | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p' | head -n 1)
    unpack postgres "$release postgresql-client-${release#postgresql-} libpq5 libllvm14 libxml2 libxslt1.1"
}

install_pretix() {
    install_postgres
    if [ -f "$cache/pretix/ready-$pretix-$gunicorn" ]; then
        echo "pretix: there already"
        return
    fi
    rm -rf "$cache/pretix"
    python3 -m venv "$cache/pretix"
    "$cache/pretix/bin/pip" install -q --upgrade pip wheel
    "$cache/pretix/bin/pip" install -q "pretix==$pretix" "gunicorn==$gunicorn"
    touch "$cache/pretix/ready-$pretix-$gunicorn"
    echo "pretix: $cache/pretix"
}

[ $# -gt 0 ] || set -- redis flink socketio nats pretix
for peer in "$@"; do
    case "$peer" in
        redis) install_redis ;;
        flink) install_flink ;;
        socketio) install_socketio ;;
        nats) install_nats ;;
        pretix) install_pretix ;;
        *) echo "no such peer: $peer (redis, flink, socketio, nats, pretix)" >&2; exit 2 ;;
    esac
done
