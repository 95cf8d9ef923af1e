"""Counting resolutions where they are answered: one addition, no lock, no clock.

A face asks once for the cell of a prefix and an answer code, keeps it with the answer that it keeps
ready, and adds to it. Whoever keeps the counts takes them every few seconds. For one thread: the
resolver answers every face in its event loop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.limits import TALLY_CELLS_MAX, TALLY_SAMPLES_MAX

# Answer codes of the Handle protocol, in which every face counts.
OK, NOT_FOUND, ELSEWHERE = 1, 100, 301
SAMPLE_S: Final = 0.1  # one answer in so many seconds goes into the log
OTHER: Final = ""  # prefixes that are not known, and those beyond the bound


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of the log. address: where the question came from, its last part left out."""

    at_ms: int
    handle: str
    code: int
    face: str
    address: str

    def as_json(self) -> list[Any]:
        """Return it as a report carries it."""
        return [self.at_ms, self.handle, self.code, self.face, self.address]


class Tally:
    """Counts since they were taken last, by prefix and answer code.

    Parameters
    ----------
    is_known
        Whether this node answers for the prefix of a handle. Others have a cell of their own only
        where an identifier was found, so that made-up prefixes take no memory.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        self._cells: dict[tuple[str, int], int] = {}
        self._names: list[tuple[str, int]] = []
        self._asked: dict[tuple[bytes, int], int] = {}
        self._samples: list[Sample] = []
        self.hits: list[int] = []
        self.sample_at_s = 0.0  # when the next sample is due [Unix s]

    def cell(self, handle: str, code: int) -> int:
        """Return the place in `hits` of a handle's prefix and an answer code."""
        prefix = handle.partition("/")[0].upper()
        if code != OK and not self._is_known(f"{prefix}/"):
            prefix = OTHER
        found = self._cells.get((prefix, code))
        if found is None:
            if len(self._names) >= TALLY_CELLS_MAX and prefix != OTHER:
                return self.cell("", code)
            found = self._cells[prefix, code] = len(self._names)
            self._names.append((prefix, code))
            self.hits.append(0)
        return found

    def cell_of(self, handle: bytes, code: int) -> int:
        """Return the same for a handle as it came, from a memory of what was asked before."""
        asked = handle[: handle.find(b"/")], code
        found = self._asked.get(asked)
        if found is None:
            if len(self._asked) >= TALLY_CELLS_MAX:
                self._asked.clear()
            found = self._asked[asked] = self.cell(handle.decode("utf-8", "replace"), code)
        return found

    def add(self, handle: str, code: int) -> None:
        """Count one answer."""
        self.hits[self.cell(handle, code)] += 1

    def sample(self, found: Sample) -> None:
        """Keep an answer for the log; callers look at `sample_at_s` before they make one."""
        self.sample_at_s = found.at_ms / 1000 + SAMPLE_S
        if len(self._samples) < TALLY_SAMPLES_MAX:
            self._samples.append(found)

    def take(self) -> tuple[list[tuple[str, int, int]], Sequence[Sample]]:
        """Return prefix, code and count of what was answered since, and the samples."""
        self._asked.clear()  # which prefixes are known may change
        counted = [(*self._names[n], count) for n, count in enumerate(self.hits) if count]
        self.hits[:] = [0] * len(self.hits)
        samples, self._samples = self._samples, []
        return counted, samples
