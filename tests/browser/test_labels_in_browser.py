"""A page of labels as a browser draws it, read by an independent reader."""

import io

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser

from millbrain.identify.labels import choices, sheets

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("design", ["part", "link", "case", "gs1-item"])
def test_a_browser_draws_what_a_reader_reads(browser: Browser, design: str) -> None:
    facts = {"MODEL": "NC250 电芯", "NAME": "模组"}
    codes = {"part": "88.100.1/P{}", "link": "https://id.example.cn/88.100.1/P{}",
             "case": "88.100.1/P{}", "gs1-item": "(01)09506000134352(21)S{}"}  # fmt: skip
    labels = [sheets.label(f"88.100.1/P{n}", codes[design].format(n), facts) for n in range(24)]
    stock = choices.stocks()["a4-3x8-gap"]
    wanted = sheets.order({"format": "svg"}, choices.designs()[design], stock, labels)
    context = browser.new_context(viewport={"width": 800, "height": 1130}, device_scale_factor=4)
    page = context.new_page()
    page.set_content(f"<body style='margin:0'>{sheets.printed(wanted).body.decode()}</body>")
    grey = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    context.close()
    read = [b.text for b in zxingcpp.read_barcodes(grey)]
    assert sorted(read) == sorted(label.code for label in labels)
