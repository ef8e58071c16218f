#!/usr/bin/env bash
# What the tests need beside Python: a Chromium, to look at the report as a reader's browser does. Does nothing where
# there is one.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    echo "browser: $(command -v "$name")"
    exit 0
  fi
done

if ! command -v apt-get >/dev/null; then
  echo "No Chromium found, and no apt-get to install it: install Chromium with your system's packages." >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Chromium has to be installed by root: apt-get install chromium" >&2
    exit 1
  fi
  as_root=(sudo)
fi

export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core
command -v chromium
