#!/usr/bin/env bash
# Install Debian packages without questions and without starting their services.
# Called only where root or passwordless sudo is at hand.
set -euo pipefail

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
quiet=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
"${as_root[@]}" "${quiet[@]}" apt-get update -qq
"${as_root[@]}" "${quiet[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
