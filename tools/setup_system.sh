#!/usr/bin/env bash
# What the tests use of the system: Chromium, a font with Chinese, PostgreSQL, Mosquitto. Installed by apt-get
# where that is allowed; where it is not, says what is missing, and the tests that need it skip.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'system: %s\n' "$*" >&2; }

has_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null; }
has_chinese_font() { command -v fc-list >/dev/null && [ -n "$(fc-list :lang=zh 2>/dev/null)" ]; }
has_postgresql() {
  command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_mosquitto() { command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ]; }

missing() {
  has_chromium || echo chromium
  has_chinese_font || echo fontconfig fonts-noto-cjk
  has_postgresql || echo postgresql
  has_mosquitto || echo mosquitto
}

wanted=$(missing | xargs)
[ -z "$wanted" ] && exit 0
if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
  say "installing $wanted"
  # shellcheck disable=SC2086  # several words are meant
  tools/apt_install.sh $wanted || say "apt-get failed; going on without"
else
  say "apt-get is not allowed here"
fi
wanted=$(missing | xargs)
if [ -n "$wanted" ]; then
  say "missing: $wanted. Tests that need them are skipped and counted as skipped."
  say "To run them too: sudo apt-get install $wanted"
fi
