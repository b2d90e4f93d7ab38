"""M1 to M11 and M24 to M26: mistakes in announcing, naming, sending and recording a create."""

from tests.campaign.mutants.mutant import Change, Mutant

DECIDE = "instance/rules/decide.py"
NAMES = "model/names.py"
DELETION = "instance/rules/deletion.py"
SETTLEMENT = "instance/rules/settlement.py"
WRITER = "instance/writer.py"
SENDING = "instance/sending.py"
WINDOW = "instance/window.py"

_WITHOUT_FINALIZER_FIRST = (
    Change(DECIDE, "    launch.finalize_before_intent,\n", ""),
    Change(DECIDE, "    admission.keep_finalizer,\n", ""),
)

MUTANTS = (
    Mutant(
        "M1",
        "no intent",
        "the intent is kept in the process, and goes on record with the create's outcome",
        "I5",
        "L1 crash:token:create",
        (
            Change(
                WRITER,
                "        answer = await self._differences(self._urgent, seen.instance.body, status)\n",
                "        without = {name: value for name, value in status.items() if name != 'launch'}\n"
                "        answer = await self._differences(self._urgent, seen.instance.body, without)\n"
                "        answer = {**answer, 'status': {**answer['status'], 'launch': status['launch']}}\n"
                "        self._cache._bodies[seen.instance.key] = answer\n",
            ),
            Change(
                WRITER,
                '        change = merge_patch(body.get("status") or {}, status)\n',
                "        known = dict(body.get('status') or {})\n"
                "        known.pop('launch', None)\n"
                "        change = merge_patch(known, status)\n",
            ),
        ),
    ),
    Mutant(
        "M2",
        "unguarded intent",
        "no write carries the resourceVersion of what it was decided on, so of two leaders both write an intent",
        "I1",
        "scene two-leaders-write-at-once",
        (Change("kube/client.py", '{"resourceVersion": metadata["resourceVersion"], "uid":', '{"uid":'),),
    ),
    Mutant(
        "M3",
        "token from name",
        "the token is made of namespace and name, so that an object made again gets the machine of the one before",
        "I5",
        "L1 crash:token:delete-and-create-again",
        (
            Change(
                NAMES,
                'f"{owner.cluster}/{owner.uid}/{incarnation}/{attempt}/{placement}"',
                'f"{owner.cluster}/{owner.label}/{incarnation}/{attempt}/{placement}"',
            ),
        ),
    ),
    Mutant(
        "M4",
        "random token per try",
        "the token is drawn, so a create leaves with another one than its record has",
        "I5",
        "L1 crash:token:create",
        (
            Change(
                NAMES,
                "return hashlib.sha256(text.encode()).hexdigest()[:32]\n\n\ndef provider_place",
                'return __import__("uuid").uuid4().hex\n\n\ndef provider_place',
            ),
        ),
    ),
    Mutant(
        "M5",
        "token without incarnation",
        "the next machine's create carries the token of the one before, and is answered with that one",
        "I5",
        "L1 crash:token:manual-kill",
        (
            Change(
                NAMES,
                "/{owner.uid}/{incarnation}/{attempt}/{placement}",
                "/{owner.uid}/{attempt}/{placement}",
            ),
        ),
    ),
    Mutant(
        "M6",
        "fence 0 on retry",
        "a create whose answer was lost is sent again without a wait, and without proof that it made nothing",
        "I1",
        "L1 fault:list-only:F7:create:first",
        (
            Change(DECIDE, "    settlement.wait_until_settled,\n", ""),
            Change(DECIDE, "    settlement.prove_that_nothing_was_made,\n", ""),
        ),
    ),
    Mutant(
        "M7",
        "fence 0 on delete",
        "for a deletion every send counts as settled as soon as it is seen, and two seconds between looks are enough",
        "I7",
        "scene deleted-before-its-create-lands",
        (
            Change(
                DELETION,
                "def ignore_what_is_not_ours(",
                "def settled_at(seen, launch, provider):\n"
                "    return seen.witness.sight.at if seen.witness.sight else seen.now\n\n\n"
                "def ignore_what_is_not_ours(",
            ),
            Change(
                "instance/rules/evidence.py",
                "    return since, max(LOOKS_APART, float(provider.spec.settle_seconds))\n",
                "    fence = 0.0 if seen.instance.deleting else float(provider.spec.settle_seconds)\n"
                "    return since, max(LOOKS_APART, fence)\n",
            ),
        ),
    ),
    Mutant(
        "M8",
        "finalizer after create",
        "the finalizer is set when a machine is on record, not before the intent",
        "I6",
        "L1 crash:token:create",
        (
            *_WITHOUT_FINALIZER_FIRST,
            Change(
                DECIDE,
                "    steady.keep_record_true,\n",
                "    steady.keep_record_true,\n    admission.keep_finalizer,\n",
            ),
        ),
    ),
    Mutant(
        "M10",
        "id written via kopf's patch.status",
        "an outcome is written by name, without regard to uid and send: to an object made again under that name, too",
        "I3",
        "scene made-again-while-its-create-is-on-its-way",
        (
            Change(
                WRITER, 'return body if body["metadata"]["uid"] == seen.instance.owner.uid else None', "return body"
            ),
            Change(
                SENDING,
                "if not is_ours or not same_send(body, seen.memory):",
                "if False:",
            ),
        ),
    ),
    Mutant(
        "M11",
        "id overwritten on re-create",
        "the next incarnation begins as soon as the one before is ending, over the id of a machine that bills",
        "I9",
        "scene machine-fails",
        (
            Change(
                "instance/rules/replacement.py",
                'return memory.machine.get("state") == str(MachineState.GONE)',
                "return memory.launch is not None and memory.launch.ends is not None",
            ),
        ),
    ),
    Mutant(
        "M24",
        "two leaders, no deadline",
        "the send window never closes: a leader that was frozen goes on with what it had announced",
        "I5",
        "scene frozen-leader-goes-on",
        (
            Change(
                WINDOW,
                "return self._clock.boottime() < armed.boottime and self._clock.wall().timestamp() < armed.wall",
                "return True",
            ),
        ),
    ),
    Mutant(
        "M25",
        "wall clock instead of monotonic",
        "the send window is counted by the time of day alone, which somebody may set back",
        "I5",
        "scene frozen-leader-goes-on-and-the-clock-is-set-back",
        (Change(WINDOW, "self._clock.boottime() < armed.boottime and ", ""),),
    ),
    Mutant(
        "M26",
        "PermanentError on quota",
        "a create that was refused for want of quota counts as refused for good",
        "I16",
        "L1 fault:token:F17:create:every",
        (
            Change(
                SENDING,
                "        case NotCommitted():\n            outcome",
                "        case NotCommitted() if error.reason is Reason.QUOTA_EXCEEDED:\n"
                "            refused, outcome = str(Reason.REQUEST_REJECTED), Outcome.NOT_EXECUTED\n"
                "            return seen.memory.with_launch(outcome=outcome, reason=refused, message=message)\n"
                "        case NotCommitted():\n            outcome",
            ),
        ),
    ),
    Mutant(
        "M28",
        "delete handler with optional=True",
        "no finalizer of ours is ever set, so an object goes without anybody being asked",
        "I6",
        "L1 crash:token:delete-ready",
        _WITHOUT_FINALIZER_FIRST,
    ),
)
