"""Managers keep places, hours and blocks in pages; everybody reads the hours."""

from __future__ import annotations

import pytest


def test_anybody_reads_the_opening_hours(house, browser):
    response = browser().get("/hours")
    assert response.status_code == 200
    assert "Friday 27 November" in response.text or "vendredi 27 novembre" in response.text


@pytest.mark.parametrize(
    "path", ["/places", "/places/site", "/places/workshop", "/places/laser/hours", "/places/laser/blocks", "/places/site/blocks"]
)
def test_smoke(house, browser, path):
    response = browser(house.lea).get(path)
    print(response.text)
    assert response.status_code == 200
