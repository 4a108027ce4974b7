"""Where a telling may go. A name is looked up once and that very address is called, so that it cannot change between.

Unless the settings allow it, only addresses of the open internet are called: else whoever may register a webhook
could make the service knock at doors behind its own firewall.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from model.errors import FenboError

_READ_BYTES: Final = 1024


class TargetRefused(FenboError):
    """An address that must not be called."""


class Undeliverable(FenboError):
    """The target did not take it this time; the text says why, without what the target wrote."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. ``path`` has its query."""

    host: str
    port: int
    path: str
    is_https: bool


def target_of(url: str, *, private: bool) -> Target:
    """The URL's parts. ``private`` allows http and closed networks. Raises `TargetRefused`."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        raise TargetRefused("url 不是合法的网址") from None
    _check_form(parts, host, private=private)
    is_https = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port or (443 if is_https else 80), path, is_https)


def addresses_of(target: Target, *, private: bool) -> list[str]:
    """The addresses that the host's name stands for. Raises `TargetRefused`, `Undeliverable`."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Undeliverable("主机名查不到地址") from None
    addresses = [str(each[4][0]) for each in found]
    if not private and any(not is_public(address) for address in addresses):
        raise TargetRefused("url 指向内部网络；确实要发往内网时，请设 FENBO_WEBHOOK_PRIVATE=true")
    return list(dict.fromkeys(addresses))


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, an IPv4 address inside an IPv6 one included."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


def post(
    target: Target, body: bytes, headers: Mapping[str, str], *, private: bool, timeout_seconds: float
) -> int:
    """Send once and return the status. Follows no redirect. Raises `TargetRefused`, `Undeliverable`."""
    address = addresses_of(target, private=private)[0]
    connection = _Pinned(target, address, timeout_seconds)
    try:
        connection.request("POST", target.path, body=body, headers=dict(headers))
        response = connection.getresponse()
        response.read(_READ_BYTES)
        return response.status
    except TimeoutError:
        raise Undeliverable(f"{timeout_seconds:g} 秒内没有答复") from None
    except ssl.SSLError as error:
        raise Undeliverable(f"TLS 失败（{error.reason or 'SSLError'}）") from None
    except OSError as error:
        raise Undeliverable(f"连接失败（{error.strerror or type(error).__name__}）") from None
    except http.client.HTTPException as error:
        raise Undeliverable(f"答复不是 HTTP（{type(error).__name__}）") from None
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one address under the host's own name."""

    def __init__(self, target: Target, address: str, timeout_seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_seconds)
        self._target = target
        self._address = address

    def connect(self) -> None:
        """To the address that was checked."""
        plain = socket.create_connection((self._address, self._target.port), self.timeout)
        if self._target.is_https:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self._target.host)
        else:
            self.sock = plain


def _check_form(parts: SplitResult, host: str, *, private: bool) -> None:
    schemes = ("https", "http") if private else ("https",)
    if parts.scheme not in schemes or not host:
        raise TargetRefused(f"url 须以 {' 或 '.join(f'{scheme}://' for scheme in schemes)} 开头，并有主机名")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("url 里不能有用户名和密码；请用签名核对来源")
    if parts.fragment:
        raise TargetRefused("url 里不能有 # 之后的部分")
    try:
        literal = ip_address(host)
    except ValueError:
        return
    if not private and not is_public(str(literal)):
        raise TargetRefused("url 指向内部网络；确实要发往内网时，请设 FENBO_WEBHOOK_PRIVATE=true")
