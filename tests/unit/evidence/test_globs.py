# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Globs as the shell has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import GlobIndex, _glob, glob_match, matching


@pytest.mark.parametrize(
    ("glob", "matched", "not_matched"),
    [
        ("/etc/one", ["/etc/one"], ["/etc/one/x", "/etc/on", "/etc/one\n"]),
        ("/etc/*", ["/etc/a", "/etc/a b", "/etc/\udcff"], ["/etc/", "/etc/.a", "/etc/a/b", "/etc"]),
        ("/etc/.*", ["/etc/.a"], ["/etc/a"]),
        ("/etc/?", ["/etc/a", "/etc/\udcff"], ["/etc/ab", "/etc/.", "/etc/é"]),
        ("/etc/??", ["/etc/ab", "/etc/é"], ["/etc/a"]),
        ("/s/*/q", ["/s/a/q"], ["/s/a/b/q", "/s/.a/q"]),
        ("/s/[ab-d]x", ["/s/ax", "/s/cx"], ["/s/ex", "/s/-x", "/s/x"]),
        ("/s/[!a]*", ["/s/b", "/s/bc"], ["/s/a", "/s/.b", "/s//"]),
        ("/s/[]]", ["/s/]"], ["/s/["]),
        ("/s/[!]]", ["/s/["], ["/s/]", "/s/."]),
        ("/s/[a", ["/s/[a"], ["/s/a"]),
        ("/s/a.(b)+|^$", ["/s/a.(b)+|^$"], ["/s/ab"]),
    ],
)
def test_globs(glob: str, matched: list[str], not_matched: list[str]) -> None:
    assert [path for path in matched if not glob_match(glob, path)] == []
    assert [path for path in not_matched if glob_match(glob, path)] == []


@given(
    st.lists(st.sampled_from(["/", "*", ".", "a", "b", "a.b", "\udcff"]), max_size=7).map("".join),
    st.lists(st.sampled_from(["/", ".", "a", "b", "a.b", "\udcff"]), max_size=9).map("".join),
)
def test_a_glob_with_one_star_needs_no_regular_expression(glob: str, path: str) -> None:
    """The quick way says what the regular expression says."""
    assert glob_match(glob, path) == (_glob(glob).match(path.encode("utf-8", "surrogateescape")) is not None)


PATHS = st.lists(st.sampled_from(["/", ".", "a", "b", "a.b", "\udcff"]), max_size=9).map("".join)


@given(
    st.lists(st.lists(st.sampled_from(["/", "*", "?", "[ab]", ".", "a", "b"]), max_size=7).map("".join), max_size=6),
    st.lists(PATHS, max_size=6),
)
def test_an_index_says_what_each_glob_says(globs: list[str], paths: list[str]) -> None:
    index = GlobIndex((glob, number) for number, glob in enumerate(globs))
    for path in paths:
        asking = [number for number, glob in enumerate(globs) if glob_match(glob, path)]
        assert sorted(index.of(path)) == asking
        assert (path in index) == bool(asking)
    ordered = sorted(set(paths))
    for glob in globs:
        assert matching(glob, ordered) == [path for path in ordered if glob_match(glob, path)]
