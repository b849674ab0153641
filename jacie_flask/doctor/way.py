"""The way to a server through whatever stands between: what it buffers, cuts, compresses, drops or makes up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jacie_flask.doctor import advice
from jacie_flask.doctor.findings import Check, Finding, examine
from jacie_flask.doctor.wire import Answer, Heard, Server, Unreachable

QUICK_S = 5.0
_PATIENCE_S = 15.0
_TOGETHER, _LATE_S = 0.5, 0.5
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STRANGER, _SPOOFED = "https://doctor.invalid", "203.0.113.9"
_PASSED_ON = {"Idempotency-Key": "doctor", "Last-Event-ID": "0.1", "X-Request-ID": "doctor-1", "Authorization": "Bearer doctor"}
_ASKED = ("Authorization", "Idempotency-Key", "Last-Event-ID", "X-Request-ID")


@dataclass(frozen=True)
class Way:
    """A server, the proxy that is nearest to us, and what the server says of itself."""

    server: Server
    proxy: str
    told: dict[str, Any]

    def line(self, problem: str, **values: object) -> str:
        """Return what to change about a problem on this way."""
        return advice.line(problem, self.proxy, **values)


def look(server: Server, *, long_s: float = QUICK_S, origin: str = "") -> list[Finding]:
    """Return all that was found; ``long_s`` is the silence and the duration that are tried, ``origin`` a page's that may call."""
    try:
        health, echo = server.ask("GET", "/health"), server.ask("GET", "/health/request")
    except Unreachable as error:
        return [Finding("reach", "fail", f"{server.url}: {error}", "the address, DNS, TLS, firewall")]
    first = _reached(server, health, echo)
    if first.state == "fail":
        return [first]
    way = Way(server, advice.recognised(health.headers), echo.json)
    checks: dict[str, Check] = {
        "access": lambda: _access(way),
        "streaming": lambda: _streaming(way),
        "silence": lambda: _silence(way, long_s),
        "duration": lambda: _duration(way, long_s),
        "body": lambda: _body(way),
        "headers": lambda: _headers(way),
        "forwarded": lambda: _forwarded(way),
        "cors": lambda: _cors(way, origin),
    }
    return [first, *examine(checks, long_s + _PATIENCE_S)]


def _reached(server: Server, health: Answer, echo: Answer) -> Finding:
    took_ms = round(health.took_s * 1000)
    if health.status != 200 or health.json.get("status") != "ok":
        said = f"/health answers {health.status} ({health.headers.get('server', 'no name')}), not Jacie's"
        return Finding("reach", "fail", said, "the address; the proxy's upstream; is Jacie running?", took_ms)
    if echo.status != 200 or "protocol" not in echo.json:
        said = f"/health/request answers {echo.status}: an older Jacie, or a proxy that asks for credentials or passes some paths only"
        return Finding("reach", "fail", said, "pass all paths on to Jacie", took_ms)
    between = advice.recognised(health.headers) or health.headers.get("server", "a server without a name")
    return Finding("reach", "ok", f"{server.url} answers, {between} nearest to us", took_ms=took_ms)


# ---------------------------------------------------------------------------------------------------------- streaming


def _streaming(way: Way) -> Iterator[Finding]:
    heard = way.server.listen(9, 0.25, {"Accept-Encoding": "gzip", "Accept": "text/event-stream"})
    if len(heard.came) < 2:
        yield Finding("streaming", "fail", f"/health/stream answers {heard.status}, {len(heard.came)} of 9 probes {heard.broke}")
        return
    problems = [*_delays(way, heard), *_disguises(way, heard)]
    yield from problems
    if not problems:
        latest = round(1000 * max(_lags(heard)))
        yield Finding("streaming", "ok", f"events arrive as they are sent, the latest {latest} ms behind the fastest")


def _lags(heard: Heard) -> list[float]:
    """Return how much longer than the fastest each probe took, whatever the clocks say."""
    took = [came - sent for came, sent in zip(heard.came, heard.sent, strict=True)]
    return [one - min(took) for one in took]


def _delays(way: Way, heard: Heard) -> Iterator[Finding]:
    spread, meant = heard.came[-1] - heard.came[0], heard.sent[-1] - heard.sent[0]
    if spread < _TOGETHER * meant:
        said = f"buffered: events sent over {meant:.1f} s arrive within {spread:.1f} s"
        yield Finding("streaming", "fail", said, way.line("buffering"))
    elif max(_lags(heard)) > _LATE_S:
        said = f"some events arrive {max(_lags(heard)):.1f} s later than others"
        yield Finding("streaming", "warn", said, way.line("buffering"))


def _disguises(way: Way, heard: Heard) -> Iterator[Finding]:
    encoding = heard.headers.get("content-encoding", "identity")
    if encoding != "identity":
        yield Finding("streaming", "fail", f"compressed on the way ({encoding})", way.line("compression"))
    if not heard.headers.get("content-type", "").startswith("text/event-stream"):
        yield Finding("streaming", "fail", f"comes as {heard.headers.get('content-type')}", "pass Content-Type on unchanged")
    if "no-transform" not in heard.headers.get("cache-control", ""):
        yield Finding("streaming", "warn", "Cache-Control: no-transform was removed", "pass Cache-Control on unchanged")
    if heard.version == 10 or way.told.get("protocol") == "HTTP/1.0":
        side = "us" if heard.version == 10 else "Jacie"
        yield Finding("streaming", "warn", f"the proxy speaks HTTP/1.0 to {side}: a cut looks like an end", way.line("version"))


# ----------------------------------------------------------------------------------------------------- silence, duration


def _silence(way: Way, seconds: float) -> Iterator[Finding]:
    heard = way.server.listen(2, seconds)
    if uncut := _uncut("silence", heard, f"a stream may be silent for {seconds:g} s{_longer(seconds, way)}"):
        yield uncut
        return
    heartbeat_s = float(way.told.get("heartbeat_s", 4.0))
    said = f"cut after {heard.lasted_s:.1f} s of silence"
    if heard.lasted_s > 1.5 * heartbeat_s:
        said += f": enough for streams (a heartbeat every {heartbeat_s:g} s), too short for POST /chat"
        yield Finding("silence", "warn", said, way.line("silence"))
        return
    said += f", and a heartbeat comes every {heartbeat_s:g} s"
    yield Finding("silence", "fail", said, f"{way.line('silence')}; or JACIE_HEARTBEAT_S below {heard.lasted_s:.1f}")


def _duration(way: Way, seconds: float) -> Iterator[Finding]:
    heard = way.server.listen(int(seconds / 0.5) + 1, 0.5)
    if uncut := _uncut("duration", heard, f"a stream may last {seconds:g} s{_longer(seconds, way)}"):
        yield uncut
        return
    state = "fail" if heard.lasted_s < 30.0 else "warn"
    said = f"cut after {heard.lasted_s:.1f} s although events were coming: clients have to resume"
    yield Finding("duration", state, said, way.line("duration"))  # type: ignore[arg-type]


def _uncut(part: str, heard: Heard, whole: str) -> Finding | None:
    """Return what there is to say of a stream that did not begin, or came ``whole``; None of one that was cut."""
    if heard.status != 200:
        return Finding(part, "warn", f"not tried: /health/stream answers {heard.status or heard.broke}", "look again in a moment")
    return Finding(part, "ok", whole) if heard.whole else None


def _longer(seconds: float, way: Way) -> str:
    enough = float(way.told.get("deadline_s", 300.0))
    return "" if seconds >= enough else f" (up to {enough:g} s are tried with --long {enough:g})"


# ------------------------------------------------------------------------------------------------------------- requests


def _access(way: Way) -> Iterator[Finding]:
    """Ask for something that needs a key, with the one that was given or without any."""
    status = way.server.ask("GET", "/documents?limit=1").status
    here = urlsplit(way.server.url).hostname in _LOOPBACK and not way.told["forwarded_for"]
    found = {
        (True, 200): Finding("access", "ok", "the key is good for questions"),
        (True, 401): Finding(
            "access", "fail", "the key is not valid there", "JACIE_KEY; keys list on the server; Authorization on the way"
        ),
        (True, 403): Finding("access", "fail", "the key does not cover questions", "a key with the scope ask"),
        (False, 200): Finding("access", "warn", "anybody may ask", "keys create NAME on the server, and no JACIE_OPEN"),
        (False, 401): Finding("access", "ok", "a key is needed (give one in JACIE_KEY to try it)"),
        (False, 403): Finding(
            "access", "fail", "there are no keys, so nothing that comes through a proxy is answered", "keys create NAME"
        ),
    }
    if here and not way.server.key and status == 200:
        yield Finding("access", "ok", "this machine may ask without a key, and nobody else")
        return
    other = Finding("access", "fail", f"/documents answers {status}", "doctor on the server")
    yield found.get((bool(way.server.key), status), other)


def _body(way: Way) -> Iterator[Finding]:
    size = int(way.told["max_body_bytes"])
    change = way.line("body", mib=-(-size // 2**20))
    try:
        answer = way.server.ask("POST", "/health/request", {"Content-Type": "application/octet-stream"}, b" " * size)
    except Unreachable as error:
        yield Finding("body", "fail", f"a body of {size} bytes, as Jacie takes it, does not pass ({error})", change)
        return
    if answer.status != 200 or answer.json.get("body_bytes") != size:
        yield Finding("body", "fail", f"a body of {size} bytes, as Jacie takes it, is answered with {answer.status}", change)
        return
    yield Finding("body", "ok", f"{size} bytes pass")


def _headers(way: Way) -> Iterator[Finding]:
    answer = way.server.ask("GET", "/health/request", _PASSED_ON)
    arrived = answer.json.get("headers", {})
    lost = [name for name in _ASKED if not arrived.get(name)]
    for name in lost:
        yield Finding("headers", "fail", f"{name} does not arrive", way.line("headers", name=name))
    if "X-Request-ID" not in lost and answer.headers.get("x-request-id") != _PASSED_ON["X-Request-ID"]:
        yield Finding("headers", "warn", "X-Request-ID is replaced on the way", "keep the caller's where there is one")
    if not lost:
        yield Finding("headers", "ok", f"{', '.join(_ASKED)} arrive")


def _forwarded(way: Way) -> Iterator[Finding]:
    claims = {"X-Forwarded-For": _SPOOFED, "X-Forwarded-Proto": "gopher"}
    told = way.server.ask("GET", "/health/request", claims).json
    hops, trusted = int(way.told["forwarded_for"]), int(way.told["proxies"])
    url = urlsplit(way.server.url)
    problems = []
    if told.get("client") == _SPOOFED or told.get("scheme") == "gopher":
        said = "a client can claim any address: X-Forwarded-For is passed on as it came"
        problems.append(Finding("forwarded", "fail", said, way.line("spoofing")))
    if hops > trusted:
        said = f"{hops} proxies name the client, {trusted} are counted: all clients have a proxy's address"
        problems.append(Finding("forwarded", "warn", said, f"JACIE_PROXIES={hops}{_and_trust(way.told)}"))
    elif hops and not way.told["forwarder_trusted"]:
        said = f"X-Forwarded-For comes from {way.told['client']}, which is not trusted: all clients have its address"
        problems.append(Finding("forwarded", "warn", said, f"JACIE_TRUSTED_PROXIES={way.told['client']}"))
    if way.told["scheme"] != url.scheme:
        said = f"Jacie takes requests by {url.scheme} for {way.told['scheme']}"
        problems.append(Finding("forwarded", "warn", said, way.line("scheme")))
    if way.told["host"].partition(":")[0] != url.hostname:
        said = f"Jacie takes the host {url.netloc} for {way.told['host']}"
        problems.append(Finding("forwarded", "warn", said, way.line("host")))
    yield from problems or [Finding("forwarded", "ok", f"the client is {way.told['client']}, {hops} proxies name it")]


def _and_trust(told: dict[str, Any]) -> str:
    """Return what else to change where the nearest proxy is not on Jacie's machine."""
    near = told["forwarder_trusted"] or told["client"] in _LOOPBACK
    return "" if near else f" and JACIE_TRUSTED_PROXIES={told['client']}"


def _cors(way: Way, origin: str) -> Iterator[Finding]:
    strange = way.server.ask("GET", "/health", {"Origin": _STRANGER})
    allowed = strange.headers.get("access-control-allow-origin", "")
    if allowed in ("*", _STRANGER):
        said = f"any page may call: Access-Control-Allow-Origin {allowed} for {_STRANGER}"
        yield Finding("cors", "fail", said, "the proxy's own CORS header; leave it to JACIE_CORS_ORIGINS")
        return
    if not origin:
        yield Finding("cors", "ok", "pages of strangers may not call (--origin https://app.example.com tries one that should)")
        return
    yield _page_may_call(way, origin)


def _page_may_call(way: Way, origin: str) -> Finding:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = way.server.ask("OPTIONS", "/chat/stream", asked)
    if answer.headers.get("access-control-allow-origin") != origin:
        return Finding("cors", "fail", f"pages of {origin} may not call", f"JACIE_CORS_ORIGINS={origin}; let OPTIONS pass")
    if answer.repeated["access-control-allow-origin"] > 1:
        return Finding(
            "cors", "fail", "Access-Control-Allow-Origin comes twice: browsers refuse it", "the proxy's own CORS header"
        )
    return Finding("cors", "ok", f"pages of {origin} may call")
