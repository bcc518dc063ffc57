"""``visitflow flows``: what is on, is it sound, how does it look, schemas for editors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.errors import BadInput, UnknownFlow
from engine.machine import Flow
from flows import (
    FORMATS,
    Bounds,
    Exploration,
    Finding,
    Severity,
    Site,
    check,
    draw,
    explore,
    flow_schema,
    load_catalogue,
    load_site,
    site_schema,
    story_lines,
)
from service.cli.console import Json, err, language, out, print_json, run, settings, table
from service.scheduling import check_schedules

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
def check_flows(
    site: SiteFile = None,
    json: Json = False,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Do not explore: milliseconds, no proof.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Explore with larger bounds: minutes and gigabytes instead of seconds.")
    ] = False,
    flow: Annotated[str | None, typer.Option("--flow", help="Only this flow.")] = None,
) -> None:
    """Check every flow that is on: by rules, then by exploring every situation a visit can get into.

    Exploring runs the engine itself against a peer that may apply, not apply or apply late, and lose any answer; the
    process may die at every point, and people may do whatever is legal. It proves G1, G2, G6, G8 and G11 for the flow,
    within bounds that are printed, or tells the shortest story that breaks one. Exit code 6 when there are errors.

    Example: `visitflow flows check --site flows.yaml`
    """
    loaded, catalogue = _site(site), load_catalogue()
    definitions = [_find(loaded, flow)] if flow is not None else loaded.definitions
    if flow is None:
        check_schedules(loaded, catalogue)
    results: dict[str, Any] = {}
    failed = False
    for definition in definitions:
        findings = check(definition, catalogue, loaded.sources.get(definition.flow))
        wrong = any(finding.severity is Severity.ERROR for finding in findings)
        explored = None
        if not wrong:
            Flow(definition, catalogue)  # what passes must compile
            explored = None if rules_only else _explore(definition, catalogue, THOROUGH if thorough else Bounds())
        failed |= wrong or (explored is not None and (explored.counter_example is not None or not explored.complete))
        results[definition.flow] = {
            "findings": [asdict(finding) | {"mark": str(finding.mark or "")} for finding in findings],
            "explored": None if explored is None else asdict(explored),
        }
        if not json:
            _print_findings(definition.flow, findings)
            _print_explored(explored)
    if json:
        print_json(results)
    if failed:
        raise typer.Exit(FOUND_SOMETHING)


#: Two steps with an aftermath at once instead of one, and longer counters.
THOROUGH = Bounds(attempts=2, tries=2, looks=2, oddities=2, rounds=2)
#: Where a thorough exploration gives up.
MOST = 3_000_000


def _explore(definition: FlowDefinition, catalogue: Catalogue, bounds: Bounds) -> Exploration:
    """Explore with a line of progress on a terminal."""
    with err.status(definition.flow) as status:

        def progress(known: int, waiting: int) -> None:
            status.update(f"{definition.flow}: {known:,} situations, {waiting:,} to go")

        return run(explore(definition, catalogue, bounds=bounds, most=MOST, progress=progress))


def _print_findings(flow: str, findings: Sequence[Finding]) -> None:
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    verdict = f"{errors} errors" if errors else "ok"
    out.print(Text(f"{flow}: {verdict}, {len(findings) - errors} warnings", style="red" if errors else "green"))
    for finding in findings:
        style = "red" if finding.severity is Severity.ERROR else "yellow"
        out.print(Text(f"  {finding.code}  {finding}", style=style))


def _print_explored(explored: Exploration | None) -> None:
    if explored is None:
        return
    figures = f"{explored.situations:,} situations, {explored.moves:,} moves, {explored.seconds:.1f} s"
    if explored.counter_example is not None:
        for line in story_lines(explored):
            out.print(Text(f"  {line}", style="red"), soft_wrap=True)
        out.print(Text(f"  found after {figures}", style="red"))
    elif not explored.complete:
        out.print(Text(f"  not finished: stopped after {figures}", style="red"))
    else:
        bounds = ", ".join(f"{name} {value}" for name, value in asdict(explored.bounds).items())
        out.print(Text(f"  G1 G2 G6 G8 G11 hold in {figures} (up to: {bounds})", style="green"))


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
