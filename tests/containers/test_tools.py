"""What the test guests' own tools say, so that a scenario that passes means something."""

from __future__ import annotations

import pytest
from fake_schedulers import answer
from manifest import Manifest, differences

LISTED = "[mq-deadline] kyber bfq none\n"
FILE: Manifest = {"etc/crontab": ("-rw-r--r--", 0, 0, "{}", "a")}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("none\n", "mq-deadline kyber bfq [none]\n", id="a name that is offered is chosen"),
        pytest.param("none", "mq-deadline kyber bfq [none]\n", id="with or without a newline"),
        pytest.param("noop\n", LISTED, id="a name that is not offered changes nothing"),
        pytest.param("", LISTED, id="opened for writing and nothing written yet"),
        pytest.param(LISTED, LISTED, id="nothing was written"),
    ],
)
def test_scheduler_file_answers_as_a_kernel_does(written: str, read: str) -> None:
    assert answer(LISTED, written) == read


@pytest.mark.parametrize(
    ("after", "said"),
    [
        pytest.param(FILE, [], id="the same"),
        pytest.param({}, ["gone: /etc/crontab"], id="removed"),
        pytest.param({**FILE, "etc/new": FILE["etc/crontab"]}, ["new: /etc/new"], id="added"),
    ],
)
def test_manifest_names_what_came_and_went(after: Manifest, said: list[str]) -> None:
    assert differences(FILE, after) == said


@pytest.mark.parametrize("field", range(5), ids=["mode", "owner", "group", "attributes", "content"])
def test_manifest_sees_every_kind_of_change(field: int) -> None:
    changed = list(FILE["etc/crontab"])
    changed[field] = "other" if isinstance(changed[field], str) else 42
    assert len(differences(FILE, {"etc/crontab": tuple(changed)})) == 1
