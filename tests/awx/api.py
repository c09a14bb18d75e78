# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWX's API, as its administrator."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What the API answers: JSON.
Reply = Any
#: States in which a job is not over.
ACTIVE = ("new", "pending", "waiting", "running")


@dataclass(frozen=True)
class Api:
    """Where AWX answers, and the administrator's password."""

    url: str
    password: str = field(repr=False)

    def get(self, path: str, **query: object) -> Reply:
        """What there is. ``path`` is below /api/v2/, or as AWX's answers have it."""
        return self._ask("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path: str, **data: object) -> Reply:
        """Make something, or have something done.

        :raises urllib.error.HTTPError: where AWX refuses.
        """
        return self._ask("POST", path, data)

    def patch(self, path: str, **data: object) -> Reply:
        """Change something."""
        return self._ask("PATCH", path, data)

    def one(self, path: str, **query: object) -> Reply:
        """The only one that there is."""
        (found,) = self.get(path, **query)["results"]
        return found

    def finished(self, job: Reply, seconds: float = 300) -> Reply:
        """A job when it is over, and AWX has counted its events."""
        end = time.monotonic() + seconds
        while (now := self.get(job["url"]))["status"] in ACTIVE or not now.get("event_processing_finished", True):
            if time.monotonic() > end:
                raise TimeoutError(f"{now['name']} is still {now['status']} after {seconds} seconds")
            time.sleep(0.5)
        return now

    def said(self, job: Reply) -> str:
        """A job's output, as AWX shows it."""
        return str(self.get(job["url"] + "stdout/", format="txt"))

    def _ask(self, method: str, path: str, data: Mapping[str, object] | None = None) -> Reply:
        url = self.url + (path if path.startswith("/") else f"/api/v2/{path}")
        request = urllib.request.Request(url, method=method, data=None if data is None else json.dumps(data).encode())
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read().decode()
        if answer.headers.get_content_type() != "application/json":
            return body
        return json.loads(body) if body else None
