# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reverting takes out exactly what a receipt put in, in any order, or refuses and says why.

To see these red: put the whole backup back where the file was edited since, or leave out ``hand_over_endings``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import permutations, zip_longest
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    Edit,
    EditFile,
    RemoveFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.tests.unit.examples import examples
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import STATE, SmallGuest

pytestmark = pytest.mark.slow

QUEUE = "/sys/block/sda/queue/scheduler"


@pytest.mark.parametrize(
    ("order", "between"),
    [
        (("000001-one", "000002-two"), b"a\nM\n"),
        (("000002-two", "000001-one"), b"a\nL\n"),
    ],
)
def test_two_appends_come_out_in_either_order(small_guest: SmallGuest, order: tuple[str, str], between: bytes) -> None:
    """Given a file without an end of its last line and two appends, either may go first, and the end is as it was."""
    small_guest.write("/etc/f", b"a")
    small_guest.apply(
        ("one", [EditFile("/etc/f", (AppendLine("L"),))]), ("two", [EditFile("/etc/f", (AppendLine("M"),))])
    )
    assert small_guest.read("/etc/f") == b"a\nL\nM\n"
    small_guest.revert(order[0])
    assert small_guest.read("/etc/f") == between
    small_guest.revert(order[1])
    assert small_guest.read("/etc/f") == b"a"


def test_an_edit_of_an_edited_line_must_go_first(small_guest: SmallGuest) -> None:
    """Given a line that a second recommendation changed again, the first is refused until the second is reverted."""
    small_guest.write("/etc/f", "a\nx=1\n")
    small_guest.apply(
        ("one", [EditFile("/etc/f", (ReplaceLine("x=1", "x=2"),))]),
        ("two", [EditFile("/etc/f", (ReplacePrefix(2, "x=2", "x=3"),))]),
    )
    ran = small_guest.revert("000001-one", "000002-two", "000001-one")
    assert [line.split(" ")[2] for line in ran.said("reverted")] == ["refused", "done", "done"]
    assert ran.said("reverted")[0] == "000001-one one refused /etc/f: changed since by 000002-two: revert that first"
    assert small_guest.read("/etc/f") == b"a\nx=1\n"


def test_a_line_that_somebody_changed_is_named_by_number_and_not_shown(dash_guest: SmallGuest) -> None:
    """Given our line changed by hand, the revert is refused with its number and without its content."""
    path = dash_guest.write("/etc/f", "a\nx=1\n")
    dash_guest.apply(("one", [EditFile("/etc/f", (ReplaceLine("x=1", "x=2"),))]))
    path.write_text("a\nx=secret\n")
    assert dash_guest.revert("000001-one").said("reverted") == [
        "000001-one one refused /etc/f: changed since: "
        "line 2, as this recommendation left it, is expected once and found 0 times"
    ]


def test_a_line_that_was_changed_there_and_back_is_not_taken_for_the_first_ones(dash_guest: SmallGuest) -> None:
    """Given one that adds a line, one that changes it and one that changes it back, they are reverted from the last on."""
    dash_guest.write("/etc/f", "a\n")
    dash_guest.apply(
        ("one", [EditFile("/etc/f", (AppendLine("x"),))]),
        ("two", [EditFile("/etc/f", (ReplaceLine("x", "y"),))]),
        ("three", [EditFile("/etc/f", (ReplaceLine("y", "x"),))]),
    )
    assert " refused " in dash_guest.revert("000001-one").said("reverted")[0]
    dash_guest.revert("000003-three", "000002-two", "000001-one")
    assert dash_guest.read("/etc/f") == b"a\n"


def test_a_file_that_a_later_recommendation_edited_is_not_removed_under_it(dash_guest: SmallGuest) -> None:
    """Given a file that the first made and the second edited, the second goes first."""
    dash_guest.apply(("one", [WriteFile("/etc/f", "a\n")]), ("two", [EditFile("/etc/f", (ReplaceLine("a", "b"),))]))
    ran = dash_guest.revert("000001-one", "000002-two", "000001-one")
    assert [line.split(" ")[2] for line in ran.said("reverted")] == ["refused", "done", "done"]
    assert not (dash_guest.root / "etc/f").exists()


LINES = st.sampled_from(["a", "b", "a b", "", " a", "0 1 * * * x", "é"])


@st.composite
def edits_of(draw: st.DrawFn, lines: list[str], fresh: list[int]) -> tuple[Edit, ...]:
    """Edits that ``lines`` allow, of one recommendation; ``lines`` become what they leave."""
    edits: list[Edit] = []
    before = list(lines)
    for index in sorted(draw(st.sets(st.integers(0, max(len(before) - 1, 0)), max_size=2))):
        if index >= len(before):
            continue
        fresh[0] += 1
        old = before[index]
        if draw(st.booleans()) and before.count(old) == 1:
            new = draw(st.sampled_from([f"own {fresh[0]}", *before]))
            edits.append(ReplaceLine(old, new))
        else:
            kept = draw(st.integers(0, len(old)))
            new = f"{fresh[0]}!" + old[kept:]
            edits.append(ReplacePrefix(index + 1, old[:kept], f"{fresh[0]}!"))
        lines[index] = new
    if not edits or draw(st.booleans()):
        fresh[0] += 1
        edits.append(AppendLine(f"own {fresh[0]}"))
        lines.append(f"own {fresh[0]}")
    return tuple(edits)


def reverted_in_order(guest: SmallGuest, order: Sequence[str]) -> None:
    """Reverts the receipts in ``order``, the refused ones again when others are out; each round must get one out."""
    while left := [name for name in order if guest.receipts[name] == "done"]:
        ran = guest.revert(*left)
        assert any(guest.receipts[name] == "reverted" for name in left), ran.lines


EDITS_OF_ONE_FILE: dict[str, tuple[str, list[tuple[Edit, ...]]]] = {
    "a line edited, then given an end by an append": ("a", [(ReplacePrefix(1, "", "1!"),), (AppendLine("own"),)]),
    "a line given an end by an append, then edited": ("a", [(AppendLine("own"),), (ReplaceLine("a", "b"),)]),
    "a line edited and given an end by one": ("a", [(ReplaceLine("a", "b"), AppendLine("1")), (AppendLine("2"),)]),
    "three appends to a line without an end": ("a", [(AppendLine("1"),), (AppendLine("2"),), (AppendLine("3"),)]),
    "two edits and an append": (
        "x\na",
        [(ReplaceLine("a", "b"),), (AppendLine("own"),), (ReplacePrefix(2, "b", "c"),)],
    ),
    "a line becomes one that is there already": ("a\nb\n", [(AppendLine("own"),), (ReplaceLine("b", "a"),)]),
    "the same, without an end": ("a\na\nb", [(AppendLine("own"),), (ReplaceLine("b", "a"),)]),
    "a line becomes what another was": ("a\nb\n", [(ReplaceLine("a", "x"),), (ReplaceLine("b", "a"),)]),
    "a line goes there and back while another becomes the first": (
        "c\nb\n",
        [(ReplaceLine("c", "z"),), (ReplaceLine("b", "c"),), (ReplaceLine("c", "d"),)],
    ),
    "the last line becomes empty, without an end": ("a\nb", [(ReplaceLine("b", ""),), (AppendLine("own"),)]),
}


@pytest.mark.parametrize("case", EDITS_OF_ONE_FILE)
def test_edits_of_one_file_come_out_in_every_order(tmp_path: Path, case: str) -> None:
    """Given recommendations whose edits of a file meet, in every order of reverts the file is in the end what it was."""
    original, edits = EDITS_OF_ONE_FILE[case]
    for number, order in enumerate(permutations(range(len(edits)))):
        guest = SmallGuest(tmp_path / str(number), "busybox")
        guest.write("/etc/f", original)
        ran = guest.apply(*((f"r{n}", [EditFile("/etc/f", edit)]) for n, edit in enumerate(edits)))
        assert set(ran.outcomes.values()) == {"done"}, ran.lines
        reverted_in_order(guest, [f"{n + 1:06}-r{n}" for n in order])
        assert guest.read("/etc/f") == original.encode(), order


@pytest.mark.parametrize(
    ("theirs", "left"),
    [
        (b"a\nown\ntheirs\n", b"a\ntheirs\n"),
        (b"a\ntheirs\nown\n", b"a\ntheirs\n"),
        (b"first\na\nown\n", b"first\na"),
        (b"a\nown\ntheirs", b"a\ntheirs"),
        (b"b\nown\n", b"b\n"),
        (b"own\n", b""),
    ],
)
def test_an_end_that_we_gave_is_taken_back_from_that_line_alone(
    dash_guest: SmallGuest, theirs: bytes, left: bytes
) -> None:
    """Given a line that our append gave an end, and what others did to the file since: their lines keep their ends."""
    path = dash_guest.write("/etc/f", b"a")
    dash_guest.apply(("one", [EditFile("/etc/f", (AppendLine("own"),))]))
    path.write_bytes(theirs)
    assert dash_guest.revert("000001-one").said("reverted") == ["000001-one one done as before"]
    assert dash_guest.read("/etc/f") == left


def test_an_end_that_we_did_not_give_stays(dash_guest: SmallGuest) -> None:
    """Given our appended line without the end that it had, the line before it keeps its own."""
    path = dash_guest.write("/etc/f", b"a\n")
    dash_guest.apply(("one", [EditFile("/etc/f", (AppendLine("own"),))]))
    path.write_bytes(b"b\na\nown")
    dash_guest.revert("000001-one")
    assert dash_guest.read("/etc/f") == b"b\na\n"


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_edits_of_several_recommendations_are_reverted_in_any_order(data: st.DataObject) -> None:
    """Given a file that several recommendations edit, and of which some are reverted before others come, in whatever order
    they are reverted the file is in the end what it was, byte for byte."""
    drawn = data.draw(st.lists(LINES, max_size=5))
    original = "\n".join(drawn) + ("\n" if drawn and data.draw(st.booleans()) else "")
    with tempfile.TemporaryDirectory() as folder:
        guest = SmallGuest(Path(folder), "busybox")
        guest.write("/etc/f", original)
        fresh = [0]
        for number in range(data.draw(st.integers(1, 5))):
            done = [name for name, state in sorted(guest.receipts.items()) if state == "done"]
            if done and data.draw(st.booleans()):
                guest.revert(data.draw(st.sampled_from(done)))
                continue
            text = guest.read("/etc/f").decode()
            # Not splitlines(): what has no end of its last line cannot show that this is empty.
            lines = text.removesuffix("\n").split("\n") if text else []
            had = len(lines)
            edits = data.draw(edits_of(lines, fresh))
            ran = guest.apply((f"r{number}", [EditFile("/etc/f", edits)]))
            assert set(ran.outcomes.values()) == {"done"}, ran.lines
            expected = "\n".join(lines) + ("\n" if text.endswith("\n") or len(lines) > had else "")
            assert guest.read("/etc/f") == expected.encode()
        reverted_in_order(guest, data.draw(st.permutations(sorted(guest.receipts))))
        assert guest.read("/etc/f") == original.encode()


@settings(max_examples=examples(18), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_others_edited_meanwhile_is_preserved_or_the_revert_refused(data: st.DataObject) -> None:
    """Given others who add and remove lines of the file, a revert takes out exactly its own lines, or changes nothing."""
    lines = [f"line {number}" for number in range(data.draw(st.integers(1, 4)))]
    original = list(lines)
    with tempfile.TemporaryDirectory() as folder:
        guest = SmallGuest(Path(folder), "busybox")
        path = guest.write("/etc/f", "".join(line + "\n" for line in lines))
        edits = data.draw(edits_of(lines, [0]))
        assert guest.apply(("one", [EditFile("/etc/f", edits)])).outcomes == {"one": "done"}
        theirs = path.read_text().splitlines()
        for number in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(theirs)))
            if at < len(theirs) and data.draw(st.booleans()):
                del theirs[at]
            else:
                theirs.insert(at, data.draw(st.sampled_from([f"their {number}", *original])))
        path.write_text("".join(line + "\n" for line in theirs))
        verdict = guest.revert("000001-one").said("reverted")[0].split(" ")[2]
        now = path.read_text().splitlines()
        if verdict == "refused":
            assert now == theirs
            assert guest.receipts == {"000001-one": "done"}
            return
        assert verdict == "done"
        if theirs == lines:
            assert now == original
        else:
            # Each line of ours, once there, is again what it was; the appended one is out; all others stay in place.
            ours = {new: old for new, old in zip_longest(lines, original) if new != old}
            assert now == [back for back in (ours.get(line, line) for line in theirs) if back is not None]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"new\nmore\n", "/etc/f: changed since it was written (line "),
        (None, "/etc/f: changed since: it was removed"),
    ],
)
def test_a_file_that_somebody_changed_since_is_left_alone(
    dash_guest: SmallGuest, content: bytes | None, sentence: str
) -> None:
    """Given a rewritten file that was changed or removed since, its revert is refused and says which."""
    path = dash_guest.write("/etc/f", "old\n")
    dash_guest.apply(("one", [WriteFile("/etc/f", "new\n", before="old\n"), WriteFile("/etc/g", "g\n")]))
    path.unlink() if content is None else path.write_bytes(content)
    ran = dash_guest.revert("000001-one")
    assert ran.said("reverted")[0].startswith(f"000001-one one refused {sentence}")
    # All or nothing: the other file of the receipt stays, too.
    assert dash_guest.read("/etc/g") == b"g\n"
    assert dash_guest.receipts == {"000001-one": "done"}


def test_a_new_file_that_somebody_edited_or_removed(dash_guest: SmallGuest) -> None:
    """Given a file that we made: edited by another it is refused, removed by another it is as before."""
    dash_guest.apply(("one", [WriteFile("/etc/one", "1\n")]), ("two", [WriteFile("/etc/two", "2\n")]))
    dash_guest.write("/etc/one", "theirs\n")
    (dash_guest.root / "etc/two").unlink()
    ran = dash_guest.revert("000002-two", "000001-one")
    assert ran.said("reverted") == [
        "000002-two two done as before",
        "000001-one one refused /etc/one: changed since it was written",
    ]


def test_a_removed_file_that_somebody_made_anew_is_left_alone(dash_guest: SmallGuest) -> None:
    """Given another's file at the path of one that we removed, theirs stays."""
    dash_guest.write("/etc/f", "old\n")
    dash_guest.apply(("one", [RemoveFile("/etc/f", "old\n")]))
    dash_guest.write("/etc/f", "theirs\n")
    ran = dash_guest.revert("000001-one")
    assert ran.said("reverted") == ["000001-one one refused /etc/f: changed since: somebody made a new one"]
    assert dash_guest.read("/etc/f") == b"theirs\n"


def test_a_mode_that_somebody_changed_since_is_kept(dash_guest: SmallGuest) -> None:
    """Given a chmod by another after ours, the revert takes the content back and leaves the mode."""
    path = dash_guest.write("/etc/f", "a\n")
    dash_guest.apply(("one", [EditFile("/etc/f", (AppendLine("b"),))]))
    path.chmod(0o600)
    dash_guest.revert("000001-one")
    assert dash_guest.snapshot()["etc/f"][0] == "-rw-------"
    assert dash_guest.read("/etc/f") == b"a\n"


@pytest.mark.parametrize(
    ("value", "rebooted", "verdict", "left"),
    [
        ("noop", False, "done", b"cfq\n"),
        ("cfq", False, "done", b"cfq\n"),
        ("bfq", False, "refused", b"bfq\n"),
        ("bfq", True, "done", b"bfq\n"),
        ("noop", True, "done", b"cfq\n"),
        (None, False, "done", None),
    ],
)
def test_a_kernel_value_is_put_back_where_it_is_still_ours(
    dash_guest: SmallGuest, value: str | None, rebooted: bool, verdict: str, left: bytes | None
) -> None:
    """Given our value, the old one is written; another's is refused, but after a reboot it is the kernel's own; a device
    that is gone has nothing to put back."""
    path = dash_guest.write(QUEUE, "cfq\n")
    dash_guest.apply(("one", [WriteKernel(QUEUE, "cfq", "noop")]))
    path.unlink() if value is None else path.write_text(value + "\n")
    if rebooted:
        meta = dash_guest.root / STATE / "receipts/000001-one/meta"
        meta.write_text(meta.read_text().rpartition("boot=")[0] + "boot=another\n")
    ran = dash_guest.revert("000001-one")
    assert ran.said("reverted")[0].split(" ")[2] == verdict
    assert (path.read_bytes() if path.exists() else None) == left
    if verdict == "refused":
        assert ran.said("reverted")[0].endswith(f"{QUEUE}: changed since: expected noop, found bfq")


def test_a_revert_that_fails_is_tried_again_by_the_next_run(small_guest: SmallGuest) -> None:
    """Given an undo command that fails, the revert says so and the next run finishes it."""
    before = small_guest.write("/etc/f", "a\n").read_bytes()
    stubborn = Run("be stubborn", do="true", undo='test -e "$ROOT/now"', proof="true")
    small_guest.apply(("one", [EditFile("/etc/f", (AppendLine("b"),)), stubborn]))
    ran = small_guest.revert("000001-one")
    assert ran.said("reverted")[0].startswith("000001-one one failed be stubborn: undoing it ended with status 1")
    small_guest.write("/now", "")
    assert small_guest.apply().said("recovered") == ["000001-one undone its revert had been cut off and was finished"]
    assert small_guest.receipts == {"000001-one": "reverted"}
    assert small_guest.read("/etc/f") == before


def test_a_reverted_receipt_keeps_no_backup(dash_guest: SmallGuest) -> None:
    """Given a revert, its record says what and where, and holds no content; reverting it again is done already."""
    dash_guest.write("/etc/f", "password\n")
    dash_guest.apply(("one", [EditFile("/etc/f", (AppendLine("more"),)), Run("x", "echo password", "true", "true")]))
    dash_guest.revert("000001-one")
    kept = {
        str(path.relative_to(dash_guest.root / STATE / "receipts/000001-one"))
        for path in (dash_guest.root / STATE / "receipts/000001-one").rglob("*")
        if path.is_file()
    }
    assert {"state", "meta", "001/kind", "001/path"} <= kept
    texts = [path.read_text() for path in (dash_guest.root / STATE / "receipts").rglob("*") if path.is_file()]
    assert "password" not in "".join(texts)
    assert dash_guest.revert("000001-one").said("reverted") == ["000001-one one done it was reverted before"]


def test_a_receipt_that_is_not_there_is_said_to_be_none(small_guest: SmallGuest) -> None:
    """Given a name that is no receipt of this guest, that is said."""
    ran = small_guest.revert("000007-other")
    assert ran.said("reverted") == ["000007-other other refused there is no such receipt on this guest"]


def test_receipts_are_numbered_on(small_guest: SmallGuest) -> None:
    """Given eight receipts, the ninth and tenth follow: leading zeros make nothing octal."""
    for number in range(6, 9):
        folder = small_guest.root / STATE / f"receipts/{number:06}-x"
        folder.mkdir(parents=True)
        (folder / "state").write_text("reverted\n")
    (small_guest.root / STATE).chmod(0o700)
    small_guest.apply(("y", [WriteFile("/etc/1", "")]), ("z", [WriteFile("/etc/2", "")]))
    assert sorted(small_guest.receipts)[-2:] == ["000009-y", "000010-z"]
