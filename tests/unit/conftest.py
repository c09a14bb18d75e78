# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that all unit tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The same examples at every run: a red test stays red until it is mended. No time limits: machines differ.
settings.register_profile(
    "vmguest", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("vmguest")
