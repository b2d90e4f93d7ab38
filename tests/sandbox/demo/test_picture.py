"""The picture for the README."""

import getpass
import re
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.sandbox.demo.making import TRUE, outcome

from gpuwright_sandbox.demo.picture import svg
from gpuwright_sandbox.demo.plan import acts

STORY = [outcome(TRUE, act=act, number=number) for number, act in enumerate(acts(), start=1)]


def words(picture: str) -> str:
    texts = ("".join(element.itertext()) for element in ET.fromstring(picture).iter() if element.tag.endswith("text"))
    return " ".join(texts).replace("\xa0", " ")


def test_the_picture_tells_every_act_and_what_came_of_it() -> None:
    seen = words(svg(STORY))
    for act in acts():
        assert act.title in seen
    assert "ComputeInstances" in seen
    assert "7 claims checked, all true" in seen
    assert "0 owners ever had two" in seen


def test_the_picture_fetches_nothing() -> None:
    picture = svg(STORY)
    assert "@font-face" not in picture
    assert set(re.findall(r"https?://[^\s\"')]+", picture)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_the_picture_names_no_path_user_or_host() -> None:
    seen = words(svg(STORY))
    assert str(Path.home()) not in seen
    assert "/tmp" not in seen
    assert getpass.getuser() not in seen
    assert socket.gethostname() not in seen


def test_the_same_story_is_the_same_picture() -> None:
    assert svg(STORY) == svg(STORY)
