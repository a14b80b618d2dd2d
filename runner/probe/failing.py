"""Failing: which way a request failed, from what aiohttp and the system say of it."""

from __future__ import annotations

import errno
import ssl

import aiohttp
from aiohttp import http_exceptions

from runner.slo.sample import CAUSE_SHIFT, Cause, Flag

_NUMBERS = {
    errno.ECONNREFUSED: Cause.REFUSED,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTDOWN: Cause.UNREACHABLE,
    errno.ENETDOWN: Cause.UNREACHABLE,
    errno.ETIMEDOUT: Cause.SLOW_CONNECT,  # the kernel's own patience, where it is shorter than ours
    errno.EADDRNOTAVAIL: Cause.NO_PORT,
    errno.EMFILE: Cause.NO_PORT,
    errno.ENFILE: Cause.NO_PORT,
    errno.ENOBUFS: Cause.NO_PORT,
}
_FLAGS = {Cause.NOT_HTTP: Flag.PROTOCOL, Cause.NO_PORT: Flag.SHED, Cause.SLOW_CONNECT: Flag.TIMEOUT}
"""Of the causes that are no failure of the connection."""
_CUT_HTTP = (http_exceptions.ContentLengthError, http_exceptions.TransferEncodingError)


def flags(problem: BaseException, *, heard: bool, at_proxy: bool) -> int:
    """Flag and cause of a request that ended like this.

    `heard`: something of its answer had come; `at_proxy`: it went through one that had not yet led to the service.
    """
    found = cause(problem, heard=heard, at_proxy=at_proxy)
    return _FLAGS.get(found, Flag.CONNECTION) | found << CAUSE_SHIFT


def cause(problem: BaseException, *, heard: bool, at_proxy: bool) -> Cause:
    """The cause alone."""
    root = _root(problem)
    if isinstance(problem, aiohttp.ClientConnectorError) and _NUMBERS.get(number(problem.os_error)) is Cause.NO_PORT:
        return Cause.NO_PORT
    if isinstance(problem, aiohttp.ClientSSLError) or isinstance(root, ssl.SSLError | ssl.CertificateError):
        return Cause.TLS
    if at_proxy:
        return Cause.PROXY
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return Cause.DNS
    if isinstance(root, http_exceptions.HttpProcessingError) and not isinstance(root, _CUT_HTTP):
        return Cause.NOT_HTTP
    if isinstance(problem, aiohttp.ClientConnectorError):  # an end in the TLS handshake has no number of its own
        return _NUMBERS.get(found := number(problem.os_error), Cause.RESET if found else Cause.CLOSED)
    if isinstance(problem, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return _broken(problem, heard)
    return Cause.NOT_HTTP


def _broken(problem: BaseException, heard: bool) -> Cause:
    """A connection that was there, and ended."""
    if heard or isinstance(problem, aiohttp.ClientPayloadError):
        return Cause.CUT_SHORT
    if isinstance(problem, OSError):
        return _NUMBERS.get(number(problem), Cause.RESET)
    return Cause.CLOSED


def number(problem: OSError) -> int:
    """Its errno; of several addresses that were tried one after another the last one's."""
    if problem.errno:
        return problem.errno
    numbers = [part.partition("]")[0] for part in str(problem).split("[Errno ")[1:]]
    return int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0


def _root(problem: BaseException) -> BaseException:
    while problem.__cause__ is not None:
        problem = problem.__cause__
    return problem
