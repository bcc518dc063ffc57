"""``visitflow flows``: what is on, is it sound, how does it look, schemas for editors."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from engine.definitions import FlowDefinition
from engine.errors import BadInput, UnknownFlow
from engine.machine import Flow
from flows import FORMATS, Severity, Site, check, draw, flow_schema, load_catalogue, load_site, site_schema
from service.cli.console import Json, language, out, print_json, settings, table

app = typer.Typer(no_args_is_help=True, help="Flow definitions: list, check, graph, schema. 流程定义。")

FOUND_SOMETHING = 6
SiteFile = Annotated[Path | None, typer.Option("--site", help="flows.yaml to read; default: VISITFLOW_SITE.")]


def _site(path: Path | None) -> Site:
    return load_site(path or settings().site)


@app.command("list")
def list_flows(site: SiteFile = None, json: Json = False) -> None:
    """List the flows that are on, with version and content hash."""
    found = [
        {
            "flow": each.flow,
            "number": each.version,
            "version": each.content_hash(),
            "title": each.title.en if language() == "en" else each.title.zh,
            "states": len(each.states),
            "transitions": len(each.transitions),
        }
        for each in _site(site).definitions
    ]
    if json:
        print_json(found)
        return
    table(
        ("flow", "version", "version", "title"),
        [(str(f["flow"]), f"v{f['number']}", str(f["version"]), str(f["title"])) for f in found],
    )


@app.command("check")
def check_flows(site: SiteFile = None, json: Json = False) -> None:
    """Check every flow that is on, as far as can be seen without running it. Exit code 6 when there are errors.

    Example: `visitflow flows check --site flows.yaml`
    """
    loaded, catalogue = _site(site), load_catalogue()
    results = {
        definition.flow: check(definition, catalogue, loaded.sources.get(definition.flow))
        for definition in loaded.definitions
    }
    for definition in loaded.definitions:
        if not any(finding.severity is Severity.ERROR for finding in results[definition.flow]):
            Flow(definition, catalogue)  # what passes must compile
    failed = any(finding.severity is Severity.ERROR for findings in results.values() for finding in findings)
    if json:
        print_json(
            {
                flow: [asdict(finding) | {"mark": str(finding.mark or "")} for finding in findings]
                for flow, findings in results.items()
            }
        )
    else:
        for flow, findings in results.items():
            errors = sum(finding.severity is Severity.ERROR for finding in findings)
            verdict = f"{errors} errors" if errors else "ok"
            out.print(Text(f"{flow}: {verdict}, {len(findings) - errors} warnings", style="red" if errors else "green"))
            for finding in findings:
                style = "red" if finding.severity is Severity.ERROR else "yellow"
                out.print(Text(f"  {finding.code}  {finding}", style=style))
    if failed:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def graph(
    flow: Annotated[str, typer.Argument(help="Flow, such as jiangsu.outpatient.")],
    form: Annotated[str, typer.Option("--format", "-f", help=f"One of {', '.join(FORMATS)}.")] = "mermaid",
    site: SiteFile = None,
) -> None:
    """Draw a flow. Example: `visitflow flows graph jiangsu.outpatient -f dot | dot -Tsvg > flow.svg`."""
    if form not in FORMATS:
        raise BadInput(f"expected one of {', '.join(FORMATS)}", field="--format")
    definition = _find(_site(site), flow)
    typer.echo(draw(Flow(definition, load_catalogue()), form, language()), nl=False)


def _find(site: Site, name: str) -> FlowDefinition:
    for definition in site.definitions:
        if definition.flow == name:
            return definition
    known = ", ".join(definition.flow for definition in site.definitions) or "none"
    raise UnknownFlow(f"no flow is called {name}; flows that are on: {known}", field="flow")


@app.command()
def schema(
    what: Annotated[str, typer.Argument(help="flow or site")] = "flow",
) -> None:
    """Print the JSON Schema of flow files (or of a site's flows.yaml), for editors.

    Example: `visitflow flows schema > .vscode/visitflow-flow.json`
    """
    schemas: dict[str, Any] = {"flow": flow_schema, "site": site_schema}
    if what not in schemas:
        raise BadInput("expected flow or site", field="what")
    print_json(schemas[what]())
