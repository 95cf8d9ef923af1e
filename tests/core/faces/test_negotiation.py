"""What clients would like best: the examples of RFC 9110 and RFC 4647."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.faces.negotiation import best_language, best_media, media_weight, ranges

# RFC 9110 12.5.1, the last example, without level parameters.
RFC = "text/*;q=0.3, text/plain;q=0.7, text/html;q=0.4, */*;q=0.5"


@pytest.mark.parametrize(
    ("media", "weight"),
    [("text/plain", 0.7), ("text/html; charset=utf-8", 0.4), ("text/css", 0.3), ("image/x", 0.5)],
)
def test_the_closest_range_decides(media: str, weight: float) -> None:
    assert media_weight(ranges(RFC), media) == weight


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        ("", "application/json"), ("*/*", "application/json"), ("text/html", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json;q=0, text/html;q=0.1", "text/html"), ("image/png", ""),
        ("text/html;q=x", ""), (",;,", "application/json"),
    ],
)  # fmt: skip
def test_one_of_what_there_is(accept: str, best: str) -> None:
    assert best_media(accept, ["application/json", "text/html"]) == best


@pytest.mark.parametrize(
    ("accept", "best"),
    [("", "zh"), ("en-GB,en;q=0.9", "en"), ("en", "en"), ("fr", "zh"), ("fr, *;q=0.1", "zh"),
     ("zh;q=0.2, en;q=0.8", "en")],
)  # fmt: skip
def test_languages(accept: str, best: str) -> None:
    assert best_language(accept, ["zh", "en"]) == best


@given(st.text(max_size=60))
def test_any_header_is_read(header: str) -> None:
    assert best_media(header, ["a/b"]) in ("", "a/b")
    assert all(0 <= weight <= 1 for _, weight in ranges(header))
