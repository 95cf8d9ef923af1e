"""The example of seven nodes, run as a reader would run it."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_the_example_resolves_across_seven_processes() -> None:
    command = [sys.executable, str(ROOT / "examples/seven-nodes/run.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for handle, told in (
        ("88.101.1/W-7", "DESC = wheel, 19 inches"),
        ("88.101.2/G-3", "DESC = gearbox, 6 gears"),
        ("88.102.1/C-9", "DESC = cell, LFP, 50 Ah"),
        ("88.101.1/none", "100 Handle not found"),
        ("88.109.1/none", "100 Handle not found"),
    ):
        followed, recursive = (s for s in lines[7:17] if handle in s)
        assert followed.startswith("follow")
        assert followed.endswith(told)
        assert recursive.startswith("recursive")
        assert recursive.endswith(told)
    assert "(0.NA/88.101) -> " in lines[7]
    assert "(0.NA/88.101.1)" in lines[7]
    killed = lines.index("node cells is killed")
    assert lines[killed + 1].endswith("DESC = cell, LFP, 50 Ah"), "it was remembered"
    assert "301 Responsible server did not answer in 0." in lines[killed + 2]
