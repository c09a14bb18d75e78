# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the pages of docs/ that are made from code, roles, profiles and tests, and what `ansible-doc` says of profiles; `--check`
only says what is stale.

usage: python -m ansible_collections.vmguest.linux.tests.pages.run [--check]
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS, ROLES
from ansible_collections.vmguest.linux.tests.pages import coverage, profiles, proofs, recommendation
from ansible_collections.vmguest.linux.tests.pages.readme import missing
from ansible_collections.vmguest.linux.tests.pages.sentences import has_remedy
from ansible_collections.vmguest.linux.tests.pages.sources import TOP, readmes
from ansible_collections.vmguest.linux.tests.pages.sources import profiles as shipped

DOCS = TOP / "docs"
SPECS = TOP / "roles/baseline/meta/argument_specs.yml"


def problems() -> list[str]:
    """What keeps the pages from being made, a sentence each."""
    found = readmes()
    return [
        problem
        for role, entries in ROLES.items()
        for problem in missing(found[role], any(has_remedy(entry.assess) for entry in entries))
    ] + profiles.lacking(shipped())


def rule_tests() -> dict[str, list[str]]:
    """Role to the files of unit tests that import its rules."""
    return proofs.rule_tests(sorted((TOP / "tests/unit/recommendations").glob("test_*.py")))


def catalogue() -> list[coverage.Entry]:
    """The catalogue's entries, in its order."""
    raw = yaml.safe_load((TOP / "tests/pages/catalogue.yml").read_text(encoding="utf-8"))
    return [coverage.Entry(**entry) for entry in raw]


@cache
def pages() -> dict[str, str]:
    """Every page that is made, by its path below docs."""
    readme_of = readmes()
    rules = rule_tests()
    containers = proofs.container_tests(sorted((TOP / "molecule/default/tests").glob("*/test_*.py")))
    machines = proofs.vm_tests(
        [*sorted((TOP / "tests/vm").glob("test_*.py")), *sorted((TOP / "molecule/vm/tests").glob("*/test_*.py"))]
    )
    # A claim whose scenarios are new has no part of the page until `make proof` is run.
    proof = (DOCS / "proof.md").read_text(encoding="utf-8")
    measured = frozenset(re.findall(r"^## (.*)$", proof, re.MULTILINE))
    made = {
        f"recommendations/{name}.md": recommendation.page(
            entry,
            readme_of[entry.role],
            recommendation.Proofs(
                tuple(rules.get(entry.role, ())),
                tuple(containers.get(name, ())),
                tuple(machines.get(name, ())),
                measured,
            ),
        )
        for name, entry in RECOMMENDATIONS.items()
    }
    return {
        **made,
        "recommendations/README.md": recommendation.index(),
        "profiles.md": profiles.page(shipped()),
        "coverage.md": coverage.page(
            catalogue(),
            coverage.Standing(proofs.tree_cases(), containers, machines),
        ),
    }


def stale(made: dict[str, str], docs: Path) -> list[str]:
    """Pages of ``docs`` that are not as they are made, or are made no more; paths below ``docs``."""
    there = {f"recommendations/{path.name}" for path in (docs / "recommendations").glob("*.md")}
    wrong = {
        name for name, text in made.items() if not (docs / name).exists() or (docs / name).read_text("utf-8") != text
    }
    return sorted(wrong | (there - made.keys()))


def write(made: dict[str, str], docs: Path) -> list[str]:
    """Write what is stale, and remove what is made no more."""
    changed = stale(made, docs)
    (docs / "recommendations").mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in made:
            (docs / name).write_text(made[name], encoding="utf-8")
        else:
            (docs / name).unlink()
    return changed


def main(arguments: list[str]) -> int:
    """0 where all pages are as they should be."""
    wrong = problems()
    if wrong:
        print("\n".join(f"docs: {problem}" for problem in wrong), file=sys.stderr)
        return 1
    made = pages()
    specs = SPECS.read_text(encoding="utf-8")
    new_specs = profiles.specs(specs, shipped())
    if "--check" not in arguments:
        changed = write(made, DOCS)
        SPECS.write_text(new_specs, encoding="utf-8")
        print(f"docs: {len(made)} pages, {len(changed)} changed")
        return 0
    old = [f"docs/{name}" for name in stale(made, DOCS)] + ([SPECS.relative_to(TOP)] if specs != new_specs else [])
    if old:
        names = ", ".join(map(str, old[:5])) + (f" and {len(old) - 5} more" if len(old) > 5 else "")
        print(f"docs: stale: {names}. Run `make docs-pages` and commit what it changes.", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
