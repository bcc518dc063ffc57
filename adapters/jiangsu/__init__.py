"""The Jiangsu work-injury gateway (interface 000) over HTTP."""

from adapters.jiangsu.gateway import JiangsuGateway

__all__ = ["JiangsuGateway"]
