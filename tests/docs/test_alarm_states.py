"""The picture and the table of the alarm's states say what is declared."""

from tools import draw_alarm_states as drawn


def test_picture_and_table_are_up_to_date() -> None:
    text = drawn.DOCUMENT.read_text("utf-8")
    assert "| unacknowledged 未确认 | B |" in text
    assert drawn.document(text) == text, "run tools/draw_alarm_states.py"
    assert drawn.PICTURE.read_text("utf-8") == drawn.picture(), "run tools/draw_alarm_states.py"
