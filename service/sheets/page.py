"""The settlement sheet as a page to look at and to print: ``sheet.html.j2``."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from service.sheets.model import Sheet


@cache
def _template() -> Template:
    loader = PackageLoader("service.sheets", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("sheet.html.j2")


def page(sheet: Sheet) -> str:
    """Return the page; it loads nothing from elsewhere and runs no script."""
    whole = sum(column.width for column in sheet.columns)
    return _template().render(sheet=sheet, whole=whole, page_of_pages=_page_of_pages(sheet))


def _page_of_pages(sheet: Sheet) -> Markup:
    """Return what browsers print below each page, as CSS; the words are the form's own."""
    words = sheet.word("page", page='" counter(page) "', pages='" counter(pages) "')
    return Markup(f'"{words}"')  # noqa: S704 - nothing in it comes from outside
