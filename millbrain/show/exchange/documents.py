"""XML from strangers: parsed without entities, without a network, within bounds."""

from typing import Final

from lxml import etree

from millbrain.core import limits
from millbrain.core.errors import FrameError, LimitError

NAMESPACE: Final = "http://www.mesa.org/xml/B2MML"
_DEPTH_MAX: Final = 64  # a schedule nests about ten elements


def parse(raw: bytes) -> etree._Element:
    """Return the root of a document.

    Raises
    ------
    LimitError
        It is too large, or nests too deep.
    FrameError
        It is no XML, or declares a document type: entities of strangers are never expanded.
    """
    if len(raw) > limits.B2MML_BYTES_MAX:
        raise LimitError(
            f"B2MML: the document has {len(raw)} bytes; {limits.B2MML_BYTES_MAX} are allowed"
        )
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as e:
        raise FrameError("structure", f"B2MML: this is no well-formed XML: {e}") from e
    if root.getroottree().docinfo.internalDTD is not None:
        raise FrameError("structure", "B2MML: a document type (DOCTYPE) is refused, whatever it "
                         "declares; send the document without it")  # fmt: skip
    _check_depth(root)
    return root


def _check_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _DEPTH_MAX:
            raise LimitError(f"B2MML: elements nest deeper than {_DEPTH_MAX}; nothing was read")


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace."""
    return str(etree.QName(element).localname)


def is_ours(element: etree._Element) -> bool:
    """Whether an element is of B2MML itself."""
    return bool(etree.QName(element).namespace == NAMESPACE)


def children(element: etree._Element, *names: str) -> list[etree._Element]:
    """Return the children with one of these names, of B2MML, in order."""
    return [e for e in element if is_ours(e) and local(e) in names]


def text(element: etree._Element, *path: str) -> str:
    """Return the text of the first element down a path, "" where there is none."""
    found = element
    for name in path:
        below = children(found, name)
        if not below:
            return ""
        found = below[0]
    return (found.text or "").strip()


def foreign(root: etree._Element) -> list[str]:
    """Return the paths of elements that are no B2MML: extensions, kept as they came."""
    return [
        root.getroottree().getelementpath(e)
        for e in root.iter()
        if not is_ours(e) and (e.getparent() is None or is_ours(e.getparent()))
    ]
