"""A live proxy from start to end: signals, other configurations, addresses that come and go."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.live import work as module
from scapy_rr.live.proxy import LiveProxy
from scapy_rr.live.work import work
from scapy_rr.proxy.router import Router

from .ends import Datagrams, built_in, free_port, request


def working(
    make: Callable[[], Router], *steps: Callable[[LiveProxy], object], seconds: float | None = None, follow: bool = False
) -> LiveProxy:
    """Let a proxy work; ``steps`` are done one after the other, each when the one before is true."""
    proxy = LiveProxy(make())

    async def played() -> None:
        async def script() -> None:
            for step in steps:
                while not step(proxy):
                    await asyncio.sleep(0.01)

        acting = asyncio.ensure_future(script())
        await asyncio.wait_for(work(proxy, make, seconds, follow), 30)
        await acting

    asyncio.run(played())
    return proxy


def kill(one: signal.Signals) -> Callable[[LiveProxy], bool]:
    """A step that sends this process a signal once the proxy listens."""

    def step(proxy: LiveProxy) -> bool:
        if not proxy.listeners:
            return False
        os.kill(os.getpid(), one)
        return True

    return step


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_when_what_came_is_routed(ending: signal.Signals) -> None:
    port = free_port()
    with Datagrams() as alice, Datagrams() as bob:

        def came(proxy: LiveProxy) -> bool:
            if not proxy.listeners:
                return False
            alice.send(request("OPTIONS", f"sip:127.0.0.1:{bob.port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK1"), port)
            os.kill(os.getpid(), ending)
            return True

        done = working(lambda: built_in(f"udp:127.0.0.1:{port}"), came)
        assert done.summary.routed == {"by the R-URI": 1}
        assert done.listeners == ()


def test_it_ends_after_its_time() -> None:
    """Signals do then what they did before."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert working(lambda: built_in(f"udp:127.0.0.1:{free_port()}"), seconds=0.05).summary.frames == 0
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sighup_takes_the_new_configuration(caplog: pytest.LogCaptureFixture) -> None:
    """It listens where that says, and no more where it does not."""
    first, second = free_port(), free_port()
    ports = [first]

    def change(proxy: LiveProxy) -> bool:
        if not proxy.listeners:
            return False
        ports[:] = [second]
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    def changed(proxy: LiveProxy) -> bool:
        return [one.port for one in proxy.listeners] == [second]

    with caplog.at_level(logging.WARNING):
        working(lambda: built_in(*(f"udp:127.0.0.1:{port}" for port in ports)), change, changed, kill(signal.SIGTERM))
    assert "SIGHUP: the configuration was read again" in caplog.text


@pytest.mark.parametrize("fault", ["a configuration that does not load", "a listener that cannot be"])
def test_sighup_keeps_the_old_one_where_the_new_one_cannot_be(caplog: pytest.LogCaptureFixture, fault: str) -> None:
    port, bad = free_port(), [False]

    def make() -> Router:
        if bad[0] and fault.startswith("a conf"):
            raise ConfigError("lab.toml, line 3: listen is a list of strings")
        return built_in(f"udp:127.0.0.1:{port}", *(["udp:127.0.0.1:5099", "udp:192.0.2.77:5060"] if bad[0] else []))

    def change(proxy: LiveProxy) -> bool:
        if not proxy.listeners:
            return False
        bad[0] = True
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    def told(proxy: LiveProxy) -> bool:
        return "the old configuration stays" in caplog.text and [one.port for one in proxy.listeners] == [port]

    with caplog.at_level(logging.WARNING):
        working(make, change, told, kill(signal.SIGINT))
    assert ("lab.toml, line 3" if fault.startswith("a conf") else "udp:192.0.2.77:5060: Cannot assign") in caplog.text


def test_addresses_are_followed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """As the interfaces have them; what cannot be looked at now is looked at again."""
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)
    first, second = free_port(), free_port()
    looks = [0]

    def make() -> Router:
        looks[0] += 1
        if looks[0] == 3:
            raise ConfigError("no interface 'eth0'")
        return built_in(f"udp:127.0.0.1:{first}", *([f"udp:127.0.0.1:{second}"] if 4 <= looks[0] < 20 else []))

    def came(proxy: LiveProxy) -> bool:
        return len(proxy.listeners) == 2

    def went(proxy: LiveProxy) -> bool:
        return len(proxy.listeners) == 1

    with caplog.at_level(logging.WARNING):
        working(make, came, went, kill(signal.SIGTERM), follow=True)
    assert "the interfaces' addresses: the old configuration stays: no interface 'eth0'" in caplog.text
    assert f"listening at udp:127.0.0.1:{second}, whose address came" in caplog.text
    assert f"no more listening at udp:127.0.0.1:{second}, whose address went" in caplog.text


def test_sighup_is_not_for_who_has_nothing_to_read_again() -> None:
    """It does what it did before."""
    came: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: came.append(number))
    try:
        proxy = LiveProxy(built_in(f"udp:127.0.0.1:{free_port()}"))

        async def played() -> None:
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGHUP)
            await work(proxy, seconds=0.1)

        asyncio.run(played())
    finally:
        signal.signal(signal.SIGHUP, before)
    assert came == [signal.SIGHUP]
