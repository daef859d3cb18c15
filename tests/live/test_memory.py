"""Memory under load, shortly; ``python -m tests.soak`` does it for an hour."""

from ..conftest import need_namespaces
from ..soak import MOST_GROWTH, soak


def test_it_stays_where_it_is() -> None:
    need_namespaces("ip")
    sent, came, early, late = soak(minutes=0.25, rate=2000, settled_after=7)
    assert came == sent > 5000
    assert late <= MOST_GROWTH * early
