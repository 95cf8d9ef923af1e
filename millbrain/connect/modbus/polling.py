"""What is read when: tags of one period, few requests, refusals that concern only their own tags.

A device that refuses a block because of one register is asked for both halves, and so on, until
only the tag is left out that the device does not have.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.modbus import sentences
from millbrain.connect.modbus.codec import Block, Layout, Place, Registers, plan
from millbrain.connect.modbus.sentences import Words
from millbrain.core.columns import Columns
from millbrain.core.plant.reading_rows import reading_rows
from millbrain.core.plant.readings import BAD, GOOD
from millbrain.core.plant.tags import Tag, TagKind

REFUSED_PAUSE_S: Final = 10.0  # before a device is asked again for what it does not have
_SPLIT_AT: Final = (2, 3)  # exceptions that may be the fault of one register among many


class Planning(Protocol):
    """The options that decide how many requests there are."""

    @property
    def gap(self) -> int:
        """Registers that are read along."""
        ...

    @property
    def block(self) -> int:
        """Most registers of a request."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A device's exception answer."""

    code: int


Ask = Callable[[Block], Awaitable[Registers | Refusal | None]]  # None: its station is silent


class Poll:
    """Tags of one period: their requests, and what each brought last."""

    def __init__(
        self, link: str, period_s: float, tags: Sequence[Tag], places: Sequence[Place],
        planning: Planning,
    ) -> None:  # fmt: skip
        self.period_s = period_s
        self.due_at = 0.0
        self.tags = tags
        self._link = link
        self._places = places
        self._planning = planning
        self._scale = np.array([t.scale for t in tags])
        self._offset = np.array([t.offset for t in tags])
        self._deadband = np.array([t.deadband for t in tags])
        self._is_text = np.array([t.kind is TagKind.TEXT for t in tags], np.bool_)
        self._things = np.array([t.thing.encode() for t in tags], np.bytes_)
        self._signals = np.array([t.signal.encode() for t in tags], np.bytes_)
        self._last = np.full(len(tags), np.nan)
        self._quality = np.full(len(tags), GOOD, np.uint8)
        self.troubles: dict[str, Words] = {}
        self.restart()

    def restart(self) -> None:
        """Plan anew, as for a device that nothing is known of."""
        self._lay(plan(self._places, self._planning.gap, self._planning.block))
        self._rest_until: dict[Block, float] = {}

    def _lay(self, blocks: Sequence[Block]) -> None:
        self.blocks = list(blocks)
        self._layout = Layout(self._places, self.blocks)

    async def read(self, ask: Ask) -> tuple[Columns | None, int]:
        """Read all blocks; return the readings that are new, and how many answers came."""
        answers: dict[Block, Registers | Words] = {}
        waiting = list(self.blocks)
        count = 0
        while waiting:
            block = waiting.pop(0)
            answer = await self._asked(block, ask)
            halves = self._halves(block) if self._may_split(answer) else []
            if halves:
                self._replace(block, halves)
                waiting = [*halves, *waiting]
                continue
            count += answer is not None
            answers[block] = self._settled(block, answer)
        return self._readings(answers, time.time_ns() // 1_000_000), count

    async def _asked(self, block: Block, ask: Ask) -> Registers | Refusal | None:
        if self._rest_until.get(block, 0.0) > time.monotonic():
            return Refusal(0)
        return await ask(block)

    def _may_split(self, answer: Registers | Refusal | None) -> bool:
        return isinstance(answer, Refusal) and answer.code in _SPLIT_AT

    def _halves(self, block: Block) -> list[Block]:
        """Return smaller requests for the places of a block; none where they are one place."""
        mine = sorted({p for p, b in zip(self._places, self._layout.block_of, strict=True)
                       if self.blocks[b] == block}, key=lambda p: (p.start, p.end))  # fmt: skip
        spans = {(p.start, p.end) for p in mine}
        if len(spans) < 2:
            return []
        tight = plan(mine, 0, self._planning.block)
        if len(tight) > 1:  # first without the registers that nobody asked for
            return tight
        middle = len(mine) // 2
        parts = [plan(part, 0, self._planning.block) for part in (mine[:middle], mine[middle:])]
        made = [b for part in parts for b in part]
        return made if block not in made else []

    def _replace(self, block: Block, halves: Sequence[Block]) -> None:
        at = self.blocks.index(block)
        kept = [b for b in self.blocks if b not in halves]
        self._lay([*kept[: min(at, len(kept))], *halves,
                   *(b for b in kept[min(at, len(kept)) :] if b != block)])  # fmt: skip

    def _settled(self, block: Block, answer: Registers | Refusal | None) -> Registers | Words:
        """Return the registers, or why there are none."""
        if answer is None:
            return sentences.SILENT_TAG
        if not isinstance(answer, Refusal):
            self._rest_until.pop(block, None)
            return answer
        if answer.code:
            self._rest_until[block] = time.monotonic() + max(REFUSED_PAUSE_S, self.period_s)
            return sentences.refused(answer.code)
        mine = self._layout.block_of == self.blocks.index(block)
        return self.troubles.get(self.tags[int(np.argmax(mine))].address, sentences.SILENT_TAG)

    def _readings(self, answers: dict[Block, Registers | Words], now_ms: int) -> Columns | None:
        data = np.zeros(int(self._layout.bounds[-1]), np.uint16)
        came = np.zeros(len(self.blocks), np.bool_)
        why: dict[int, Words] = {}
        for i, block in enumerate(self.blocks):
            answer = answers.get(block, sentences.SILENT_TAG)
            if isinstance(answer, tuple):
                why[i] = answer
            else:
                came[i] = True
                data[self._layout.bounds[i] : self._layout.bounds[i + 1]] = answer
        values, texts = self._layout.values(data)
        good = came[self._layout.block_of]
        values = np.where(good, values * self._scale + self._offset, np.nan)
        odd = good & ~np.isfinite(values) & ~self._is_text
        self._note(why, odd)
        quality = np.where(good & ~odd, GOOD, BAD).astype(np.uint8)
        return self._fresh(values, texts, quality, now_ms)

    def _note(self, why: dict[int, Words], odd: NDArray[np.bool_]) -> None:
        found: dict[str, Words] = {}
        for row, block in enumerate(self._layout.block_of):
            if int(block) in why:
                found[self.tags[row].address] = why[int(block)]
            elif odd[row]:
                found[self.tags[row].address] = sentences.NO_NUMBER
        self.troubles = found

    def _fresh(
        self, values: NDArray[np.float64], texts: dict[int, bytes], quality: NDArray[np.uint8],
        now_ms: int,
    ) -> Columns | None:  # fmt: skip
        """Return what is to be stored: what moved beyond its deadband; a loss, once."""
        finite = np.where(np.isfinite(values), values, np.nan)
        with np.errstate(invalid="ignore"):
            still = np.abs(finite - self._last) < self._deadband
        is_good = quality == GOOD
        turned = quality != self._quality
        fresh = turned | (is_good & ~still)
        rows = np.flatnonzero(fresh)
        self._quality = quality
        self._last[rows] = finite[rows]
        if not len(rows):
            return None
        text = [texts.get(int(r), b"") if is_good[r] else b"" for r in rows] if texts else None
        at = np.full(len(rows), now_ms, np.int64)
        return reading_rows(self._link, self._things[rows], self._signals[rows], at, now_ms,
                            finite[rows], quality[rows], text)  # fmt: skip

    def lose(self, why: Words) -> Columns | None:
        """Return the readings that say that nothing comes any more: no value, bad quality."""
        self.troubles = {tag.address: why for tag in self.tags}
        nothing = np.full(len(self.tags), np.nan)
        bad = np.full(len(self.tags), BAD, np.uint8)
        return self._fresh(nothing, {}, bad, time.time_ns() // 1_000_000)
