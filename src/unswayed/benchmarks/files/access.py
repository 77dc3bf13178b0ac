"""What foreign files may make this machine read: no links out of their folder, no addresses of a private
network.

A downloaded benchmark names files and addresses. Without these checks a link or an ``image_url`` in it could
send a private file, or the answer of a server inside the user's network, to a remote model.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from unswayed.errors import BadInput


@dataclass(frozen=True)
class Access:
    """What the user allows beyond the default."""

    private_urls: bool = False
    """Images may be fetched from private, loopback and link-local addresses."""
    outside_links: bool = False
    """Symbolic links may lead out of the folder."""


DEFAULT = Access()


def boundary(folder: Path) -> Path:
    """The resolved folder that links in `folder` must not leave.

    Of a snapshot in the hub's cache (``datasets--…/snapshots/REVISION``) it is the data set's folder, because
    the hub's client stores every file as a link to ``blobs/``.
    """
    real = folder.resolve()
    for parent in (real, *real.parents):
        if parent.parent.name == "snapshots" and parent.parent.parent.name.startswith("datasets--"):
            return parent.parent.parent
    return real


def check_inside(path: Path, limit: Path, access: Access) -> None:
    """Raise `BadInput` if `path` resolves to something outside `limit` (as from `boundary`)."""
    if access.outside_links:
        return
    real = Path(os.path.realpath(path))
    if real != limit and limit not in real.parents:
        raise BadInput(
            f"{path} leads out of {limit} by a symbolic link; copy the file there, or allow such links with "
            "--follow-links"
        )


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of `host`, if all are public. Raises `OSError` where it cannot be resolved, or one is
    not.

    Literal addresses in any notation (``127.1``, ``2130706433``) are resolved too, so the spelling does not
    matter.
    """
    addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for address in sorted(addresses):
        if not is_public(address):
            raise PermissionError(
                f"{host} is the private or local address {address}; allow such addresses with "
                "--allow-private-urls"
            )
    return sorted(addresses, key=lambda address: ":" in address)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also as an IPv4 address inside an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in ipaddress.ip_network("64:ff9b::/96") or int(ip) >> 32 == 0:
            embedded.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if not all(part is None or is_public(str(part)) for part in embedded):
            return False
    return ip.is_global and not ip.is_multicast
