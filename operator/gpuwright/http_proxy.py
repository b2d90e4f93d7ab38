"""A way through the administrator's HTTP proxy: CONNECT (RFC 9110, 9.3.6), and TLS with the provider through it.

The proxy sees where we go and nothing of what is said there: TLS begins after it has stepped aside. So only https goes
through it.
"""

import httpcore

from gpuwright.model.addresses import Proxy

MAX_HEAD = 64 * 1024  # bytes of a proxy's answer


async def tunnel(
    backend: httpcore.AsyncNetworkBackend, proxy: Proxy, host: str, port: int, seconds: float | None
) -> httpcore.AsyncNetworkStream:
    """Return a connection on which the next byte is the provider's.

    Raises:
        httpcore.ConnectError: the proxy cannot be reached, or does not let us through; the provider got nothing.
        httpcore.ConnectTimeout: the proxy, or the provider behind it, took too long.
    """
    stream = await backend.connect_tcp(proxy.host, proxy.port, seconds)
    try:
        await stream.write(_request(proxy, host, port), seconds)
        head = await _head(stream, seconds)
    except (httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
        await stream.aclose()
        raise httpcore.ConnectTimeout(f"the proxy {proxy.host}:{proxy.port} did not answer") from error
    except (httpcore.ReadError, httpcore.WriteError) as error:
        await stream.aclose()
        raise httpcore.ConnectError(f"the proxy {proxy.host}:{proxy.port} hung up: {error}") from error
    except BaseException:
        await stream.aclose()
        raise
    if not _lets_through(head):
        await stream.aclose()
        said = head.partition(b"\r\n")[0].decode("ascii", "replace")[:200] or "nothing"
        raise httpcore.ConnectError(f"the proxy {proxy.host}:{proxy.port} does not let us through to {host}: {said}")
    return stream


def _request(proxy: Proxy, host: str, port: int) -> bytes:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _head(stream: httpcore.AsyncNetworkStream, seconds: float | None) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD:
        chunk = await stream.read(4096, seconds)
        if not chunk:
            break
        head += chunk
    return head


def _lets_through(head: bytes) -> bool:
    """Return whether this is a whole answer that says yes, with nothing after it: the provider's side waits for us."""
    words = head.partition(b"\r\n")[0].split()
    says_yes = len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].startswith(b"2")
    return says_yes and head.endswith(b"\r\n\r\n")
