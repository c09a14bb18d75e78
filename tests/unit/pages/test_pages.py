# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The generated pages of docs: what they are made from, and that nothing is promised that the code does not do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.profiles import PROFILES, Profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS, ROLES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import NO_SEED
from ansible_collections.vmguest.linux.tests.pages import (
    coverage,
    profiles,
    proofs,
    readme,
    recommendation,
    run,
    sentences,
)
from ansible_collections.vmguest.linux.tests.pages.sources import TOP, effective, mode, readmes
from ansible_collections.vmguest.linux.tests.pages.sources import profiles as shipped

# ---- what a role's README must have ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_readme_says_what_its_pages_need(role: str) -> None:
    remedies = any(sentences.has_remedy(entry.assess) for entry in ROLES[role])
    assert readme.missing(readmes()[role], remedies) == []
    assert run.rule_tests().get(role), f"no file of tests/unit/recommendations imports the rules of {role}"


README = """# `vmguest.linux.example`

| recommendation | what is right |
|---|---|
| `one` | a |
| `two` | b `x` |

| variable | default | meaning |
|---|---|---|
| `example_mode` | the profile's | anything |

**What it checks.** Runtime: `/proc/x`.
More of it.

**What it changes,** only with `example_mode`:
1. a file

**Idempotence:** yes. **Rollback:** by
hand. **Atomicity:** one step.

## Something else

Not a section.
"""


def test_a_readme_is_cut_into_sections() -> None:
    found = readme.parse("example", README)
    assert found.say(readme.CHECKED) == "**What it checks.** Runtime: `/proc/x`.\nMore of it."
    assert found.say(readme.CHANGED) == "**What it changes,** only with `example_mode`:\n1. a file"
    assert found.say(readme.UNDONE) == "**Rollback:** by\nhand."
    assert found.say(readme.RISK) == ""
    assert found.rows == {"one": {"what is right": "a"}, "two": {"what is right": "b `x`"}}


SEVERAL = """
| recommendation | what is right |
|---|---|
| `one` | a |
| `two` | b |
| `three` | c |

**What it checks.** All of them read `/proc/x`.

- `one`: the first file
  and more of it
- `two`, `three`: the other file
- an item for all

| recommendation | compliant where |
|---|---|
| `one` | a |
| `two` | b |

The end.
"""


def test_a_page_has_of_a_section_what_is_said_of_its_recommendation() -> None:
    found = readme.parse("example", SEVERAL)
    assert found.say(readme.CHECKED, "one") == (
        "**What it checks.** All of them read `/proc/x`.\n\n- The first file\n  and more of it\n- an item for all\n\n"
        "| recommendation | compliant where |\n|---|---|\n| `one` | a |\n\nThe end."
    )
    three = found.say(readme.CHECKED, "three")
    assert "- The other file\n- an item" in three
    assert "first" not in three
    assert "| `two`" not in three


OF_EACH = """
**What it changes.** Each a file.

- `one`: the first:

      x: 1

  - part of the first

- `two`: the second,
  in two lines

For both.

**Not for.**

- `one`: guests
"""


def test_what_is_left_of_a_list_is_a_paragraph_and_nothing_is_no_section() -> None:
    found = readme.parse("example", OF_EACH, ("one", "two"))
    assert (
        found.say(readme.CHANGED, "two")
        == "**What it changes.** Each a file.\n\nThe second,\nin two lines\n\nFor both."
    )
    assert found.say(readme.CHANGED, "one") == (
        "**What it changes.** Each a file.\n\n- The first:\n\n      x: 1\n\n  - part of the first\n\nFor both."
    )
    assert found.say(readme.NOT_FOR, "one") == "**Not for.** Guests"
    assert found.say(readme.NOT_FOR, "two") == ""


@pytest.mark.parametrize("name", sorted(RECOMMENDATIONS))
def test_a_page_says_what_is_checked_for_it(name: str) -> None:
    """Where a README says it of each recommendation by itself, it forgets none."""
    said = readmes()[RECOMMENDATIONS[name].role].say(readme.CHECKED, name)
    assert re.sub(r"\*\*[^*]+\*\*|\W", "", said)


def test_what_a_readme_lacks_is_said() -> None:
    (problem,) = readme.missing(readme.parse("example", README.replace("What it checks", "Looks at")), remedies=True)
    assert problem.startswith("roles/example/README.md has no section **What it checks.**")
    nothing = readme.parse("example", "# x\n")
    assert len(readme.missing(nothing, remedies=True)) == 3
    assert len(readme.missing(nothing, remedies=False)) == 2


def test_a_section_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="section 'Risk' twice"):
        readme.parse("example", "**Risk.** a\n\n**Risk.** b\n")


# ---- sentences that a rule can say -----------------------------------------------------------------------------------

# Functions of a module of the collection, as `sentences` follows them.
PREFIX = sentences._OURS
LIMITS = ("ten", "twenty")


def _obstacle(owner: str) -> str | None:
    if owner == "x":
        return f"{owner} would win over our file: change that"
    return None


def _inner(found: str) -> Verdict:
    return not_applicable(f"it has none of {', '.join(LIMITS)} things, {found}")


def _rule(evidence: dict[str, str], options: dict[str, str]) -> Verdict:
    if not evidence:
        return unknown("nothing could be read at all")
    if evidence["a"] == "b":
        return _inner(evidence["a"])
    obstacle = _obstacle(evidence["a"])
    if obstacle:
        return manual(f"{evidence['a']}: {obstacle}")
    return compliant("all is well now" if options["x"] else f"as {options['example_x']} says it")


def _remedy(evidence: dict[str, str], options: dict[str, str]) -> Verdict:
    state = noncompliant if evidence else compliant
    return state("x")


@pytest.fixture
def _as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "_OURS", __name__)


@pytest.mark.usefixtures("_as_ours")
def test_sentences_of_a_rule_are_read_from_its_code() -> None:
    for rule in (_rule, partial(_rule, options={})):
        assert {verdict: said for verdict, said in sentences.sentences(rule).items() if said} == {
            "unknown": ("nothing could be read at all",),
            "not_applicable": ("it has none of ten, twenty things, …",),
            "manual": ("…: … would win over our file: change that",),
            "compliant": ("all is well now", "as `example_x` says it"),
        }


NO_THINGS = "there are no things here"


@dataclass(frozen=True)
class Thing:
    """What :func:`_thing` finds."""

    name: str
    problem: str | None = None


def _thing(name: str) -> Thing:
    if name == "x":
        return Thing(name, problem=f"{name} is not understood here")
    return Thing(name)


def _both(name: str) -> tuple[list[str], str | None]:
    return [name], "do the second thing by hand"


def _ending(name: str) -> str:
    return f"; {name} is stale as well" if name else ""


def _given(reason: str) -> Verdict:
    return not_applicable(reason)


def _followed(evidence: dict[str, str], options: dict[str, str]) -> Verdict:
    name = evidence["name"]
    if not name:
        return _given(NO_THINGS)
    if READ_ELSEWHERE:
        return unknown(UNREAD)
    thing = _thing(name)
    if thing.problem:
        return unknown(thing.problem)
    things = [_thing(part) for part in name]
    riddle = next((problem for each in things if (problem := each.problem)), None)
    if riddle:
        return unknown(f"{thing.name}: {riddle}")
    steps, obstacle = _both(name)
    reason = f"{name} is on now" if steps else f"{name} is on at the next boot"
    if obstacle:
        return manual(f"{reason}; {obstacle}{_ending(name)}")
    found = []
    found += [f"{step} must go first" for step in steps]
    found.append("the rest goes by itself")
    return manual("; ".join(found))


READ_ELSEWHERE, UNREAD = sentences.UNKNOWN_PART, f"the file {Path('x')} cannot be read"


@pytest.mark.usefixtures("_as_ours")
def test_a_reason_is_followed_to_where_it_is_written() -> None:
    """Constants, parameters, what functions return and what objects are made with; an ending that may be missing is left out."""
    assert {verdict: said for verdict, said in sentences.sentences(_followed).items() if said} == {
        "not_applicable": ("there are no things here",),
        "unknown": ("the file x cannot be read", "… is not understood here", "…: … is not understood here"),
        "manual": ("… must go first", "the rest goes by itself", "…; do the second thing by hand"),
    }


def _riddle(evidence: dict[str, str], options: dict[str, str]) -> Verdict:
    return unknown(evidence["why"])


@pytest.mark.usefixtures("_as_ours")
def test_a_verdict_whose_reason_cannot_be_read_is_no_page() -> None:
    with pytest.raises(ValueError, match=r"_riddle: no sentence is found for unknown\(evidence\['why'\]\)"):
        sentences.sentences(_riddle)


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("tools_current", "not_applicable", "there are no VMware Tools: see tools_present"),
        ("quiesce_scripts", "unknown", "/etc/vmware-tools/tools.conf cannot be read"),
        ("cron_scatter", "unknown", NO_SEED),
        ("clone_initramfs_generic", "unknown", "…, the image of kernel … (…), was not found"),
        ("clone_nic_binding", "unknown", "/sys/class/net/…/address cannot be read"),
        ("swappiness", "manual", "…; … sets … after … would: change or remove that line"),
    ],
)
def test_a_page_has_the_reasons_of_its_rule(name: str, verdict: str, reason: str) -> None:
    assert reason in sentences.sentences(RECOMMENDATIONS[name].assess)[verdict]


def test_an_ending_of_a_reason_is_no_reason() -> None:
    said = sentences.sentences(RECOMMENDATIONS["io_scheduler"].assess)["manual"]
    assert said
    assert not [reason for reason in said if reason.startswith("Stale parameter")]


@pytest.mark.usefixtures("_as_ours")
def test_a_remedy_is_seen_where_the_verdict_is_chosen_first() -> None:
    assert sentences.has_remedy(_remedy)
    assert not sentences.has_remedy(_rule)


@pytest.mark.parametrize("name", sorted(RECOMMENDATIONS))
def test_what_guest_trees_show_is_on_the_page(name: str) -> None:
    """A verdict of some case has a sentence on the page, and a remedy that worked is one that the page tells of."""
    cases = proofs.tree_cases()[name]
    said = sentences.sentences(RECOMMENDATIONS[name].assess)
    if cases.statuses.get("manual"):
        assert said["manual"]
    if cases.remedied:
        assert sentences.has_remedy(RECOMMENDATIONS[name].assess)


@pytest.mark.parametrize("name", sorted(RECOMMENDATIONS))
def test_what_is_left_to_a_person_says_why(name: str) -> None:
    """In one sentence, where the rule has no remedy, and there alone; on its page and in docs/coverage.md."""
    entry = RECOMMENDATIONS[name]
    if sentences.has_remedy(entry.assess):
        assert not entry.no_remedy
    else:
        assert re.fullmatch(r"[A-Za-z].*\.", entry.no_remedy)
        page = recommendation.page(entry, readmes()[entry.role], recommendation.Proofs())
        assert f"**Why it has no remedy.** {entry.no_remedy}" in page
        assert f"(recommendations/{name}.md): {entry.no_remedy}" in run.pages()["coverage.md"]


# ---- tests that stand for a recommendation ---------------------------------------------------------------------------


def test_tests_are_counted_by_what_they_say(tmp_path: Path) -> None:
    file = tmp_path / "test_x.py"
    file.write_text(
        "import pytest\n"
        "@pytest.mark.proves('swap_size', 'swappiness')\n"
        "def test_one(host): pass\n"
        "@pytest.mark.claim('disks', 'a title')\n"
        "def test_two(vm):\n"
        "    assert vm.status_of('swap_size') == 'compliant'\n"
        "    vm.status_of('overcommit_policy')\n"
        "def helper(vm):\n"
        "    assert vm.status_of('swappiness') == 'compliant'\n"
    )
    assert proofs.container_tests([file]) == {name: ["test_x.py::test_one"] for name in ("swap_size", "swappiness")}
    assert proofs.vm_tests([file]) == {
        "swap_size": ["test_x.py::test_one", "test_x.py::test_two"],
        "swappiness": ["test_x.py::test_one"],
        "io_scheduler": ["test_x.py::test_two"],
    }


def test_every_test_names_a_recommendation_that_exists() -> None:
    files = [*(TOP / "molecule").glob("*/tests/*/test_*.py"), *(TOP / "tests/vm").glob("test_*.py")]
    assert set(proofs.container_tests(files)) | set(proofs.vm_tests(files)) <= set(RECOMMENDATIONS)


# ---- profiles --------------------------------------------------------------------------------------------------------

#: What the catalogue (its appendix of profiles) wants of each, beyond what every guest gets: enforced where it has a remedy
#: that a profile may use, never off. What is not written yet is not asked for.
WANTED = {
    "io_intensive": "scsi_queue_depth pvscsi_ring_pages io_scheduler vmxnet3_rings pvscsi_initrd disk_controller_spread "
    "scsi_blk_mq",
    "latency_sensitive": "transparent_hugepages vmxnet3_lro vmxnet3_coalescing ptp_precision_clock guest_power_mgmt",
    "network_forwarder": "vmxnet3_lro vmxnet3_rings rss_multiqueue vmxnet3_overlay_offload irqbalance",
    "database": "swappiness large_pages transparent_hugepages dirty_writeback quiesce_scripts",
    "density": "cron_scatter timer_scatter swap_size no_idle_x_server page_sharing",
    "legacy": "kernel_no_4g4g kernel_no_vmi tools_kmods_after_kernel_update timer_interrupt_rate timekeeping_cmdline "
    "clone_persistent_net_rules partition_alignment",
    "template": "clone_persistent_net_rules clone_nic_binding clone_machine_id clone_ssh_host_keys clone_dhcp_identity "
    "clone_random_seed clone_initramfs_generic clone_block_identity guest_customization_ready clone_residual_state "
    "pvscsi_initrd appliance_jeos appliance_kernel_trim ovf_environment",
}
#: What baseline may enforce, and nothing else.
BASELINE = (
    "tools_present tools_service_running balloon_driver scsi_disk_timeout nvme_io_timeout io_scheduler tcp_congestion_control "
    "swappiness time_sync_source ntp_vm_settings vmxnet3_lro hotadd_online"
)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_profile_has_what_the_catalogue_wants_of_it(name: str) -> None:
    missing = [
        wanted
        for wanted in WANTED[name].split()
        if wanted in RECOMMENDATIONS and mode(PROFILES[name], RECOMMENDATIONS[wanted]) == "off"
    ]
    assert missing == [], f"profile {name} leaves them off: name them in plugins/plugin_utils/profiles/{name}.yml"


def test_baseline_enforces_what_the_catalogue_says_and_nothing_else() -> None:
    baseline = PROFILES["baseline"]
    assert {name for name, entry in RECOMMENDATIONS.items() if effective(baseline, entry) == "enforce"} == set(
        BASELINE.split()
    )


def test_every_profile_says_why() -> None:
    assert profiles.lacking(PROFILES) == []


def test_what_ansible_doc_says_of_profiles_is_what_they_are() -> None:
    text = run.SPECS.read_text(encoding="utf-8")
    assert profiles.specs(text, shipped()) == text, "run `make docs-pages`"
    said = yaml.safe_load(text)["argument_specs"]["main"]["options"]["vmguest_profile"]["description"]
    assert len(said) == len(PROFILES) + 2
    for name, profile in PROFILES.items():
        (paragraph,) = (part for part in said if part.startswith(f"C({name}): "))
        assert profile.description.strip() in paragraph
        base = PROFILES.get(profile.extends or "", Profile("", "", None, {}, {}))
        for entry in RECOMMENDATIONS.values():
            if name != "everything" and "enforce" == effective(profile, entry) != effective(base, entry):
                assert f"C({entry.id}): {profile.why[entry.id]}" in paragraph
    with pytest.raises(ValueError, match="lacks the line"):
        profiles.specs("argument_specs: {}\n", shipped())


def test_a_profile_shows_what_is_other_than_in_the_one_that_it_extends() -> None:
    given = {
        "base": Profile("base", "", None, {}, {}),
        "own": Profile(
            "own",
            "",
            None,
            {"vmxnet3_lro": "enforce", "vmxnet3_rings": "enforce"},
            {"vmxnet3_lro": "off"},
            "base",
            {"vmxnet3_lro": "because", "vmxnet3_rings": "why"},
        ),
    }
    page = profiles.page(given)
    assert (
        "| recommendation | here | in `base` | why |\n|---|---|---|---|\n"
        "| [`vmxnet3_rings`](recommendations/vmxnet3_rings.md) | enforced | audited | why |\n\n"
        "| option | value | why |\n|---|---|---|\n| `vmxnet3_lro` | `off` | because |\n\n"
    ) in page
    assert max(map(len, page.splitlines())) < 500


def test_what_a_profile_does_not_explain_is_named() -> None:
    given = {
        "base": Profile("base", "", "audit", {"swap_size": "audit"}, {}, None, {"swap_size": "because"}),
        "silent": Profile(
            "silent", "", None, {"swap_size": "enforce"}, {"swap_size_fraction": 1}, "base", {"gone": "x"}
        ),
        "same": Profile("same", "", None, {"swap_size": "audit"}, {}, "base"),
    }
    assert [problem.split(":")[0] for problem in profiles.lacking(given)] == [
        "profiles/silent.yml names swap_size and does not say why",
        "profiles/silent.yml names swap_size_fraction and does not say why",
        "profiles/silent.yml says why gone, and names no such recommendation or option",
    ]


def test_a_profile_that_names_nothing_says_why_it_enforces_what_it_does() -> None:
    """As baseline does, which leaves it to each recommendation."""
    silent = Profile("own", "", None, {}, {}, None, {"swappiness": "because", "swap_size": "it is only audited"})
    problems = profiles.lacking({"own": silent})
    assert "profiles/own.yml names io_scheduler and does not say why: add a sentence to its `why`" in problems
    assert not [problem for problem in problems if "swappiness" in problem]
    assert [problem for problem in problems if "says why swap_size, and names no such" in problem]


def test_the_example_of_a_users_own_profile_works() -> None:
    found = resolve_policy(yaml.safe_load(profiles.EXAMPLE), date(2026, 11, 24))
    assert (found.profile, found.mode("swap_size"), found.mode("vmxnet3_rings")) == (
        "our_databases",
        "enforce",
        "audit",
    )
    assert (found.options["large_pages_count"], found.options["swappiness_highest"]) == (4200, 1)


# ---- coverage --------------------------------------------------------------------------------------------------------


def test_what_has_no_audit_is_shown_as_missing() -> None:
    catalogue = [
        coverage.Entry("A1", "not_there", "Not there"),
        coverage.Entry("E1", "swap_size", "Swap"),
        coverage.Entry("C10", "old_name", "Old", "swap_size"),
    ]
    cases = proofs.Cases({"compliant": 3, "not_persistent": 2}, remedied=2, conflicts=1)
    page = coverage.page(catalogue, coverage.Standing({"swap_size": cases}, {"swap_size": ["a"]}, {}))
    assert "| A1 | `not_there` | **missing** |" in page
    assert "- A1 `not_there`: Not there" in page
    row = "[`swap_size`](recommendations/swap_size.md) | yes | 2 | 2 | 3 | 2 |  |  |  | 1 | 1 |  |"
    assert f"| E1 | {row}" in page
    assert f"| C10 | `old_name`: see {row}" in page


def test_the_catalogue_is_whole() -> None:
    entries = run.catalogue()
    numbers = [entry.number for entry in entries]
    last = {"A": 8, "B": 12, "C": 10, "D": 7, "E": 6, "F": 5, "G": 2, "H": 10, "I": 4, "J": 2, "X": 30}
    assert set(numbers) == {f"{letter}{number + 1}" for letter, count in last.items() for number in range(count)}
    assert len({entry.id for entry in entries}) == len(entries)


# ---- pages -----------------------------------------------------------------------------------------------------------


def test_a_page_answers_every_question() -> None:
    entry = RECOMMENDATIONS["scsi_disk_timeout"]
    page = recommendation.page(
        entry, readmes()[entry.role], recommendation.Proofs(("test_x.py",), ("a::b",), ("c::d",))
    )
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Why",
        "## When it does not apply",
        "## Risk",
        "## What is checked",
        "## What is changed",
        "## How to undo it",
        "## How it is proved",
        "## Sources",
    ]
    for part in (
        entry.title,
        entry.talk,
        entry.risk,
        "`disk_timeout_seconds` | `180`",
        "`test_x.py`",
        "`a::b`",
        "`c::d`",
    ):
        assert part in page


def test_a_page_has_the_parts_of_an_option_with_an_example() -> None:
    page = run.pages()["recommendations/jumbo_frames.md"]
    assert "| `jumbo_frames_networks[].mtu` | must be given | The size of frames" in page
    assert "| `jumbo_frames_networks[].peer` | none | Who must answer" in page
    assert "For example:\n\n    jumbo_frames_networks:\n      - network: 10.20.0.0/24" in page
    assert "For example:" not in run.pages()["recommendations/vmxnet3_lro.md"]


def test_an_option_that_is_empty_or_a_range_is_shown_so() -> None:
    page = run.pages()["recommendations/cron_scatter.md"]
    assert "| `cron_scatter_window_start` | none |" in page
    assert "(`0` to `23`) |" in page
    assert "| `guest_os_kernel` | none |" in run.pages()["recommendations/guest_os_current.md"]


REBOOT = "ansible-playbook vmguest.linux.reboot -i inventory --limit GUEST -e vmguest_reboot=always"


@pytest.mark.parametrize(
    ("name", "row", "undone_by_reboot"),
    [
        ("numa_visibility", "yes: ", True),
        ("nvme_io_timeout", "only with `disk_timeout_boot_argument`", True),
        ("kdump_ready", "only where no memory is set aside yet", False),
        ("swappiness", "no |", False),
    ],
)
def test_a_page_says_when_a_reboot_is_needed(name: str, row: str, undone_by_reboot: bool) -> None:
    page = run.pages()[f"recommendations/{name}.md"]
    assert f"| needs a reboot | {row}" in page
    assert (REBOOT in page) == undone_by_reboot


@pytest.mark.parametrize("name", [name for name, entry in RECOMMENDATIONS.items() if entry.reboot])
def test_what_takes_effect_at_the_next_boot_is_undone_there(name: str) -> None:
    assert "next boot" in readmes()[RECOMMENDATIONS[name].role].say(readme.UNDONE, name)
    assert REBOOT in run.pages()[f"recommendations/{name}.md"]


@pytest.mark.parametrize("name", sorted(RECOMMENDATIONS))
def test_a_page_tells_its_risk_once(name: str) -> None:
    page = run.pages()[f"recommendations/{name}.md"]
    assert "**Risk" not in page
    assert "\n## Risk\n" in page


def test_a_page_has_the_word_of_its_area() -> None:
    assert "`@storage` in `vmguest_only`" in run.pages()["recommendations/nvme_io_timeout.md"]


@pytest.mark.parametrize("name", sorted(run.pages()))
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    """Files that are made, files of the tree, and headings of files of the tree."""
    made = run.pages()
    here = (TOP / "docs" / name).parent
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)", made[name]):
        path = (here / target).resolve()
        below = str(path.relative_to(TOP / "docs")) if path.is_relative_to(TOP / "docs") else ""
        assert below in made or path.exists(), target
        if anchor:
            text = made[below] if below in made else path.read_text(encoding="utf-8")
            headings = {
                re.sub(r"[^a-z0-9 _-]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()
            }
            assert anchor[1:] in headings, anchor


def test_stale_pages_are_named_written_and_removed(tmp_path: Path) -> None:
    made = {"recommendations/a.md": "a\n", "coverage.md": "c\n"}
    assert run.stale(made, tmp_path) == ["coverage.md", "recommendations/a.md"]
    run.write(made, tmp_path)
    assert run.stale(made, tmp_path) == []
    (tmp_path / "coverage.md").write_text("other")
    (tmp_path / "recommendations/gone.md").write_text("x")
    assert run.stale(made, tmp_path) == ["coverage.md", "recommendations/gone.md"]
    run.write(made, tmp_path)
    assert not (tmp_path / "recommendations/gone.md").exists()
    assert run.stale(made, tmp_path) == []


def test_the_gate_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = tmp_path / "specs.yml"
    specs.write_text(run.SPECS.read_text(encoding="utf-8").replace("Enforced: ", "Wrong: "))
    monkeypatch.setattr(run, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(run, "SPECS", specs)
    monkeypatch.setattr(run, "TOP", tmp_path)
    assert run.main(["--check"]) == 1
    assert "Run `make docs-pages` and commit" in capsys.readouterr().err
    assert run.main([]) == 0
    assert run.main(["--check"]) == 0
    specs.write_text(specs.read_text().replace("Enforced: ", "Wrong: "))
    assert run.main(["--check"]) == 1
    assert "stale: specs.yml" in capsys.readouterr().err
