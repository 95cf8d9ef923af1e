"""The pages: HTML shells in the reader's language that fill themselves from the JSON API.

A page carries no figure of its own. It is the same for every reader of a language, costs no query,
and its ES module asks /api/v1 like any other client would, so the server keeps nothing per reader
and a wall screen can stay up for months.
"""

from millbrain.core.pages import RoomPage
from millbrain.show.pages.routes import Viewer, mount_pages

__all__ = ["RoomPage", "Viewer", "mount_pages"]
