#!/usr/bin/env bash
# What the tests need beside Python, from Debian's packages:
#
#   browser    a Chromium, to look at the report as a reader's browser does
#   database   a PostgreSQL with a cluster of its own for tests, at a port of its own; the machine's is left alone
#
# `services.sh` sets up both, `services.sh database` one. What is there is left as it is, so it can be run at any time;
# after a restart of the machine it starts the cluster again. No systemd is needed.
set -euo pipefail

PORT="${STILLS_TEST_PGPORT:-54329}"
URL="postgresql://stills:stills@127.0.0.1:$PORT/stills_test" # tests look here where STILLS_TEST_DATABASE is not set

updated=
install() { # what it is for, packages…
  local what=$1
  shift
  if ! command -v apt-get >/dev/null; then
    echo "No $what found, and no apt-get to install it: install it with your system's packages." >&2
    return 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "$what has to be installed by root: apt-get install $*" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  [ -n "$updated" ] || "${as_root[@]}" apt-get update -q
  updated=yes
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

find_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name"; then return 0; fi
  done
  return 1
}

browser() {
  find_browser >/dev/null || install Chromium chromium fonts-dejavu-core
  echo "browser: $(find_browser)"
}

find_server() { # the folder of PostgreSQL's programs: Debian keeps them out of the PATH
  local folder
  for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -V -r) \
    "$(dirname "$(readlink -f "$(command -v pg_ctl || echo /nowhere/pg_ctl)")")"; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
      echo "$folder"
      return 0
    fi
  done
  return 1
}

answers() { # as the tests will ask
  PGPASSWORD=stills PGCONNECT_TIMEOUT=5 "$1/psql" -h 127.0.0.1 -p "$PORT" -U stills -d "${2:-stills_test}" -qtAc 'SELECT 1' >/dev/null 2>&1
}

is_server() { # whether a process is a living PostgreSQL, and not what is left of one
  [ ! -d /proc/self ] || awk '/^Name:/ {name = $2} /^State:/ {state = $2} END {exit !(name ~ /^postgres/ && state !~ /[ZX]/)}' \
    "/proc/$1/status" 2>/dev/null
}

database() {
  local bin data
  if ! find_server >/dev/null; then
    # Without this Debian makes a cluster on the usual port and starts it.
    if [ ! -e /etc/postgresql-common/createcluster.conf ] && [ "$(id -u)" -eq 0 ]; then
      mkdir -p /etc/postgresql-common
      echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    install PostgreSQL postgresql postgresql-client
  fi
  bin=$(find_server)
  if answers "$bin"; then
    echo "database: $URL"
    return 0
  fi

  # PostgreSQL does not run as root.
  local as_owner=()
  if [ "$(id -u)" -eq 0 ]; then
    data=/var/lib/postgresql/stills-tests
    as_owner=(runuser -u postgres --)
  else
    data="${XDG_CACHE_HOME:-$HOME/.cache}/stills-tests/postgresql"
  fi
  "${as_owner[@]}" mkdir -p "$(dirname "$data")"
  if ! "${as_owner[@]}" test -e "$data/PG_VERSION"; then
    local password
    password=$("${as_owner[@]}" mktemp)
    echo stills | "${as_owner[@]}" tee "$password" >/dev/null
    "${as_owner[@]}" "$bin/initdb" -D "$data" -U stills --pwfile="$password" -A scram-sha-256 -E UTF8 --no-locale >/dev/null
    "${as_owner[@]}" rm "$password"
    # Only this machine may connect. What tests write need not outlive a power cut.
    "${as_owner[@]}" tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
  fi
  # A server that was killed, or whose container was, leaves a note with its number, which may be another's by now.
  local pid
  pid=$("${as_owner[@]}" head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
  if [ -n "$pid" ] && ! is_server "$pid"; then
    "${as_owner[@]}" rm -f "$data/postmaster.pid"
  fi
  if ! "${as_owner[@]}" "$bin/pg_ctl" -D "$data" status >/dev/null; then
    (cd / && "${as_owner[@]}" "$bin/pg_ctl" -D "$data" -o "-p $PORT" -l "$data/server.log" -w -t 60 start >/dev/null) || {
      "${as_owner[@]}" tail -n 5 "$data/server.log" >&2
      echo "PostgreSQL did not start in $data at port $PORT (another port: STILLS_TEST_PGPORT=…)" >&2
      return 1
    }
  fi
  if ! answers "$bin"; then
    PGPASSWORD=stills "$bin/createdb" -h 127.0.0.1 -p "$PORT" -U stills stills_test
  fi
  answers "$bin" || { echo "PostgreSQL runs, but $URL does not answer" >&2; return 1; }
  echo "database: $URL"
}

if [ $# -eq 0 ]; then set -- browser database; fi
for service in "$@"; do
  case "$service" in
    browser | database) "$service" ;;
    *) echo "usage: services.sh [browser] [database]" >&2; exit 2 ;;
  esac
done
