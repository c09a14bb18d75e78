# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that is sent for a plan: every byte arrives, what cannot be said is refused, and a cut program does nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import (
    APPLY,
    BUSY,
    apply_payload,
    render_plan,
    revert_payload,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import PROBE
from ansible_collections.vmguest.linux.tests.unit.examples import examples
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import NOW, SHELLS, SmallGuest, argv

NONCE = "0123456789abcdef0123456789abcdef"
FUNCTION = re.compile(r"^([a-z_]+)\(\)", re.MULTILINE)


def plan_of(*steps: Step, recommendation: str = "some_thing") -> str:
    return render_plan([Transaction(recommendation, steps)])


def test_a_plan_is_a_function_of_calls() -> None:
    """Given a transaction, its steps are a function of their own, called by its name."""
    assert plan_of(WriteKernel("/sys/a", "b c", "d")) == (
        'plan() {\ntransaction some_thing steps_1\n}\nsteps_1() {\nwrite_kernel \\\n/sys/a \\\n"b c" \\\nd\n}\n'
    )


def test_an_empty_plan_is_a_function_all_the_same() -> None:
    """Given nothing to do, the plan does nothing."""
    assert render_plan([]) == "plan() {\n:\n}\n"


def test_the_edits_of_a_file_are_one_call() -> None:
    """Given edits of each kind, each is an operation and two words."""
    edits = (ReplaceLine("a", "b"), ReplacePrefix(3, "17 *", "18 *"), AppendLine("x"))
    words = plan_of(EditFile("/f", edits)).split("steps_1() {\n")[1].replace(" \\\n", "|")
    assert words == 'edit_file|/f|replace|a|b|replace_prefix|"3:17 *"|"18 *"|append|x|""\n}\n'


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (WriteFile("etc/x", ""), "absolute"),
        (WriteFile("/etc/a\nb", ""), "control characters"),
        (WriteFile("/etc/x", "\0"), "NUL"),
        (WriteFile("/etc/x", "", mode="rw"), "mode"),
        (EditFile("/etc/x", (AppendLine("two\nlines"),)), "newline"),
        (EditFile("/etc/x", ()), "without edits"),
        (EditFile("/etc/x", (ReplacePrefix(0, "a", "b"),)), "counted from 1"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_any_guest_is_touched(step: Step, sentence: str) -> None:
    """Given a step that no shell, or no guest, could take, there is no program."""
    with pytest.raises(ValueError, match=sentence):
        plan_of(step)


@pytest.mark.parametrize("recommendation", ["", "Upper", "a b", "a-b", "$(reboot)", "a" * 65])
def test_a_recommendation_is_letters_digits_and_underscores(recommendation: str) -> None:
    """Given an id that is none, there is no program: it becomes a file's name on the guest."""
    with pytest.raises(ValueError, match="recommendation's id"):
        plan_of(recommendation=recommendation)


@pytest.mark.parametrize("receipt", ["", "1-a", "000001", "../000001-a", "000001-a b"])
def test_a_receipt_is_named_by_number_and_recommendation(receipt: str) -> None:
    """Given something else, there is no program: it is part of a path on the guest."""
    with pytest.raises(ValueError, match="name of a receipt"):
        revert_payload(NONCE, "r", NOW, [receipt])


def test_the_two_programs_do_not_share_a_name() -> None:
    """Given both scripts in one program, and who is busy before them, none redefines a function of another."""
    apply_names, probe_names = FUNCTION.findall(BUSY + APPLY), FUNCTION.findall(PROBE)
    assert len(apply_names) == len(set(apply_names)) > 50
    assert not set(apply_names) & (set(probe_names) | {"reads", "plan", "main"})


def test_the_program_is_small() -> None:
    """Given the scripts alone, they leave room for a plan below the 128 KiB that one argument may have."""
    assert len(apply_payload(NONCE, "r", NOW, [], reads=[files("/etc/x")])) < 64 * 1024
    # A single quote becomes four characters or more in an argument that is itself quoted.
    assert (BUSY + APPLY).count("'") == 0


def test_the_same_program_twice_has_the_same_identity_and_another_has_not() -> None:
    """Given an ssh retry, the guest can tell it from another plan, and from the same plan sent again."""
    plan = [Transaction("a", (WriteKernel("/sys/a", "b", "c"),))]
    identity = re.compile(r"^PAYLOAD=(.*)$", re.MULTILINE)
    programs = [
        apply_payload(NONCE, "r", NOW, plan),
        apply_payload(NONCE, "r", NOW, plan),
        apply_payload("f" * 32, "r", NOW, plan),
        apply_payload(NONCE, "r", NOW, []),
    ]
    first, again, other_nonce, other_plan = (identity.search(program)[1] for program in programs)  # type: ignore[index]
    assert first == again
    assert len({first, other_nonce, other_plan}) == 3


@given(text=st.text(st.characters(blacklist_characters="\0", max_codepoint=0x17F), max_size=60))
@settings(max_examples=examples(40), deadline=None)
def test_every_word_reaches_the_guest_as_it_was(text: str) -> None:
    """Given any text, each shell reads it from the program byte for byte."""
    script = (
        plan_of(Run(text, "", "", "")) + 'transaction() { steps_1; }\nrun() { printf "%s" "$1"; }\nplan </dev/null\n'
    )
    for shell in SHELLS:
        done = subprocess.run(argv(shell), input=script.encode(), capture_output=True, check=True, env={"LC_ALL": "C"})
        assert done.stdout == text.encode(), shell


@pytest.mark.parametrize(
    "text", [bytes(range(1, 256)).decode("latin-1"), "a'b\"c`d$e\\f!g\\\n", "\udcff\udc80 no UTF-8"]
)
def test_odd_bytes_reach_a_file(small_guest: SmallGuest, text: str) -> None:
    """Given content of any bytes but NUL, the file holds it."""
    assert small_guest.apply(("odd", [WriteFile("/etc/odd", text)])).outcomes == {"odd": "done"}
    assert small_guest.read("/etc/odd") == text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99, 0.9995])
def test_a_cut_program_does_nothing(small_guest: SmallGuest, part: float) -> None:
    """Given a program that did not arrive as a whole, nothing is done and nothing is said."""
    payload = small_guest.payload(("one", [WriteFile("/etc/x", "y\n" * 500)]))
    cut = payload[: min(int(len(payload) * part), len(payload) - len("main </dev/null\n"))]
    done = subprocess.run(argv(small_guest.shell), input=cut.encode(), capture_output=True, check=False)
    assert done.stdout == b""
    assert small_guest.snapshot() == {}


def test_apply_and_probe_are_one_program(small_guest: SmallGuest) -> None:
    """Given reads, the probe runs after the plan and sees what it did."""
    small_guest.write("/etc/x", "old\n")
    program = apply_payload(
        NONCE,
        "r",
        NOW,
        [Transaction("one", (WriteFile("/etc/x", "new\n", before="old\n"),))],
        reads=[files("/etc/x")],
        root=str(small_guest.root),
        extra=small_guest.extra,
    )
    ran = small_guest.execute(program)
    words = [line.split(" ")[0] for line in ran.lines]
    assert words.index("end") < words.index("file")
    assert ran.lines[-1] == "end"
    assert "/etc/x:new" in ran.detail


def test_the_scripts_are_posix(tmp_path: Path) -> None:
    """Given the whole program, the four shells parse it."""
    program = tmp_path / "program"
    program.write_text(apply_payload(NONCE, "r", NOW, [], reads=[files("/etc/x")]))
    for shell in SHELLS:
        subprocess.run([*argv(shell)[:-1], "-n", str(program)], check=True, capture_output=True)
