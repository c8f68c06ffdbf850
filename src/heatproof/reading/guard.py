"""What every request passes before the app sees it, and what every answer carries.

Refused: names of the server that it was not given (DNS rebinding), origins of other sites, requests
without the token that only pages of this server know (CSRF), bodies that are too large, and too
many requests of one client.  Answers carry a policy by which a browser runs and loads nothing but
what this server sends, and keeps nothing where the study is private.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF = "x-csrf-token"
MOST_BYTES = 512 * 1024
ENTER = "/api/session"
# img-src and style-src: the viewer draws on canvases, and gives styles by scripts alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
    " connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_SAFE = ("GET", "HEAD")


def csrf_of(session: str) -> str:
    """The token that pages of a session send with every change; no other site can know it."""
    return hmac.new(session.encode(), b"heatproof csrf", sha256).hexdigest()


@dataclass
class Buckets:
    """How many requests a client may make: ``rate`` a second, ``burst`` at once.

    Attributes:
        rate: Tokens that come back in a second.
        burst: Most tokens.
    """

    rate: float
    burst: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def left(self, client: str) -> float:
        """How many tokens the client has now."""
        now = time.monotonic()
        left, at = self._left.get(client, (self.burst, now))
        return min(self.burst, left + (now - at) * self.rate)

    def take(self, client: str) -> bool:
        """Whether the client may go on, at the cost of a token."""
        now, left = time.monotonic(), self.left(client)
        if len(self._left) > 10_000:  # noqa: PLR2004  a client that came once is forgotten
            self._left.clear()
        self._left[client] = (left - 1 if left >= 1 else left, now)
        return left >= 1


@dataclass
class Guard:
    """The middleware.

    Attributes:
        app: What is guarded.
        names: Host names, with ports, by which the server may be asked.
        cookie: Name of the cookie that holds the session.
        secure: Whether browsers reach it by HTTPS.
        private: Whether browsers may keep nothing.
        entering: How often an address may try links that are none.
        asking: How often a session may ask anything.
        coming: How often an address may.
    """

    app: ASGIApp
    names: frozenset[str]
    cookie: str
    secure: bool = False
    private: bool = True
    entering: Buckets = field(default_factory=lambda: Buckets(0.2, 10.0))
    asking: Buckets = field(default_factory=lambda: Buckets(50.0, 400.0))
    coming: Buckets = field(default_factory=lambda: Buckets(1000.0, 4000.0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web socket is served
            return
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Readers of one hospital share an address, so that only guesses count.
                if path == ENTER and message["status"] == 401:  # noqa: PLR2004
                    self.entering.take(_address(scope))
                self._mark(MutableHeaders(scope=message), path)
            await send(message)

        refusal = self._refusal(scope, headers, method, path)
        if refusal is not None:
            status, words = refusal
            await JSONResponse({"error": words}, status)(scope, receive, sending)
            return
        body = b""
        if method not in _SAFE:
            read = await _body(receive)
            if read is None:
                answer = JSONResponse({"error": "the request is too large"}, 413)
                await answer(scope, receive, sending)
                return
            body = read
        sent = False

        async def receiving() -> Message:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receiving if method not in _SAFE else receive, sending)

    def _refusal(  # noqa: PLR0911  # one for each reason
        self, scope: Scope, headers: Headers, method: str, path: str
    ) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if host.lower() not in self.names:
            return 421, "this server is not known by that name"
        client = _address(scope)
        session = _cookies(headers).get(self.cookie, "")
        if path == ENTER and method == "POST" and self.entering.left(client) < 1:
            return 429, "too many tries; wait a minute"
        if not (self.coming.take(client) and self.asking.take(session or client)):
            return 429, "too many requests; wait a moment"
        if method in _SAFE:
            return None
        scheme = "https" if self.secure else "http"
        if headers.get("origin") != f"{scheme}://{host}":
            return 403, "the request comes from another site"
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            return 415, "expected JSON"
        length = headers.get("content-length", "0")
        # Python refuses to make numbers of thousands of digits.
        if not length.isdecimal() or len(length) > 12 or int(length) > MOST_BYTES:  # noqa: PLR2004
            return 413, "the request is too large"
        if path != ENTER and not hmac.compare_digest(
            headers.get(CSRF, "").encode(), csrf_of(session).encode()
        ):
            return 403, "the request lacks the token of this page; load the page again"
        return None

    def _mark(self, headers: MutableHeaders, path: str) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if self.secure:
            headers["strict-transport-security"] = "max-age=31536000"
        if path.startswith("/api/"):
            # Also where films may be kept, answers about readers may not.
            kept = path.startswith(("/api/film/", "/api/map/")) and not self.private
            headers["cache-control"] = "private, max-age=3600" if kept else "no-store"
        else:
            headers["cache-control"] = "no-cache"  # the code of the page, which is nobody's secret


def _address(scope: Scope) -> str:
    """Where a request comes from."""
    return str((scope.get("client") or ("unknown",))[0])


async def _body(receive: Receive) -> bytes | None:
    """The body; None where it is too large, whatever its header says."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        more: bytes = message.get("body", b"")
        body += more
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body"):
            return body


def _cookies(headers: Headers) -> Mapping[str, str]:
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return {name: value for name, _, value in pairs}
