"""The centre's shared library (interface 001), in a process of its own."""

from adapters.jiangsu.dll.adapter import JiangsuDll

__all__ = ["JiangsuDll"]
