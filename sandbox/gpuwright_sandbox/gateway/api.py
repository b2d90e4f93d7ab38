"""The public API: who may call what, and what an honest gateway answers."""

from collections.abc import Callable
from typing import TypeAlias

from gpuwright_sandbox.gateway.answers import Answer, RefusedError, page_answer, refusal
from gpuwright_sandbox.gateway.calls import STRAIGHT, Bend, Call, CallKind
from gpuwright_sandbox.gateway.fleet import Fleet, NameTakenError
from gpuwright_sandbox.gateway.image_calls import ImageCalls
from gpuwright_sandbox.gateway.images import Images
from gpuwright_sandbox.gateway.instance_calls import InstanceCalls
from gpuwright_sandbox.gateway.orders import UnfitError
from gpuwright_sandbox.gateway.replays import Replays
from gpuwright_sandbox.gateway.settings import DEFAULT_ACCOUNT, Dialect
from gpuwright_sandbox.gateway.shapes import FieldError

CREATE_ONLY_CALLS = frozenset(
    {CallKind.CREATE, CallKind.DELETE, CallKind.SNAPSHOT, CallKind.RESTORE, CallKind.TEMPLATES}
)

_Handler: TypeAlias = Callable[[Call, str, Bend], Answer]


class Api:
    """Answers calls; a call is carried out in one piece, at one moment of the gateway's clock."""

    def __init__(self, fleet: Fleet, images: Images, replays: Replays) -> None:
        self._fleet = fleet
        self._instances = InstanceCalls(fleet, replays)
        stored = ImageCalls(images, self._instances)
        self._handlers: dict[CallKind, _Handler] = {
            CallKind.CREATE: self._instances.create,
            CallKind.GET: self._instances.get,
            CallKind.LIST: self._instances.list,
            CallKind.DELETE: self._instances.delete,
            CallKind.STOP: self._instances.stop,
            CallKind.START: self._instances.start,
            CallKind.SNAPSHOT: stored.snapshot,
            CallKind.RESTORE: stored.restore,
            CallKind.TEMPLATES: stored.templates,
            CallKind.HEALTHZ: _healthz,
        }

    def answer(self, call: Call, bend: Bend = STRAIGHT) -> Answer:
        """Carry a call out and return what an honest gateway says about it."""
        self._fleet.advance()
        handler = self._handlers.get(call.kind)
        if handler is None or not self._known(call.kind):
            return page_answer(404)
        try:
            return handler(call, self._account(call), bend)
        except RefusedError as refused:
            return refused.answer
        except FieldError as error:
            return refusal(400, f"the request cannot be read: {error}", field_name=error.field).answer
        except UnfitError as error:
            return refusal(422, f"no such machine can be made: {error}", field_name=error.field).answer
        except NameTakenError as taken:
            return self._conflict(taken)

    def account_of(self, call: Call) -> str:
        """Return the account of the call's token; the default one for a token that is not accepted."""
        return self._fleet.settings.tokens.get(call.token or "", DEFAULT_ACCOUNT)

    def _known(self, kind: CallKind) -> bool:
        settings = self._fleet.settings
        if kind is CallKind.HEALTHZ:
            return settings.healthz
        return settings.dialect is Dialect.FULL or kind in CREATE_ONLY_CALLS

    def _account(self, call: Call) -> str:
        # A health check without a token is anybody's; one with a wrong token should hear so.
        if call.kind is CallKind.HEALTHZ and call.token is None:
            return ""
        account = self._fleet.settings.tokens.get(call.token or "")
        if account is None:
            raise refusal(401, "a bearer token that this gateway accepts is needed")
        return account

    def _conflict(self, taken: NameTakenError) -> Answer:
        if taken.holder is None or self._fleet.settings.hides_holder:
            return refusal(409, str(taken)).answer
        return refusal(409, str(taken), instance=self._instances.show(taken.holder)).answer


def _healthz(call: Call, account: str, bend: Bend) -> Answer:
    del call, account, bend
    return Answer(200, {"status": "ok"})
