"""What can go wrong, split by what to do next.

ControlPlaneError
├─ BinariesMissingError   a program could be neither found nor made: the message says which command makes it
├─ DirectoryInUseError    another control plane runs on this directory: stop it, or take another directory
└─ NotReadyError          a component ended or did not answer in time: the message has the end of its log
   └─ PortTakenError      somebody else listens on its port: start again, on other ports
"""


class ControlPlaneError(RuntimeError):
    """The control plane cannot do what was asked; the message says what was seen and what to do next."""


class BinariesMissingError(ControlPlaneError):
    """A program could be neither found nor made; follow the message, then try again."""


class DirectoryInUseError(ControlPlaneError):
    """Another control plane runs on this directory; stop it, or take another directory."""


class NotReadyError(ControlPlaneError):
    """A component ended, or did not answer in time; the end of its log, in the message, says why."""


class PortTakenError(NotReadyError):
    """Somebody else listens on the port of a component; start again, which takes other ports."""
