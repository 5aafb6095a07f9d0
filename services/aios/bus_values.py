"""Values between plain Python and what dbus-next marshals."""

from typing import Any, NamedTuple

from dbus_next.signature import SignatureTree, SignatureType, Variant

# Types of `a{sv}` values that are not what their Python type suggests (see `variant`).
TYPES = {
    "exit_status": "i",
    "signal": "i",
    "uid": "u",
    "by_uid": "u",
    "limit": "u",
    "offset": "u",
    "steps": "u",
}


class Typed(NamedTuple):
    """A value of an `a{sv}` whose type another service's interface prescribes."""

    type: str
    value: Any


def variant(key: str, value: Any) -> Variant:
    """A value of an `a{sv}`: its type by key, else by its Python type."""
    if isinstance(value, Typed):
        return Variant(value.type, value.value)
    if key in TYPES and isinstance(value, int):
        return Variant(TYPES[key], value)
    if isinstance(value, bool):
        return Variant("b", value)
    if isinstance(value, int):
        return Variant("t" if value >= 0 else "x", value)
    if isinstance(value, float):
        return Variant("d", value)
    if isinstance(value, bytes):
        return Variant("ay", value)
    if isinstance(value, str):
        return Variant("s", str(value))
    if isinstance(value, dict):
        return Variant("a{sv}", {name: variant(name, item) for name, item in value.items()})
    if isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return Variant("as", [str(item) for item in value])
        if all(isinstance(item, dict) for item in value):
            return Variant(
                "aa{sv}", [{k: variant(k, v) for k, v in item.items()} for item in value]
            )
    raise TypeError(f"{key}: {type(value).__name__} has no D-Bus type here")


def to_dbus(value: Any, kind: SignatureType) -> Any:
    """Plain Python to what dbus-next marshals: variants put in, structs as lists."""
    code = kind.token
    if code == "a":
        child = kind.children[0]
        if child.signature == "{sv}":
            return {k: variant(k, v) for k, v in value.items()}
        if child.signature.startswith("{"):
            return {k: to_dbus(v, child.children[1]) for k, v in value.items()}
        return value if child.signature == "y" else [to_dbus(item, child) for item in value]
    if code == "(":
        return [to_dbus(item, sub) for item, sub in zip(value, kind.children, strict=True)]
    return value


def from_dbus(value: Any) -> Any:
    """What dbus-next unmarshals to plain Python: variants taken out."""
    if isinstance(value, Variant):
        return from_dbus(value.value)
    if isinstance(value, dict):
        return {key: from_dbus(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_dbus(item) for item in value]
    return value


def body(signature: str, values: tuple[Any, ...]) -> list[Any]:
    tree = SignatureTree._get(signature)
    return [to_dbus(value, kind) for value, kind in zip(values, tree.types, strict=True)]


def paths(value: Any, kind: str, directory: str) -> Any:
    """Ids to the paths of objects, where the type says that paths are meant."""
    if kind == "o":
        return f"{directory}/{value}"
    if kind == "ao":
        return [f"{directory}/{item}" for item in value]
    return value


def property_value(kind: str, value: Any) -> Variant:
    return Variant(kind, body(kind, (value,))[0])


def take_descriptors(signature: str, values: list[Any], received: list[int]) -> list[Any]:
    """The values, each `h` at the top being a descriptor, which leaves `received`. Raises
    ValueError where a place is out of range or used twice."""
    kinds = [kind.signature for kind in SignatureTree._get(signature).types]
    pairs = list(zip(values, kinds, strict=True))
    places = [value for value, kind in pairs if kind == "h"]
    if len(set(places)) != len(places) or any(place >= len(received) for place in places):
        raise ValueError("a descriptor is missing")
    taken = [received[value] if kind == "h" else value for value, kind in pairs]
    received[:] = [fd for place, fd in enumerate(received) if place not in places]
    return taken
