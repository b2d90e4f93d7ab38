"""What a provider can do, as its status shows it."""

from gpuwright.model.capabilities import Capabilities, CreateKey


def test_capabilities_stand_in_status_without_their_limits() -> None:
    capabilities = Capabilities(CreateKey.UNIQUE_NAME, True, False, True, False, "CloudInit", limits="no reads")
    assert capabilities.body() == {
        "createKey": "UniqueName",
        "reads": True,
        "power": False,
        "spot": True,
        "nodeJoin": False,
        "userData": "CloudInit",
        "ports": False,
        "priceCeiling": "None",
    }
