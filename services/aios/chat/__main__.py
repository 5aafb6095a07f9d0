"""aios-chat.service"""

import os
import sys
from pathlib import Path

from aios.chat.chat import Chat
from aios.chat.interface import ChatInterface, SessionInterface
from aios.chat.mcp_client import Tools
from aios.chat.session import Store
from aios.interface import Interface
from aios.service import Service


def main() -> int:
    service = Service("org.aios.Chat1")

    async def setup() -> list[Interface]:
        state = Path(os.environ["STATE_DIRECTORY"])
        chat = Chat(
            Store(state / "sessions"),
            service.bus.call,
            mcp=Tools(state / "mcp"),
            hold=service.hold,
        )
        chat.sweep()
        return [ChatInterface(chat), SessionInterface(chat)]

    return service.run(setup)


if __name__ == "__main__":
    sys.exit(main())
