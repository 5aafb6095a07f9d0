from .server import Loopback, serving

__all__ = ["Loopback", "serving"]
