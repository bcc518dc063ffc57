"""Exports of a period: whole visits with all their facts, page by page, so that memory does not grow with them."""
