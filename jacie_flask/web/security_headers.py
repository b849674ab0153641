"""What browsers are told about every answer: what a page may load and run, and that nothing else is a page."""

import secrets

from flask import Flask, Response, g

from jacie_flask.config import Settings

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-DNS-Prefetch-Control": "off",  # a link in an answer asks for nothing before it is followed
}
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'; sandbox"
_PAGE = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE_ONLY = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), browsing-topics=(), camera=(), clipboard-read=(), display-capture=(), geolocation=(), "
    "gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()",
}


def init_app(app: Flask, settings: Settings) -> None:
    """Give each template a nonce and each response its headers."""
    resources = "cross-origin" if settings.cors_origins else "same-origin"
    always = {**_ALWAYS, "Cross-Origin-Resource-Policy": resources}

    @app.context_processor
    def nonce() -> dict[str, str]:
        if "csp_nonce" not in g:
            g.csp_nonce = secrets.token_urlsafe(16)
        return {"csp_nonce": g.csp_nonce}

    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers.extend(always)
        if "csp_nonce" in g:
            headers.extend(_PAGE_ONLY)
            headers["Content-Security-Policy"] = _PAGE.format(nonce=g.csp_nonce)
        elif response.mimetype != "application/pdf":  # browsers' viewers of PDF run apart from us, and open under no policy
            headers["Content-Security-Policy"] = _NO_PAGE
        return response
