#!/usr/bin/env bash
# Make .venv with the pinned packages of requirements.lock and this package itself (editable).
# Looks for CPython 3.11 to 3.13; PYTHON=/path/to/python chooses one.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }

may_install() {
  command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  say "no CPython 3.11, 3.12 or 3.13 was found (${PYTHON:-python3 and its numbered names})."
  say "Install one, for example: sudo apt-get install python3 python3-venv; then run make again."
  return 1
}

need_venv_module() {
  local python=$1 package
  "$python" -c 'import ensurepip, venv' 2>/dev/null && return
  package="python3-venv"
  if may_install; then
    say "installing $package (Debian keeps the venv module apart from Python)"
    tools/apt_install.sh "$package"
  fi
  "$python" -c 'import ensurepip, venv' 2>/dev/null && return
  say "$python has no venv module. Run: sudo apt-get install $package; then run make again."
  return 1
}

python=$(find_python)
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  need_venv_module "$python"
  say "making .venv with $("$python" --version)"
  "$python" -m venv .venv
fi

if [ "$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f1)" != glibc ]; then
  say "warning: no glibc here; several packages have no wheel for this system"
fi
say "installing the pinned packages (about 300 MB the first time)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
  --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index \
  --no-deps --no-build-isolation -e .
