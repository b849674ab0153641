"""Which line to change in which proxy: proxies are recognised by what they say of themselves in an answer."""

from collections.abc import Mapping

_PROXIES = ("nginx", "cloudflare", "Apache", "Caddy", "awselb", "Varnish", "envoy")
_LINES = {
    "buffering": {
        "nginx": "proxy_buffering off; and no proxy_ignore_headers X-Accel-Buffering;",
        "cloudflare": "turn off what rewrites or caches responses on these paths",
        "Apache": "ProxyPass ... flushpackets=on",
        "Caddy": "flush_interval -1",
        "Varnish": "set beresp.do_stream = true;",
        "": "nginx: proxy_buffering off; Apache: flushpackets=on; HAProxy: no compression; a CDN or API gateway: bypass it",
    },
    "compression": {
        "nginx": "gzip off; or no text/event-stream (and no *) in gzip_types, and keep Jacie's Content-Encoding",
        "Apache": 'SetEnvIf Request_URI "/(stream|events)$" no-gzip',
        "": "HAProxy: no text/event-stream in compression type; nginx: gzip_types without it",
    },
    "version": {
        "nginx": 'proxy_http_version 1.1; proxy_set_header Connection "";',
        "": "nginx: proxy_http_version 1.1; others: speak HTTP/1.1 to Jacie",
    },
    "silence": {
        "nginx": "proxy_read_timeout 60s; (310s for /chat and /fast_chat)",
        "cloudflare": "its limit of 100 s cannot be raised: poll instead of POST /chat",
        "Apache": "ProxyPass ... timeout=310",
        "awselb": "idle_timeout.timeout_seconds=310",
        "": "HAProxy: timeout server 60s (310s for /chat and /fast_chat); nginx: proxy_read_timeout; AWS: idle timeout",
    },
    "duration": {
        "nginx": "no worker_shutdown_timeout below 310s; whatever stands before or behind nginx: its longest request",
        "": "HAProxy: timeout tunnel, hard-stop-after; hosted: the longest request or stream (Cloud Run --timeout, Heroku, API gateways)",
    },
    "body": {
        "nginx": "client_max_body_size {mib}m;",
        "": "HAProxy: http-request deny ... req.body_size; nginx: client_max_body_size {mib}m; or JACIE_MAX_BODY_BYTES as small",
    },
    "headers": {
        "nginx": 'no proxy_set_header {name} "";',
        "": "whatever removes {name} on the way (HAProxy: http-request del-header; a CDN's allow-list of headers)",
    },
    "host": {"nginx": "proxy_set_header Host $http_host;", "": "pass the Host header on unchanged"},
    "scheme": {
        "nginx": "proxy_set_header X-Forwarded-Proto $scheme; and JACIE_PROXIES",
        "": "HAProxy: http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}; and JACIE_PROXIES",
    },
    "spoofing": {
        "nginx": "proxy_set_header X-Forwarded-For $remote_addr; and JACIE_PROXIES as many as there are proxies",
        "": "HAProxy: http-request set-header X-Forwarded-For %[src]; and JACIE_PROXIES as many as there are proxies",
    },
}


def recognised(headers: Mapping[str, str]) -> str:
    """Return the nearest proxy's name, "" where none tells; ``headers`` have lower-case names."""
    told = f"{headers.get('server', '')} {headers.get('via', '')}".lower()
    return next((name for name in _PROXIES if name.lower() in told), "")


def line(problem: str, proxy: str, **values: object) -> str:
    """Return what to change about a problem."""
    lines = _LINES[problem]
    text = lines.get(proxy, lines[""])
    return (f"{proxy}: " if proxy in lines and proxy else "") + text.format(**values)
