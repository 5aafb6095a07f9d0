"""The interfaces as their introspection XML says: what bus.py and varlink.py serve."""

import functools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent / "interfaces"


@dataclass(frozen=True)
class Arg:
    name: str
    type: str


@dataclass(frozen=True)
class Method:
    name: str
    inputs: tuple[Arg, ...]
    outputs: tuple[Arg, ...]

    @property
    def in_signature(self) -> str:
        return "".join(arg.type for arg in self.inputs)

    @property
    def out_signature(self) -> str:
        return "".join(arg.type for arg in self.outputs)

    def returned(self, result: Any) -> tuple[list[Any], list[int]]:
        """What a method returned as one value for each output, and the descriptors among them
        (type `h`), in whose stead there is then the place in that second list."""
        values = [] if not self.outputs else [result] if len(self.outputs) == 1 else list(result)
        descriptors: list[int] = []
        for place, (arg, value) in enumerate(zip(self.outputs, values, strict=True)):
            if arg.type == "h":
                values[place] = len(descriptors)
                descriptors.append(value)
        return values, descriptors


@dataclass(frozen=True)
class Contract:
    name: str
    xml: str
    """The `<interface>` element."""
    methods: dict[str, Method]
    signals: dict[str, tuple[Arg, ...]]
    properties: dict[str, str]


def _args(element: ET.Element, direction: str | None) -> tuple[Arg, ...]:
    return tuple(
        Arg(arg.attrib["name"], arg.attrib["type"])
        for arg in element.findall("arg")
        if direction is None or arg.get("direction", "in") == direction
    )


@functools.cache
def load(name: str) -> Contract:
    """The interface `name`, from its file."""
    text = (DIRECTORY / f"{name}.xml").read_text()
    root = ET.fromstring(text)  # noqa: S314 - as above
    interface = root.find("interface")
    if interface is None or interface.attrib["name"] != name:
        raise ValueError(f"{name}.xml does not describe {name}")
    found = re.search(r"<interface.*</interface>", text, re.DOTALL)
    assert found is not None  # noqa: S101 - the element was just parsed
    return Contract(
        name=name,
        xml=found[0],
        methods={
            m.attrib["name"]: Method(m.attrib["name"], _args(m, "in"), _args(m, "out"))
            for m in interface.findall("method")
        },
        signals={s.attrib["name"]: _args(s, None) for s in interface.findall("signal")},
        properties={p.attrib["name"]: p.attrib["type"] for p in interface.findall("property")},
    )
