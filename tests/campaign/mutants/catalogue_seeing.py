"""M9, M12 to M23 and M27: mistakes in what is concluded from answers, in the sweep, and in what is told."""

from tests.campaign.mutants.mutant import Change, Mutant

DELETION = "instance/rules/deletion.py"
EVIDENCE = "instance/rules/evidence.py"
GATEWAY = "adapters/gateway.py"
SWEEP = "provider/sweep.py"
SWEEPER = "provider/sweeper.py"
REPORT = "instance/report.py"

MUTANTS = (
    Mutant(
        "M9",
        "finalizer off on 404 of a list error",
        "a list that is answered with 404 is an empty list, so an object without a record is let go",
        "I2",
        "scene list-is-not-found",
        (
            Change(
                "adapters/gateway_lists.py",
                "    body = answer.json\n",
                '    body = {"items": [], "next_cursor": ""} if answer.status == 404 else answer.json\n',
            ),
            Change("adapters/gateway_lists.py", "if answer.status != 200 or", "if answer.status not in {200, 404} or"),
        ),
    ),
    Mutant(
        "M12",
        "403 treated as gone",
        "a look that is answered with 403 counts as one that shows nothing",
        "I9",
        "scene looks-are-forbidden",
        (
            Change(
                GATEWAY,
                "answer.status in {401, 403, 429}:\n            raise_blind(answer)\n",
                "answer.status in {401, 429}:\n            raise_blind(answer)\n",
            ),
            Change(GATEWAY, "if refusal.shaped and answer.status == 404:", "if answer.status in {403, 404}:"),
        ),
    ),
    Mutant(
        "M13",
        "empty page = nothing exists",
        "one look that does not show a machine is proof that it is gone",
        "I9",
        "L1 fault:token:F13:list:every",
        (
            Change(
                EVIDENCE,
                "    return any(look.direct and look.began - looks[0].began >= spread for look in looks)\n",
                "    return True\n",
            ),
        ),
    ),
    Mutant(
        "M14",
        "ignores page 2",
        "a list ends with its first page",
        "I1",
        "scene status-lost-and-two-pages",
        (Change(GATEWAY, "            if not cursor:\n", "            if cursor is not None:\n"),),
    ),
    Mutant(
        "M15",
        "deletes by name",
        "a machine is terminated by the name on record, although a look shows that it is somebody else's",
        "I4",
        "scene a-strangers-machine-has-the-name",
        (
            Change(
                DELETION,
                "    return listed_elsewhere or seen.trail(launch.name).stranger\n",
                "    return False\n",
            ),
        ),
    ),
    Mutant(
        "M16",
        "sweep lists the cluster first",
        "what the sweep knows of owners is older than its list: its cache, which nobody asks the API server to confirm",
        "I4",
        "scene deaf-leader-sweeps",
        (
            Change(
                SWEEPER,
                "            body = await self._client.get(INSTANCES, owner.namespace, owner.name)\n",
                "            body = self._cache.get(Key(INSTANCES.kind, owner.namespace, owner.name))\n"
                "            if body is None:\n"
                "                return Standing.GONE\n",
            ),
            Change(
                SWEEPER,
                "            async for page in self._client.pages(INSTANCES, namespace):\n"
                "                instances += page\n",
                "            instances += [body for _key, body in self._cache.of_kind(INSTANCES.kind)]\n",
            ),
        ),
    ),
    Mutant(
        "M17",
        "sweep ignores age",
        "a machine that was found twice is ended, however young it is",
        "I4",
        "scene young-orphan",
        (Change(SWEEP, " and began - orphan.since >= policy.min_age_seconds", ""),),
    ),
    Mutant(
        "M18",
        "sweep ignores the cluster-id tag",
        "the sweep judges machines of other clusters at the same provider, too",
        "I4",
        "scene machine-of-another-cluster",
        (Change(SWEEP, " or owner.cluster != cluster:", ":"),),
    ),
    Mutant(
        "M19",
        "retry without jitter or cap",
        "after an answer that was no machine the next name is tried at once",
        "I12",
        "L1 fault:list-only:F17:create:every",
        (Change("instance/sending.py", "not_before=now + retry_delay(seen, launch)", "not_before=now"),),
    ),
    Mutant(
        "M20",
        "Ready kept True in an outage",
        "the last known state is told while the provider does not answer",
        "I8",
        "scene gateway-is-silent",
        (
            Change(
                "instance/rules/steady.py",
                "    if provider.credentials_rejected or not provider.reachable:\n",
                "    if provider.credentials_rejected:\n",
            ),
        ),
    ),
    Mutant(
        "M21",
        "observedGeneration set early",
        "the newest generation is told as observed, while the spec is the one that was parsed first",
        "I17",
        "L1 confluence:token:bad-then-good",
        (Change("instance/observer.py", "if known is None or known[0] != generation:", "if known is None:"),),
    ),
    Mutant(
        "M22",
        "secret in exception text",
        "an exception's text quotes the headers of the request, and with them the token",
        "I14",
        "scene answer-lost",
        (
            Change(
                GATEWAY,
                'f"no answer to the create: {error}"',
                'f"no answer to the create with {headers}: {error}"',
            ),
        ),
    ),
    Mutant(
        "M23",
        "follows redirects",
        "the HTTP client follows a redirect, so a create with its secrets goes to another host",
        "I14",
        "pytest tests/campaign/mutants/test_redirects.py::test_i14_a_create_with_its_secrets_goes_to_no_other_host",
        (Change("http_client.py", "follow_redirects=False", "follow_redirects=True"),),
    ),
    Mutant(
        "M27",
        "status write every loop",
        "an object at rest is looked at every 30 s, and its status has a field that moves with the clock alone",
        "I13",
        "L1 crash:token:create",
        (
            Change(
                REPORT,
                "    next_look = _next_look(seen)\n",
                "    next_look = timestamp(datetime.fromtimestamp(seen.wall, UTC))\n",
            ),
            Change(
                "instance/rules/steady.py",
                "    return max(0.1, min(delays)) if delays else None\n",
                "    return max(0.1, min(delays)) if delays else 30.0\n",
            ),
        ),
    ),
)
