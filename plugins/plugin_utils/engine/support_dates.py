# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Until when vendors make updates for a release: data, to be renewed by hand. It is a statement about a day, not a rule.

Source: endoflife.date, revision a70eca337 (22 August 2026), which links each vendor's own page: products rhel, centos,
centos-stream, rocky-linux, almalinux, oracle-linux, fedora, amazon-linux, sles, opensuse, debian, ubuntu, vmware-photon and
vmware-esxi.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Release:
    """A release: ``id`` as in os-release, ``cycle`` its major number, or major and minor where each minor ends by itself.

    ``end`` is the last day of updates for everybody, None where the vendor named none yet; ``extended`` that of updates under
    a contract (ELS, LTSS, Ubuntu Pro), or by volunteers for everybody where it is ``free`` (Debian LTS).
    """

    id: str
    cycle: str
    end: date | None
    extended: date | None = None
    free: bool = False


DISTRIBUTIONS = (
    Release("rhel", "10", date(2035, 5, 31), date(2039, 5, 31)),
    Release("rhel", "9", date(2032, 5, 31), date(2036, 5, 31)),
    Release("rhel", "8", date(2029, 5, 31), date(2033, 5, 31)),
    Release("rhel", "7", date(2024, 6, 30), date(2029, 5, 31)),
    Release("rhel", "6", date(2020, 11, 30), date(2024, 6, 30)),
    Release("rhel", "5", date(2017, 3, 31), date(2020, 11, 30)),
    Release("rhel", "4", date(2012, 2, 29), date(2017, 3, 31)),
    Release("centos", "10", date(2030, 5, 31)),
    Release("centos", "9", date(2027, 5, 31)),
    Release("centos", "8", date(2021, 12, 31)),
    Release("centos", "7", date(2024, 6, 30)),
    Release("centos", "6", date(2020, 11, 30)),
    Release("centos", "5", date(2017, 3, 31)),
    Release("rocky", "10", date(2035, 5, 31)),
    Release("rocky", "9", date(2032, 5, 31)),
    Release("rocky", "8", date(2029, 5, 31)),
    Release("almalinux", "10", date(2035, 5, 31)),
    Release("almalinux", "9", date(2032, 5, 31)),
    Release("almalinux", "8", date(2029, 5, 31)),
    Release("ol", "10", None),
    Release("ol", "9", date(2032, 6, 30), date(2035, 6, 30)),
    Release("ol", "8", date(2029, 7, 31), date(2032, 7, 31)),
    Release("ol", "7", date(2024, 12, 31), date(2028, 6, 30)),
    Release("ol", "6", date(2021, 3, 31), date(2024, 12, 31)),
    Release("fedora", "44", date(2027, 6, 2)),
    Release("fedora", "43", date(2026, 12, 9)),
    Release("fedora", "42", date(2026, 5, 27)),
    Release("fedora", "41", date(2025, 12, 15)),
    Release("fedora", "40", date(2025, 5, 13)),
    Release("fedora", "39", date(2024, 11, 26)),
    Release("fedora", "38", date(2024, 5, 21)),
    Release("amzn", "2023", date(2029, 6, 30)),
    Release("amzn", "2", date(2026, 6, 30)),
    Release("sles", "16.0", date(2027, 11, 30), date(2030, 11, 30)),
    Release("sles", "15.7", date(2031, 7, 31), date(2034, 7, 31)),
    Release("sles", "15.6", date(2025, 12, 31), date(2028, 12, 31)),
    Release("sles", "15.5", date(2024, 12, 31), date(2027, 12, 31)),
    Release("sles", "15.4", date(2023, 12, 31), date(2026, 12, 31)),
    Release("sles", "15.3", date(2022, 12, 31), date(2025, 12, 31)),
    Release("sles", "15.2", date(2021, 12, 31), date(2024, 12, 31)),
    Release("sles", "15.1", date(2021, 1, 31), date(2024, 1, 31)),
    Release("sles", "15.0", date(2019, 12, 31), date(2022, 12, 31)),
    Release("sles", "12.5", date(2024, 10, 31), date(2027, 10, 31)),
    Release("sles", "12.4", date(2020, 6, 30), date(2023, 6, 30)),
    Release("sles", "12.3", date(2019, 6, 30), date(2022, 6, 30)),
    Release("sles", "12.2", date(2018, 3, 31), date(2021, 3, 31)),
    Release("sles", "12.1", date(2017, 5, 31), date(2020, 5, 31)),
    Release("sles", "12.0", date(2016, 6, 30), date(2019, 7, 1)),
    Release("sles", "11.4", date(2019, 3, 31), date(2022, 3, 31)),
    Release("sles", "11.3", date(2016, 1, 31), date(2019, 1, 30)),
    Release("sles", "11.2", date(2014, 1, 31), date(2017, 1, 30)),
    Release("sles", "11.1", date(2012, 8, 31), date(2015, 8, 30)),
    Release("sles", "11.0", date(2010, 12, 31)),
    Release("sles", "10.4", date(2013, 7, 31), date(2016, 7, 30)),
    Release("sles", "10.3", date(2011, 10, 11), date(2014, 10, 31)),
    Release("sles", "10.2", date(2010, 4, 11), date(2013, 4, 10)),
    Release("sles", "10.1", date(2008, 11, 30), date(2010, 12, 31)),
    Release("sles", "10.0", date(2007, 12, 31)),
    Release("opensuse-leap", "42.3", date(2019, 7, 1)),
    Release("opensuse-leap", "42.2", date(2018, 1, 26)),
    Release("opensuse-leap", "42.1", date(2017, 5, 17)),
    Release("opensuse-leap", "16.0", date(2027, 10, 31)),
    Release("opensuse-leap", "15.6", date(2026, 4, 30)),
    Release("opensuse-leap", "15.5", date(2024, 12, 31)),
    Release("opensuse-leap", "15.4", date(2023, 12, 7)),
    Release("opensuse-leap", "15.3", date(2022, 12, 31)),
    Release("opensuse-leap", "15.2", date(2022, 1, 4)),
    Release("opensuse-leap", "15.1", date(2021, 2, 2)),
    Release("opensuse-leap", "15.0", date(2019, 12, 3)),
    Release("debian", "13", date(2028, 8, 9), date(2030, 6, 30), free=True),
    Release("debian", "12", date(2026, 7, 11), date(2028, 6, 30), free=True),
    Release("debian", "11", date(2024, 8, 14), date(2026, 8, 31), free=True),
    Release("debian", "10", date(2022, 9, 10), date(2024, 6, 30), free=True),
    Release("debian", "9", date(2020, 7, 18), date(2022, 7, 1), free=True),
    Release("debian", "8", date(2018, 6, 17), date(2020, 6, 30), free=True),
    Release("debian", "7", date(2016, 4, 25), date(2018, 5, 31), free=True),
    Release("debian", "6", date(2014, 5, 31), date(2016, 2, 29), free=True),
    Release("debian", "5", date(2012, 2, 6)),
    Release("debian", "4", date(2010, 2, 15)),
    Release("ubuntu", "26.04", date(2031, 4, 30), date(2036, 4, 30)),
    Release("ubuntu", "25.10", date(2026, 7, 1)),
    Release("ubuntu", "25.04", date(2026, 1, 17)),
    Release("ubuntu", "24.10", date(2025, 7, 10)),
    Release("ubuntu", "24.04", date(2029, 5, 31), date(2036, 5, 31)),
    Release("ubuntu", "22.04", date(2027, 4, 1), date(2032, 4, 9)),
    Release("ubuntu", "20.04", date(2025, 5, 31), date(2030, 4, 2)),
    Release("ubuntu", "18.04", date(2023, 5, 31), date(2028, 4, 1)),
    Release("ubuntu", "16.04", date(2021, 4, 2), date(2026, 4, 2)),
    Release("ubuntu", "14.04", date(2019, 4, 2), date(2024, 4, 2)),
    Release("ubuntu", "12.04", date(2017, 4, 28), date(2019, 4, 26)),
    Release("ubuntu", "10.04", date(2013, 5, 9)),
    Release("ubuntu", "8.04", date(2013, 5, 9)),
    Release("photon", "5", None),
    Release("photon", "4", date(2027, 10, 11)),
    Release("photon", "3", date(2025, 10, 2)),
    Release("photon", "2", date(2022, 12, 1)),
    Release("photon", "1", date(2022, 2, 28)),
)

HOSTS = (
    Release("esxi", "9.1", date(2028, 8, 12)),
    Release("esxi", "9.0", date(2027, 9, 17)),
    Release("esxi", "8.0", date(2027, 10, 11)),
    Release("esxi", "7.0", date(2025, 10, 2)),
    Release("esxi", "6.7", date(2022, 10, 15)),
    Release("esxi", "6.5", date(2022, 10, 15)),
    Release("esxi", "6.0", date(2020, 3, 12)),
    Release("esxi", "5.5", date(2018, 9, 19)),
    Release("esxi", "5.1", date(2016, 8, 24)),
    Release("esxi", "5.0", date(2016, 8, 24)),
)


def release_of(identity: str, major: int, minor: int) -> Release | None:
    """The release of a distribution, None where this table has none."""
    for found in DISTRIBUTIONS:
        if found.id == identity and found.cycle in (str(major), f"{major}.{minor}", f"{major}.{minor:02}"):
            return found
    return None


def host_release(major: int, minor: int) -> Release | None:
    """The release of ESXi, None where this table has none."""
    return next((found for found in HOSTS if found.cycle == f"{major}.{minor}"), None)
