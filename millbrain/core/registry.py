"""What a face may ask of the registry of identifiers, and how the registry says no.

Every protocol face turns its requests into these few forms; rights are checked behind them, in one
place, so that no face can widen them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from millbrain.core import templates
from millbrain.core.errors import MillbrainError
from millbrain.core.events import Events
from millbrain.core.keys import Key
from millbrain.core.records import Reference, Stamps, Value
from millbrain.core.templates import Template
from millbrain.core.vouchers import Voucher

if TYPE_CHECKING:  # the parts of a node stand on this module
    from millbrain.core.nodes.grants import Seen
    from millbrain.core.nodes.ranges import Range
    from millbrain.core.nodes.tally import Tally

# Bits of HS_ADMIN (RFC 3651 3.2.1): what an administrator of a record, or of a prefix, may do.
ADD_HANDLE, DELETE_HANDLE, ADD_PREFIX, DELETE_PREFIX = 0x001, 0x002, 0x004, 0x008
MODIFY_VALUE, REMOVE_VALUE, ADD_VALUE = 0x010, 0x020, 0x040
MODIFY_ADMIN, REMOVE_ADMIN, ADD_ADMIN = 0x080, 0x100, 0x200
READ_VALUE, LIST_HANDLES = 0x400, 0x800
ADMIN_TYPE: Final = "HS_ADMIN"
GROUP_TYPE: Final = "HS_VLIST"
TAG_TYPE: Final = templates.TAG_TYPE  # data: name=value, which any number of records may share
# Data: another identifier of the same thing, as `core.keys` reads it.
ALIAS_TYPE: Final = templates.ALIAS_TYPE


class Verb(StrEnum):
    """What a change does to a record."""

    CREATE = "create"
    DELETE = "delete"
    ADD = "add"
    REMOVE = "remove"
    MODIFY = "modify"
    PUT = "put"  # modify what is there, add the others
    HOME = "home"
    UNHOME = "unhome"


class Reason(StrEnum):
    """Why the registry refused; a face has a code of its own for each."""

    NOT_FOUND = "not_found"
    EXISTS = "exists"
    NOT_HOMED = "not_homed"
    INVALID = "invalid"
    VALUE_EXISTS = "value_exists"
    VALUES_NOT_FOUND = "values_not_found"
    NO_IDENTITY = "no_identity"
    DENIED = "denied"
    HANDLE_QUOTA = "handle_quota"
    PREFIX_QUOTA = "prefix_quota"
    KEY_USED = "key_used"  # an idempotency key, with another request


class RegistryError(MillbrainError):
    """The registry refused a change or a reading; nothing was changed."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


# Gets, for each change of a batch in turn, why it was not made, None = it is on disk.
Done = Callable[[Sequence[MillbrainError | None]], None]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. identity: proved by a challenge or a login, None = nobody in particular.

    face: key of the room that it came through. address: where from. group: the organisation that
    the identity belongs to, as our own pages vouch; grants to it are grants to the identity.
    """

    identity: Reference | None = None
    face: str = ""
    address: str = ""
    group: Reference | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record.

    handle: as sent; it is folded for the key. values: of create, add, modify. indexes: of remove.
    overwrite: a create replaces the record that is there, a put
    the values.
    """

    verb: Verb
    handle: str
    asker: Asker
    values: tuple[Value, ...] = ()
    indexes: tuple[int, ...] = ()
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """A request that may be sent again: it is made once, and answered the same then.

    identity: who sends it. key: what the client calls it. digest: SHA-256 of the request.
    """

    identity: Reference
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """Who knows about a prefix: the most particular one that this node has heard of.

    prefix: the prefix itself or one that it derives from. sites: its HS_SITE values, empty where
    this node is responsible for it (and knows of nothing below).
    """

    prefix: str
    sites: tuple[Value, ...]


class Registry(Protocol):
    """The records of this node; the record stage implements it. Safe from any thread."""

    @property
    def tally(self) -> "Tally":
        """Where faces count what they answer; for the thread that answers."""
        ...

    @property
    def stamps(self) -> Stamps:
        """When records changed, for answers that are kept ready."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the stored form behind each key (`core.keys.Key.stored`), None = none."""
        ...

    def is_homed(self, handle: str) -> bool:
        """Whether this node answers for the prefix of `handle`."""
        ...

    def homed(self) -> Sequence[str]:
        """Return the prefixes that this node answers for."""
        ...

    def is_taken_down(self, handle: str) -> bool:
        """Whether a handle, or a prefix above it, is no longer answered."""
        ...

    def route(self, handle: str) -> Route | None:
        """Return where to ask about a handle that is not here, None where nothing is known."""
        ...

    def readable(self, stored: bytes, handle: str, asker: Asker) -> tuple[Value, ...]:
        """Return the values of a record that `asker` may read, the public ones first."""
        ...

    def access(self, handle: str, asker: Asker) -> "tuple[Seen, ...]":
        """Return who can see each value of a record, and why.

        Raises
        ------
        RegistryError
            There is no such record, or the asker does not own it.
        """
        ...

    def credentials(self, who: Reference) -> tuple[Value, ...]:
        """Return the values that may hold the key of an identity: that of its index, of 0 all."""
        ...

    def vouched(self, header: str) -> Voucher | None:
        """Return on whose behalf our own pages ask, by their Authorization header."""
        ...

    def names(self, prefix: str, asker: Asker, after: str, count_max: int) -> list[str]:
        """Return handles of a prefix in order.

        Raises
        ------
        RegistryError
            The asker may not list them.
        """
        ...

    def apply(self, changes: Sequence[Change], done: Done) -> None:
        """Check and make changes in one commit; `done` hears of each once it is over.

        Each is made or refused on its own. A refusal is a RegistryError or StoreError, or a
        LimitError at once where too many changes wait.
        """
        ...

    async def make(self, change: Change) -> None:
        """Check and make a change and wait until it is on disk.

        Raises
        ------
        RegistryError, StoreError, LimitError
            Nothing was changed.
        """
        ...

    async def make_many(
        self, changes: Sequence[Change], is_whole: bool = False
    ) -> Sequence[MillbrainError | None]:
        """Check and make changes in one commit; return why each was not made, None = it was.

        is_whole: all of them are made or none.
        """
        ...

    async def make_once(
        self, once: Once, rows: Sequence["Change | RegistryError"]
    ) -> Sequence[MillbrainError | None]:
        """Make the changes among `rows` in one commit, once; the others were refused before.

        Returns why each row was not made, None = it is on disk; for a request that was made
        already, what was returned then.

        Raises
        ------
        RegistryError, LimitError
            The key was used with another request, or too many keys are kept; nothing was changed.
        """
        ...

    def ranges(self, prefix: str, asker: Asker) -> "list[tuple[str, Range]]":
        """Return the ranges of a prefix: handle and serials; RegistryError as `names`."""
        ...

    def template(self, handle: str) -> Template | None:
        """Return the template that a handle names, None where it is none."""
        ...

    def templates(self, prefix: str) -> list[Template]:
        """Return the templates of a prefix by handle; everybody may read them."""
        ...

    def template_for(self, handle: str, values: Sequence[Value]) -> Template | None:
        """Return the template that a record with these values follows, None = none."""
        ...

    def named(self, wanted: Sequence[Key]) -> list[str]:
        """Return the handle that each key names, '' where no live record has it.

        A key of scheme hdl names itself; another one names the record that has it as an alias.
        """
        ...

    def sharing(self, tags: Sequence[str], after: str, count_max: int) -> tuple[Sequence[str], str]:
        """Return handles behind `after`, in order, whose live records publicly hold all `tags`.

        Besides, where to go on: the next `after`, '' where there are no more.
        """
        ...

    def history(self, handle: str) -> list[tuple[int, bytes]]:
        """Return earlier forms of a record, oldest first: until when it held [ms], stored form."""
        ...

    @property
    def events(self) -> Events:
        """What happened to things, beside their records."""
        ...

    def permits(self, asker: Asker, permission: int, prefix: str) -> bool:
        """Whether `asker` has a permission for the whole of a prefix."""
        ...
