"""Starts the server of a study, and prints the links by which people enter it."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heatproof.errors import ExperimentError
from heatproof.reading.app import app
from heatproof.reading.cases import Cases
from heatproof.reading.export import archive
from heatproof.reading.guard import Guard
from heatproof.reading.ledger import ADMIN, Ledger
from heatproof.reading.room import Room
from heatproof.reading.study import Study

LEDGER = "study.sqlite"


@dataclass(frozen=True)
class Address:
    """Where a server is reached.

    Attributes:
        host: What it binds to.
        port: 0 for any that is free.
        certificate: File of the TLS certificate; None without TLS.
        key: File of its key.
        name: The host name (and port) in links, where it is another, such as that of a proxy.
        without_tls: Whether others than this machine may reach it without TLS.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    certificate: Path | None = None
    key: Path | None = None
    name: str | None = None
    without_tls: bool = False

    def __post_init__(self) -> None:
        """Refuse to send films over a network for all to read."""
        if (self.certificate is None) != (self.key is None):
            raise ExperimentError("TLS takes both files: --tls-certificate and --tls-key")
        if self.certificate is None and not self.without_tls and not is_loopback(self.host):
            raise ExperimentError(
                f"--host {self.host} lets other machines in, without TLS: whoever shares the"
                " network could read links, films and answers. Give --tls-certificate and"
                " --tls-key; or say --without-tls where a proxy in front adds TLS (its address:"
                " --name)"
            )

    @property
    def secure(self) -> bool:
        """Whether browsers come by HTTPS: to this server, or to a proxy that is named https://."""
        return self.certificate is not None or (self.name or "").startswith("https://")

    def names(self, port: int) -> frozenset[str]:
        """Names by which browsers may ask."""
        if self.name is not None:
            return frozenset({self.name.partition("://")[2] or self.name})
        hosts = {"127.0.0.1", "localhost", "[::1]"} if is_loopback(self.host) else {self.host}
        default = 443 if self.secure else 80
        return frozenset(
            text for host in hosts for text in (f"{host}:{port}", *([host] * (port == default)))
        )

    def url(self, port: int) -> str:
        """The address in links."""
        scheme = "https" if self.secure else "http"
        host = (self.name or "").partition("://")[2] or self.name or f"{self.host}:{port}"
        return f"{scheme}://{host}/"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def opened(study: Study) -> Room:
    """The room of a study: its films checked, its file there."""
    cases = Cases.open(study)
    return Room(study, cases, Ledger(study.output_folder / LEDGER))


def links(room: Room, url: str, *, anew: bool = False) -> dict[str, str]:
    """Links of those who have none yet, and a new one of the admin; of all, where ``anew``.

    Their secrets stand behind ``#``, which browsers do not send, so that no log holds them.
    """
    names = [each.name for each in room.study.readers]
    wanted = [name for name in names if anew or not room.ledger.has_token(name)]
    return {name or "admin": f"{url}#{room.ledger.new_token(name)}" for name in [*wanted, ADMIN]}


def serve(room: Room, address: Address, *, anew: bool, say: Callable[[str, str], None]) -> None:
    """Serve until the process is told to end.

    Args:
        room: The study.
        address: Where.
        anew: Whether all readers get new links.
        say: Told a name and the link of it, once browsers are let in.
    """
    import uvicorn

    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host.strip("[]"), address.port))
    except OSError as error:
        raise ExperimentError(
            f"cannot listen at {address.host}, port {address.port}: {error}; is a study served"
            " there already? Choose another: --port 8766"
        ) from error
    port = listening.getsockname()[1]
    guarded = Guard(
        app(room, secure=address.secure, exported=archive),
        address.names(port),
        room.cookie,
        address.secure,
        room.study.private,
    )
    config = uvicorn.Config(
        guarded,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
        timeout_graceful_shutdown=3,
    )
    for name, link in links(room, address.url(port), anew=anew).items():
        say(name, link)
    # Its own handling of signals would take Ctrl-C from whoever called.
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening])
    finally:
        room.ledger.close()
