// Charts of the history page: each is drawn from the table beside it, so the two cannot differ.
"use strict";
(() => {
  if (!window.echarts) return;
  const COLOURS = ["#0b5563", "#b97700", "#2d4c77", "#8e1f63", "#1b6534", "#a3231c", "#53636d", "#5b8fd0"];
  const WIDEST = 24;  // bars of one chart; the table has them all

  // 65000 ms as "1.1 min"; yuan and counts with separators. Axes and bubbles say the same.
  function told(unit, value) {
    if (value === null || value === undefined || value === "") return "–";
    if (unit !== "ms") return unit === "money" ? value.toLocaleString("en", { minimumFractionDigits: 2 }) : value.toLocaleString("en");
    for (const [size, name] of [[86400000, "d"], [3600000, "h"], [60000, "min"], [1000, "s"]])
      if (value >= size) return (value / size).toFixed(1).replace(/\.0$/, "") + " " + name;
    return value + " ms";
  }

  // The rows of a table: text and number of each cell, by place.
  function read(table) {
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => ({
      text: cell.textContent.trim(), value: cell.dataset.value === undefined ? null : Number(cell.dataset.value),
    })));
    return { headings, rows };
  }

  const DAY = /^\d{4}-\d{2}-\d{2}$/;

  // What names a row: the cells that are not the same in every row.
  function naming(places, rows) {
    const telling = places.filter((place) => new Set(rows.map((row) => row[place].text)).size > 1);
    const used = telling.length ? telling : places;
    return (row) => used.map((place) => row[place].text).filter((text) => text !== "–").join(" · ") || "–";
  }

  // Every day from the first to the last: one without anything is a gap, not left out.
  function allDays(days) {
    const all = [];
    for (let day = new Date(days[0] + "T00:00Z"), last = days[days.length - 1]; ; day.setUTCDate(day.getUTCDate() + 1)) {
      all.push(day.toISOString().slice(0, 10));
      if (all[all.length - 1] >= last) return all;
    }
  }

  // Series by name: one for each group of `by`, whose values are added up, or one for each value column.
  function pivot(chart, { headings, rows }) {
    const along = naming(chart.x, rows), apart = chart.by.length ? naming(chart.by, rows) : null;
    let names = [...new Set(rows.map(along))];
    names = names.every((name) => DAY.test(name)) ? allDays(names.sort()) : names.slice(0, WIDEST);
    const series = new Map();
    for (const row of rows) for (const place of chart.values) {
      const at = names.indexOf(along(row)), name = apart ? apart(row) : headings[place], value = row[place].value;
      if (at < 0 || value === null) continue;
      if (!series.has(name)) series.set(name, names.map(() => null));
      const values = series.get(name);
      values[at] = apart && values[at] !== null ? Math.round((values[at] + value) * 100) / 100 : value;
    }
    return { names, series };
  }

  function options(chart, { names, series }) {
    const pareto = chart.form === "pareto", stacked = chart.form === "stack";
    const drawn = [...series].map(([name, data], index) => pareto && index
      ? { name, data, type: "line", yAxisIndex: 1, symbolSize: 6 }
      : { name, data, type: "bar", stack: stacked ? "all" : undefined, barMaxWidth: 36 });
    const axis = { type: "value", axisLabel: { formatter: (value) => told(chart.unit, value) } };
    const percent = { type: "value", min: 0, max: 100, splitLine: { show: false }, axisLabel: { formatter: "{value} %" } };
    return {
      color: COLOURS,
      animation: false,
      aria: { enabled: true, decal: { show: true } },   // patterns as well: colours alone tell nobody who sees few of them
      grid: { left: 12, right: 16, top: 40, bottom: 8, containLabel: true },
      legend: { type: "scroll", top: 0 },
      tooltip: {
        trigger: "axis", renderMode: "richText", axisPointer: { type: "shadow" }, confine: true,
        formatter: (points) => [points[0].axisValue, ...points.filter((point) => point.value !== null && point.value !== undefined)
          .map((point) => point.seriesName + "  " + (pareto && point.seriesIndex ? point.value + " %" : told(chart.unit, point.value)))].join("\n"),
      },
      xAxis: { type: "category", data: names, axisLabel: { hideOverlap: true, width: 120, overflow: "truncate", rotate: names.length > 8 ? 30 : 0 } },
      yAxis: pareto ? [axis, percent] : axis,
      series: drawn,
    };
  }

  function draw(box) {
    const chart = JSON.parse(box.dataset.chart);
    const found = pivot(chart, read(document.getElementById(box.dataset.table)));
    if (!found.series.size) return;
    box.hidden = false;
    const label = box.getAttribute("aria-label");
    const drawn = echarts.init(box, null, { renderer: "canvas" });
    drawn.setOption(options(chart, found));
    box.setAttribute("aria-label", label);   // ours names the table; the chart's own description is in English only
    new ResizeObserver(() => drawn.resize()).observe(box);
  }

  // Once for the whole page, and for each table that is fetched.
  document.body.addEventListener("htmx:load", (event) => {
    for (const box of event.detail.elt.querySelectorAll("[data-chart][hidden]")) draw(box);
  });
})();
