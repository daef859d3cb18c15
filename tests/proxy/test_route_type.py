"""The kinds of routes, by the servers' names."""

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.proxy.route_type import RouteType
from scapy_rr.proxy.router import Router

NAMES = {
    RouteType.REQUEST: "request_route",
    RouteType.BRANCH: "branch_route",
    RouteType.FAILURE: "failure_route",
    RouteType.ONREPLY: "onreply_route",
}


def test_there_are_four() -> None:
    assert {kind: kind.value for kind in RouteType} == NAMES


@pytest.mark.parametrize("kind", RouteType, ids=lambda kind: kind.value)
def test_each_has_a_decorator_of_its_name(kind: RouteType) -> None:
    router = Router()
    assert callable(getattr(router, kind.value))
    with pytest.raises(ConfigError, match=f"^there is no {kind.value} 'x'; those there are: none$"):
        router.known(kind, "x")
