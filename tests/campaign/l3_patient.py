"""The API server as a patient user asks it: where it does not answer he asks again."""

import time
from typing import Any

from tests.e2e.cluster import Body, Cluster, Refused
from urllib3.exceptions import HTTPError

PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.3


class PatientCluster(Cluster):
    """A client whose user is there before, during and after an outage."""

    def _ask(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Body:
        until = time.monotonic() + PATIENCE_SECONDS
        tried = False
        while True:
            try:
                return super()._ask(method, path, body, content)
            except Refused as error:
                # What an earlier try has created is there now.
                if error.status == 409 and tried and method == "POST":
                    return super()._ask("GET", f"{path}/{body['metadata']['name']}")
                if error.status < 500 and error.status != 429:
                    raise
                if time.monotonic() > until:
                    raise
            except (HTTPError, OSError, ValueError):
                if time.monotonic() > until:
                    raise
            tried = True
            time.sleep(_PAUSE_SECONDS)
