"""aios-policy.service."""

import os
import sys
from pathlib import Path

from aios.bus import DAEMON, DAEMON_PATH
from aios.caller import Caller
from aios.interface import Interface
from aios.policy import approving
from aios.policy.authority import Authority
from aios.policy.console import Console
from aios.policy.delegations import Delegations
from aios.policy.grants import Grants
from aios.policy.interface import Policy1
from aios.policy.layers import Layers
from aios.policy.requests import Request, Requests
from aios.polkit import Check
from aios.service import Service


def main() -> int:
    service = Service("org.aios.Policy1")
    state = Path(os.environ["STATE_DIRECTORY"])

    async def setup() -> list[Interface]:
        bus = service.bus
        (bus_id,) = await bus.call(DAEMON, DAEMON_PATH, DAEMON, "GetId")

        def ask(caller: Caller, request: Request, grant: bool) -> Check:
            return approving.check(bus, caller, request, grant=grant)

        authority = Authority(
            layers=Layers(state),
            requests=Requests(state / "requests"),
            delegations=Delegations(state / "delegations", bus_id, bus.name_has_owner),
            grants=Grants(state / "grants", bus_id, bus.name_has_owner),
            ask=ask,
        )
        wanted = Console(bus, lambda: authority.layers.config.policy.console_notify)
        authority.requests.watch(wanted)
        return [Policy1(authority)]

    return service.run(setup)


if __name__ == "__main__":
    sys.exit(main())
