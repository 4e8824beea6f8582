"""Reading what a web server answers: no more than is bearable, from nobody else, and why not."""

from __future__ import annotations

import http.client
import ssl
import urllib.request

from caviar.study.wording import one_line


class StayHere(urllib.request.HTTPRedirectHandler):
    """Follows nobody to another address: urllib would take the token along."""

    def redirect_request(self, *_: object) -> None:
        """Makes no other request; the answer is an error then."""


def whole(answer: http.client.HTTPResponse, most: int) -> bytes:
    """An answer's bytes; one more than `most` if there are more.

    Raises:
        http.client.IncompleteRead: it broke off.
    """
    raw = answer.read(most + 1)
    if answer.length and len(raw) <= most:  # asked for so many, it says nothing of those missing
        raise http.client.IncompleteRead(raw, answer.length)
    return raw


def reason(error: BaseException, patience_s: float) -> str:
    """Why a connection failed, in a few words."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"nothing for {patience_s:.0f} s"
    if isinstance(inner, ssl.SSLError):
        return f"its certificate or encryption: {inner.reason}"
    told = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return one_line(told)
