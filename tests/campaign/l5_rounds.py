"""All objects at once: each round every object is changed once, then all come to rest and are looked at.

Lists and the gateway's truth are asked for once for all, so that two hundred objects cost little more than one.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.campaign.l5_end import cleared, judged_history
from tests.campaign.l5_ground import SHARED, Ground
from tests.campaign.l5_leaves import base_of
from tests.campaign.l5_objects import Thing, Truth
from tests.campaign.l5_stands import differing
from tests.campaign.l5_steps import Course, Step
from tests.crds.schema import INSTANCES

GLANCE_SECONDS = 0.4
DWELL_SECONDS = 1.2  # what stands right must still do so after this: nothing may follow late


@dataclass(slots=True)
class Found:
    """One thing that was wrong, at a point."""

    point: str
    invariant: str
    words: str


@dataclass(slots=True)
class Track:
    """One object on its course."""

    course: Course
    thing: Thing
    twin: Thing
    directs: dict[str, Thing]  # by the step's word: created with what the step changes to
    done: int = 0
    broken: bool = False
    at: str = ""  # the step that was accepted last

    @property
    def left(self) -> tuple[Step, ...]:
        """The steps that are still to come."""
        return () if self.broken else self.course.steps[self.done :]


@dataclass(slots=True)
class Rounds:
    """One run over some courses.

    Attributes:
        patience: for how long an object may take to come to rest, in seconds.
        tested: points that were shown to the API server and judged.
    """

    ground: Ground
    patience: float
    tracks: list[Track] = field(default_factory=list)
    twins: dict[tuple[str, str], list[Thing]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    tested: int = 0
    accepted: int = 0
    rounds: int = 0
    since: float = 0.0
    say: Callable[[str], None] = lambda _words: None

    def run(self, courses: Sequence[Course]) -> None:
        """Take all courses from the first manifest to the last, and clear all away."""
        self.since = time.time()
        self._begin(courses)
        self._settle("create")
        self._check_mask()
        while any(track.left for track in self.tracks):
            self.rounds += 1
            for track in self.tracks:
                self._advance(track)
            self._settle("")
            self._compare_with_directs()
            self.say(f"round {self.rounds}: {self.tested} points, {len(self.found)} wrong")
        self._compare_with_twins()
        for invariant, words in (*judged_history(self.ground, self.since), *self._cleared()):
            self._add("end", invariant, words)

    def things(self) -> list[Thing]:
        """Return every object there is."""
        directs = [direct for track in self.tracks for direct in track.directs.values()]
        twins = [twin for pair in self.twins.values() for twin in pair]
        return [*(track.thing for track in self.tracks), *directs, *twins]

    def _begin(self, courses: Sequence[Course]) -> None:
        self.ground.make_shared()
        for course in courses:
            plural = course.leaf.plural
            twin = self._twins(plural, course.base)[0]
            thing = Thing(self.ground, plural, course.name, course.begin)
            self.tracks.append(Track(course, thing, twin, self._directs(course)))
        for thing in self.things():
            if thing.generation == 0:
                self._create(thing)

    def _twins(self, plural: str, base: str) -> list[Thing]:
        if (plural, base) not in self.twins:
            names = [f"twin-{plural[:4]}{plural[-9:]}-{base}-{number}" for number in (1, 2)]
            self.twins[plural, base] = [Thing(self.ground, plural, name, base_of(plural, base)) for name in names]
        return self.twins[plural, base]

    def _directs(self, course: Course) -> dict[str, Thing]:
        directs = {}
        for number, step in enumerate(step for step in course.steps if step.direct):
            alone = course.leaf.plural != INSTANCES
            name = f"{course.name}-d{number}"
            directs[step.word] = Thing(self.ground, course.leaf.plural, name, step.manifest, step.stands, alone=alone)
        return directs

    def _create(self, thing: Thing) -> None:
        """Show it what must be refused first, then the manifest with which it begins."""
        course = next((track.course for track in self.tracks if track.thing is thing), None)
        for step in course.refused_first if course else ():
            answer = thing.refused(step.manifest)
            self.judge_refusal(step, accepted=answer.accepted, sentences=answer.sentences)
            if answer.accepted:
                return
        thing.create()
        if course is not None:
            self.tested += 1

    def _advance(self, track: Track) -> None:
        """Show the API server all that it must refuse, and then one thing that it must accept."""
        for step in track.left:
            track.done += 1
            answer = track.thing.replace(step.manifest)
            if step.says:
                self.judge_refusal(step, accepted=answer.accepted, sentences=answer.sentences)
                if not answer.accepted:
                    continue
                track.broken = True
                return
            self.tested += 1
            if answer.stored is None:
                self._add(step.id, "6.3", f"it is refused: {answer.sentences}")
                track.broken = True
                return
            self.accepted += 1
            track.at = step.word
            thing = track.thing
            thing.manifest, thing.stands = step.manifest, step.stands
            thing.generation = int(answer.stored["metadata"]["generation"])
            return

    def judge_refusal(self, step: Step, *, accepted: bool, sentences: Iterable[str]) -> None:
        self.tested += 1
        if accepted:
            self._add(step.id, "6.3", f"it is accepted, and must be refused with {step.says}")
        elif not any(words in sentence for words in step.says for sentence in sentences):
            self._add(step.id, "6.3", f"the refusal does not say {step.says}: {tuple(sentences)}")

    def _settle(self, word: str) -> None:
        """Wait until all stand as they must and go on doing so; who does not in time is wrong."""
        until = time.monotonic() + self.patience
        things = [thing for thing in self.things() if thing.generation and not thing.trouble]
        while True:
            wrong = self._wrong(things)
            if not wrong:
                time.sleep(DWELL_SECONDS)
                wrong = self._wrong(things)
            if not wrong or time.monotonic() > until:
                break
            time.sleep(GLANCE_SECONDS)
        for thing, wrongs in wrong:
            thing.trouble = wrongs
            track = next((track for track in self.tracks if track.thing is thing), None)
            point = f"{track.course.leaf.id} {word or track.at}" if track else f"{thing.kind} {thing.name}"
            for invariant in sorted({invariant for invariant, _words in wrongs}):
                self._add(point, invariant, "; ".join(words for name, words in wrongs if name == invariant))
            if track is not None:
                track.broken = True
        self.say(f"{len(things)} objects, {len(wrong)} of them not as they must be")

    def _wrong(self, things: Sequence[Thing]) -> list[tuple[Thing, list[tuple[str, str]]]]:
        truth = Truth.now(self.ground)
        judged = [(thing, thing.wrongs(truth)) for thing in things]
        return [(thing, wrongs) for thing, wrongs in judged if wrongs]

    def _check_mask(self) -> None:
        """Two objects that nobody has touched must be alike, or nothing can be compared."""
        for pair in self.twins.values():
            self._compare(f"{pair[0].kind} {pair[0].name}", pair[0], pair[1], "the other one")

    def _compare_with_directs(self) -> None:
        for track in self.tracks:
            direct = track.directs.get(track.at)
            if direct is not None and not track.broken and not direct.trouble:
                alone = not track.thing.is_instance
                point = f"{track.course.leaf.id} {track.at}"
                self._compare(point, track.thing, direct, "one created with this", alone=alone)
                track.at = ""  # once is enough

    def _compare_with_twins(self) -> None:
        for track in self.tracks:
            if not track.broken and not track.twin.trouble:
                self._compare(f"{track.course.leaf.id} back", track.thing, track.twin, "one that was never touched")

    def _compare(self, point: str, one: Thing, other: Thing, what: str, *, alone: bool = False) -> None:
        """Wait until both are alike: a provider's counts are written every 10 s."""
        until = time.monotonic() + min(self.patience, 15.0)
        while True:
            truth = Truth.now(self.ground)
            found = differing(one.told(truth, alone=alone), other.told(truth, alone=alone))
            if not found or time.monotonic() > until:
                break
            time.sleep(GLANCE_SECONDS)
        for words in found:
            self._add(point, "I17", f"unlike {what}: {words}")

    def _cleared(self) -> list[tuple[str, str]]:
        for track in self.tracks:
            if track.broken and track.thing.generation:
                # Whoever stopped where nothing can be deleted, such as without a Secret, is helped on.
                track.thing.replace(track.course.begin)
        return list(cleared(self.ground, {SHARED, *(thing.name for thing in self.things())}, self.patience))

    def _add(self, point: str, invariant: str, words: str) -> None:
        self.found.append(Found(point, invariant, words))
