"""Sends each operation everything it takes: in the right shape, in wrong ones, and where nobody asked for it."""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx

from libs.security.allow import find_call
from libs.security.service_tokens import ServiceSigner
from libs.topology import SERVICES
from local.credentials import SERVICE_KEYS_FOLDER
from tests.e2e.authorization.issuing import claims_of
from tests.e2e.authorization.world import ENDS_ACCOUNTS, ENDS_SESSIONS, World
from tests.e2e.canaries.marks import Marks
from tests.e2e.canaries.operations import FORM, Operation
from tests.e2e.canaries.shapes import Text, well_shaped, written
from tests.e2e.canaries.traces import Watched
from tests.e2e.shopper import Shopper

TAKES_AWAY: Final = {*ENDS_SESSIONS, *ENDS_ACCOUNTS, "change_password", "change_roles"}
"""Whoever it is done to is not needed afterwards."""

ONE_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "finish_login": ("totp", "recovery_code", "passkey"),
    "finish_browser_session": ("totp", "recovery_code", "passkey"),
    "step_up": ("password", "totp", "recovery_code", "passkey"),
    "refund_order": ("amount", "lines"),
}
"""Members of which a body has one."""

_HARMLESS: Final = ("User-Agent", "Referer", "baggage", "tracestate", "From", "X-Request-Id")
_CREDENTIALS: Final = ("Authorization", "Service-Authorization")


@dataclass(frozen=True)
class Push:
    """One request, and whether its values have the shape that is asked for."""

    method: str
    path: str
    content: str
    headers: Mapping[str, str]
    well: bool = False
    through_gateway: bool = False


@dataclass
class Pusher:
    """Who pushes, and what came back."""

    watched: Watched
    http: httpx.AsyncClient
    marks: Marks
    world: World
    refusals: list[tuple[Operation, httpx.Response]] = field(default_factory=list)
    misshapen: set[str] = field(default_factory=set)
    """Operations that found fault with the shape of what was meant to be good."""

    async def push(self, operation: Operation) -> None:
        """Send the operation all there is to send."""
        world = await self._without_regrets(operation)
        writer = Writer(operation, self.marks, world, self._credentials(operation, world))
        shapes = [await self._sent(operation, one) for one in writer.pushes() if one.well]
        if shapes and not any(shapes):
            self.misshapen.add(operation.name)
        for one in writer.pushes():
            if not one.well:
                await self._sent(operation, one)

    async def _without_regrets(self, operation: Operation) -> World:
        if operation.name not in TAKES_AWAY:
            return self.world
        somebody = await Shopper(self.world.alice.http).register()
        claims = claims_of(somebody.token)
        names = {**self.world.names, "user_id": claims["sub"], "session_id": claims["sid"]}
        return replace(self.world, alice=somebody, names=names)

    def _credentials(self, operation: Operation, world: World) -> dict[str, str]:
        person = world.root if operation.audience == "admin" else world.alice
        if operation.audience != "internal":
            return {**world.browser, **person.headers}
        [caller, *_] = [s for s in SERVICES if find_call(s, operation.service, operation.name)]
        keys = self.watched.stack.home / "meridian" / "secrets" / SERVICE_KEYS_FOLDER
        signer = ServiceSigner(caller, keys / f"{caller}.key.json")
        token = signer.token_for(operation.service)
        return {**person.headers, "Service-Authorization": f"Bearer {token}"}

    async def _sent(self, operation: Operation, push: Push) -> bool:
        """Send it; tell whether its shape was accepted."""
        base = f"http://127.0.0.1:{self.watched.port(operation.service)}"
        if push.through_gateway and operation.audience != "internal":
            base = self.watched.stack.gateway
        answer = await self._answered(push, f"{base}{push.path}")
        if answer.is_error:
            self.refusals.append((operation, answer))
        return answer.status_code not in {400, 422} or not _is_about_shape(answer)

    async def _answered(self, push: Push, url: str) -> httpx.Response:
        headers = {
            **push.headers,
            "Idempotency-Key": f"{push.headers['Idempotency-Key']}{secrets.token_hex(4)}",
        }
        async with self.http.stream(
            push.method, url, content=push.content, headers=headers
        ) as answer:
            if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                await answer.aread()
            return answer


def _is_about_shape(answer: httpx.Response) -> bool:
    if "json" not in answer.headers.get("Content-Type", ""):
        return False
    return answer.json().get("code") in {"invalid_request", "malformed_json", "invalid_target"}


@dataclass(frozen=True)
class Writer:
    """Writes the requests of one operation."""

    operation: Operation
    marks: Marks
    world: World
    credentials: Mapping[str, str]

    def pushes(self) -> Iterator[Push]:
        """Give everything that is sent."""
        yield from (self._push(content, well=True) for content in self._well_shaped())
        query = f"?{urlencode({n: f'{self._mark(*at)} <x>' for n, at in self._asked()})}"
        strange = [
            self._with_marks(body, "{mark}\x1b[31m <{mark}@{mark}>") for body in self._bodies()
        ]
        for content in (*strange, *self._mistyped(), self._broken()):
            yield replace(self._push(content), path=self._path() + query)
        yield replace(
            self._push(strange[0]), headers=self._headers(strange=True), through_gateway=True
        )
        forged = {**self._headers(strange=True), **self._forged()}
        yield replace(self._push(strange[0]), headers=forged, path=self._path() + query)
        yield from self._elsewhere(query)

    def _asked(self) -> list[tuple[str, tuple[str, str]]]:
        return [(name, ("query", name)) for name in self._named("query")]

    def _elsewhere(self, query: str) -> Iterator[Push]:
        """Ask for things that only a mark names; one in a shape that paths have goes through the gateway."""
        usual = self._push(next(self._well_shaped()))
        for name in self._named("path"):
            mark = self._mark("path", name)
            yield replace(usual, path=self._path(**{name: mark}) + query, through_gateway=True)
            yield replace(usual, path=self._path(**{name: f"{mark} x@example.com"}))

    def _push(self, content: str, *, well: bool = False) -> Push:
        path = f"{self._path()}?{urlencode(self._query())}"
        return Push(self.operation.method, path, content, self._headers(), well=well)

    def _mark(self, part: str, name: str) -> str:
        return self.marks.of(self.operation.place(part, name))

    def _named(self, part: str) -> list[str]:
        return self.operation.named(part)

    def _path(self, **instead: str) -> str:
        names = {name: self.world.names[name] for name in self._named("path")} | instead
        return self.operation.path.format_map({n: quote(v, safe="") for n, v in names.items()})

    def _query(self) -> dict[str, object]:
        return {
            one["name"]: self._good(one["schema"], one["name"])
            for one in self.operation.parameters
            if one["in"] == "query" and "$ref" not in str(one["schema"])
        }

    def _good(self, schema: Mapping[str, Any], name: str) -> object:
        schema = next((s for s in schema.get("anyOf", ()) if s.get("type") != "null"), schema)
        if schema.get("type") in {"integer", "boolean"}:
            return {"integer": 1, "boolean": "true"}[schema["type"]]
        place = self.operation.place("query", name)
        return well_shaped(Text(schema, name), self.marks.of(place), self.marks.phone_of(place))

    def _bodies(self) -> list[Any]:
        names = self.operation.fields
        return list(self.operation.bodies) or [{name: Text({}, name) for name in names}]

    def _well_shaped(self) -> Iterator[str]:
        one_of = set(ONE_OF.get(self.operation.name, ()))
        for body in self._bodies():
            filled = written(body, self._fitting)
            for name in one_of or [None]:
                yield self._encoded({n: v for n, v in filled.items() if n not in one_of - {name}})
            if self.operation.required:
                yield self._encoded({name: filled[name] for name in self.operation.required})

    def _fitting(self, text: Text) -> str:
        place = self.operation.place(self._part, text.pointer)
        return well_shaped(text, self.marks.of(place), self.marks.phone_of(place))

    @property
    def _part(self) -> str:
        return "form" if self.operation.fields else "body"

    def _with_marks(self, body: Any, shape: str) -> str:
        return self._encoded(
            written(body, lambda text: shape.format(mark=self._mark(self._part, text.pointer)))
        )

    def _mistyped(self) -> Iterator[str]:
        for body in self.operation.bodies:
            yield json.dumps(written(body, lambda text: [self._mark("body", text.pointer)]))

    def _broken(self) -> str:
        return f'{{"{self._mark("body", "/unasked")}": "{self._mark("body", "/unasked")}'

    def _encoded(self, body: Any) -> str:
        if self.operation.media_type == FORM:
            return urlencode(body)
        return json.dumps(body or {"unasked": self._mark("body", "/unasked")})

    def _headers(self, *, strange: bool = False) -> dict[str, str]:
        listed = {place.name for place in self.operation.places() if place.part == "header"}
        asked = {*_HARMLESS, *self._named("header")} - {"Cart-Token"}
        sent = listed - {*_CREDENTIALS} if strange else {*asked, "Idempotency-Key"}
        marked = {name: f"{self._mark('header', name)}" for name in sent}
        return {**marked, **self.credentials, "Content-Type": self.operation.media_type}

    def _forged(self) -> dict[str, str]:
        mark = self._mark("header", "Authorization")
        basic = base64.b64encode(f"{mark}:{mark}".encode()).decode()
        bearer = f"Bearer {self._mark('header', 'Service-Authorization')}.x.y"
        as_client = self.operation.media_type == FORM
        return {
            "Authorization": f"Basic {basic}" if as_client else f"Bearer {mark}.{mark}.{mark}",
            "Service-Authorization": bearer,
        }
