"""What the shim answers: EC2's shape of errors, and moto's lists of instances with our states, or gone wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

from gpuwright_sandbox.doubles.answers import Answer, with_dashes

XML = "text/xml"
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


def error(status: int, code: str, message: str = "as the test wants it", **headers: str) -> Answer:
    """Return an error in EC2's shape."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
        f"<Message>{message}</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
    )
    return Answer(status, body.encode(), with_dashes(headers), XML)


class Instances:
    """The instances in an answer, to be changed before it goes out."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._root = ET.fromstring(answer.body)
        # moto names the version of the API there, and would otherwise get a prefix that EC2 never writes.
        ET.register_namespace("", self._root.tag.partition("}")[0].removeprefix("{"))

    def answer(self) -> Answer:
        """Return the answer as it is now."""
        return replace(self._answer, body=b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(self._root))

    def items(self) -> Iterator[ET.Element]:
        """Yield each instance."""
        yield from self._root.findall(".//{*}instancesSet/{*}item")

    def keep(self, wanted: Callable[[ET.Element], bool]) -> None:
        """Take out the instances that are not wanted, with their reservations."""
        for reservations in self._root.findall(".//{*}reservationSet"):
            for reservation in list(reservations):
                if not all(wanted(item) for item in reservation.findall("{*}instancesSet/{*}item")):
                    reservations.remove(reservation)

    def go_on(self, token: str) -> None:
        """Have the next page asked for with this token."""
        put(self._root, "nextToken", token)

    def double(self) -> None:
        """Show every reservation twice."""
        for reservations in self._root.findall(".//{*}reservationSet"):
            for reservation in list(reservations):
                reservations.append(reservation)


def text_of(item: ET.Element, path: str) -> str:
    """Return the text at a path below an instance, such as `instanceState/name`."""
    found = item.find("/".join(f"{{*}}{step}" for step in path.split("/")))
    return "" if found is None else found.text or ""


def put(item: ET.Element, path: str, text: str) -> None:
    """Set the text at a path below an instance, making elements on the way."""
    for step in path.split("/"):
        below = item.find(f"{{*}}{step}")
        item = ET.SubElement(item, f"{item.tag.rpartition('}')[0]}}}{step}") if below is None else below
    item.text = text


def put_state(item: ET.Element, word: str) -> None:
    """Set an instance's state."""
    put(item, "instanceState/code", str(CODES.get(word, 99)))
    put(item, "instanceState/name", word)


def drop(item: ET.Element, name: str) -> None:
    """Take an element out of an instance."""
    for found in item.findall(f"{{*}}{name}"):
        item.remove(found)
