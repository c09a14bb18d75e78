# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB's script language: given this script, these variables and this menu."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.grub_script import Script, environment


def ran(text: str, files: dict[str, str] | None = None) -> Script:
    found = files or {}
    script = Script(
        lambda path: (path, found[path].splitlines()) if path in found else None,
        lambda path: path in found if path.startswith("/known") else None,
    )
    script.run("grub.cfg", text.splitlines())
    return script


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("set x=1", "1"),
        ("x=1", "1"),
        ("set x='a b'", "a b"),
        ('set y=1; set x="a${y}b"', "a1b"),
        ("set x='${y}'", "${y}"),
        ('set x="a\\"b"', 'a"b'),
        ("set x=a\\ b", "a b"),
        ("set x=1 # comment", "1"),
        ("#set x=1", ""),
        ("set x=a#b", "a#b"),
        ("set x=1\\\n2", "12"),
        ("set x='1\n2'", "1\n2"),
        ("set x=1\nunset x", ""),
        ("if true; then set x=1; else set x=2; fi", "1"),
        ("if false\nthen\nset x=1\nelse\nset x=2\nfi", "2"),
        ("if false; then set x=1; elif true; then set x=2; else set x=3; fi", "2"),
        ("if ! true; then set x=1; fi", ""),
        ('if [ "${y}" ]; then set x=1; fi', ""),
        ('set y=1; if [ "${y}" ]; then set x=1; fi', "1"),
        ('if [ x"${y}" = xy ]; then set x=1; else set x=2; fi', "2"),
        ("if [ ${y} = 1 ]; then set x=1; fi", ""),
        ('if [ "${y}" != 1 ]; then set x=1; fi', "1"),
        ('if [ -n "${y}" ]; then set x=1; fi', ""),
        ('if [ -z "${y}" -a a = a ]; then set x=1; fi', "1"),
        ("if [ a = b -o a = a ]; then set x=1; fi", "1"),
        ("if test -f /known/no; then set x=1; fi", ""),
        ("if test -f /known/yes; then set x=1; fi", "1"),
        ("if test ! -f /known/no; then set x=1; fi", "1"),
        # What cannot be known takes the first branch.
        ("if hwmatch; then set x=1; else set x=2; fi", "1"),
        ("if [ -f /elsewhere ]; then set x=1; else set x=2; fi", "1"),
        ("if [ -f /elsewhere -a a = b ]; then set x=1; else set x=2; fi", "2"),
        ('function f { set x="${1}"; }\nf 7', "7"),
        ("function f {\n if true; then\n set x=1\n fi\n}", ""),
        ("function f { f; }\nf", ""),
        ("for i in 1 2; do set x=1; done", ""),
        ("load_env -f /known/env", "from the file"),
        ("load_env -f /known/env other", ""),
        ("source /known/script", "sourced"),
        ("save_env x", ""),
        ("menuentry a { set x=1 }", ""),
    ],
)
def test_variables(text, value):
    files = {"/known/yes": "", "/known/env": "# GRUB\nx=from the file\n###", "/known/script": "set x=sourced"}
    assert ran(text, files).value("x") == value


def test_menu():
    script = ran(
        "set opt='--id'\nset args='quiet  divider=10'\nmenuentry 'It'\\''s' --class a --users '' $opt 'it' {\n"
        '  linux /k root="$args" $args x${args}\n  initrd /a /b\n}\n'
        "submenu More { menuentry Deep { linux16 /deep; initrd16 /c } }\nblscfg\n"
        "menuentry Chain { chainloader +1 }\n"
    )
    assert [(item.title, item.id, item.submenu, item.bls, item.origin) for item in script.items] == [
        ("It's", "it", False, False, "grub.cfg:3"),
        ("More", "", True, False, "grub.cfg:7"),
        ("", "", False, True, "grub.cfg:8"),
        ("Chain", "", False, False, "grub.cfg:9"),
    ]
    loaded = script.loaded(script.items[0])
    assert [word.text for word in loaded.linux] == [
        "/k",
        "root=quiet  divider=10",
        "quiet",
        "divider=10",
        "xquiet",
        "divider=10",
    ]
    assert [word.origin for word in loaded.linux][:4] == ["grub.cfg:4", "grub.cfg:4", "grub.cfg:2", "grub.cfg:2"]
    assert [word.text for word in loaded.initrd] == ["/a", "/b"]
    deep = script.opened(script.items[1])
    assert [word.text for word in deep.loaded(deep.items[0]).linux] == ["/deep"]
    assert script.loaded(script.items[3]).linux == ()


def test_an_entry_sees_the_variables_as_they_are_in_the_end():
    script = ran("menuentry a { linux /k $x }\nset x=late")
    assert [word.text for word in script.loaded(script.items[0]).linux] == ["/k", "late"]


def test_doubt():
    script = ran("menuentry a { true }\nif hwmatch; then\nmenuentry b { true }\nfi\nmenuentry c { true }")
    assert [item.doubtful for item in script.items] == [False, True, False]


@pytest.mark.parametrize(
    "text", ["if", "menuentry", "menuentry a {", "}", "function", "if [ ", "set", '"', "[", "!", "source"]
)
def test_a_cut_script_is_no_error(text):
    ran(text)


def test_environment_block():
    block = ["# GRUB Environment Block", "a=1", "b=x=y z", "back=a\\\\b", "not a line", "####"]
    assert {name: (word.text, word.origin) for name, word in environment("env", block).items()} == {
        "a": ("1", "env:2"),
        "b": ("x=y z", "env:3"),
        "back": ("a\\b", "env:4"),
    }
