"""The patient platform of interface 003 (公众号系统, 百灵): the contracts of its 188 interfaces, and its client."""

from adapters.platform.client import PlatformClient

__all__ = ["PlatformClient"]
