"""Words: which language a reader gets, and the catalogues behind it.

English is the language of the source, so only the other languages have a catalogue
(``locale/<code>/LC_MESSAGES/messages.po``). The .po files are read as they are at start; there is
no compiled form to forget. One catalogue serves templates and ES modules alike.
"""

import hashlib
import io
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

import orjson
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_FOLDER: Final = Path(__file__).parent.parent / "locale"
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
CATALOGUES: Final[Mapping[str, str]] = {"zh": "zh_CN"}  # language -> folder under locale/


def catalogue_path(language: str) -> Path:
    """Return the path of the language's .po file."""
    return LOCALE_FOLDER / CATALOGUES[language] / "LC_MESSAGES" / "messages.po"


@cache
def translations(language: str) -> NullTranslations:
    """Return the catalogue of a language; English answers every text with itself."""
    if language not in CATALOGUES:
        return NullTranslations()
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=CATALOGUES[language])
    binary = io.BytesIO()
    write_mo(binary, catalogue)
    binary.seek(0)
    return GNUTranslations(binary)


@cache
def words_json(language: str) -> bytes:
    """Return the catalogue as JSON, text -> translation, for the ES modules."""
    if language not in CATALOGUES:
        return b"{}"
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=CATALOGUES[language])
    return orjson.dumps({m.id: m.string for m in catalogue if m.id and m.string})


@cache
def words_url(language: str) -> str:
    """Return the address of that JSON; it changes with the content, so it may be kept for ever."""
    digest = hashlib.sha256(words_json(language)).hexdigest()[:12]
    return f"/words/{language}.{digest}.json"


def choose_language(wanted: str | None, accept: str) -> str:
    """Choose the language of a page.

    Parameters
    ----------
    wanted
        What the account or the cookie asks for; None or an unknown code = nothing.
    accept
        The Accept-Language header, empty = none.

    >>> choose_language(None, "zh-CN,zh;q=0.9,en;q=0.8")
    'zh'
    >>> choose_language("en", "zh-CN")
    'en'
    >>> choose_language(None, "")
    'en'
    """
    if wanted and wanted in LANGUAGES:
        return wanted
    asked = sorted((_quality(part) for part in accept.split(",") if part.strip()), reverse=True)
    found = negotiate_locale([code for _, _, code in asked], list(LANGUAGES), sep="-")
    return found or "en"


def _quality(part: str) -> tuple[float, int, str]:
    """Split ``zh-CN;q=0.9`` into its weight, a tie-breaker and the bare language code."""
    code, _, weight = part.strip().partition(";q=")
    try:
        quality = float(weight) if weight else 1.0
    except ValueError:
        quality = 0.0
    return quality, -len(code), code.strip().split("-")[0].lower()
