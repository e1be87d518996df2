"""Shadow rules see what the live rules see, are counted and listed, and send nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from filters import RulesFile
from plugin.pipeline.select import Select
from plugin.pipeline.shadow import Shadow
from tests.unit.plugin.examples import CT, chest_ct
from tests.unit.plugin.house import RULES, House


@pytest.fixture
def shadow(tmp_path: Path, house: House) -> Shadow:
    """The shipped rules, but for series of fewer than 40 images."""
    text = RULES.read_text("utf-8").replace("min_instances = 10", "min_instances = 40")
    assert text != RULES.read_text("utf-8")
    file = tmp_path / "shadow.toml"
    file.write_text(text, "utf-8")
    shadow = Shadow(RulesFile(file))
    house.deliver_with(Select(house.store, house.hand_over, shadow))
    return shadow


def test_differences_are_counted_and_listed(house: House, shadow: Shadow) -> None:
    house.pacs.add(chest_ct(thin=30))
    house.poll(2)
    house.settle()
    assert [message.body["seriesUID"] for message in house.messages()] == [f"{CT}.3"]
    report = shadow.report()
    assert (report["judged"], report["gained"], report["lost"]) == (3, 0, 2)
    lost = {entry["seriesInstanceUID"]: entry for entry in report["differences"]}
    assert set(lost) == {f"{CT}.2", f"{CT}.3"}
    assert lost[f"{CT}.3"]["rule"] == "few_images"
    assert lost[f"{CT}.3"]["shadow"] == "filter because instance nums 30 < 40"


def test_each_series_counts_once(house: House, shadow: Shadow) -> None:
    house.pacs.add(chest_ct(thin=30))
    house.poll(2)
    house.settle()
    house.request.pull({"StudyInstanceUID": CT})
    house.settle()
    assert len(house.messages()) == 2
    assert shadow.report()["judged"] == 3


def test_a_new_shadow_file_begins_to_count_anew(house: House, shadow: Shadow, tmp_path: Path) -> None:
    house.pacs.add(chest_ct(thin=30))
    house.poll(2)
    house.settle()
    fresh = Shadow(RulesFile(RULES))
    house.deliver_with(Select(house.store, house.hand_over, fresh))
    house.request.pull({"StudyInstanceUID": CT})
    house.settle()
    assert (fresh.report()["judged"], fresh.report()["lost"]) == (3, 0)
