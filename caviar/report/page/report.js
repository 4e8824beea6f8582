// Draws the plots when they come into view, in the theme's colours, and tells of what is pointed at.
// Whatever a person or a data set named is only ever set as text.
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const trials = read("told-of-trials");
  const tip = document.getElementById("tip");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const MOST = 14; // hyperparameters that are told of a trial that is pointed at
  const views = {};
  const drawn = new Map();
  const picked = new Map();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  function themed(data, key) {
    if (typeof data === "string") {
      const here = key.endsWith("color") || key.endsWith("colorscale");
      return here && data[0] === "@" ? colour(data.slice(1)) || data : data;
    }
    if (Array.isArray(data)) return data.map((part) => themed(part, key));
    if (data === null || typeof data !== "object") return data;
    return Object.fromEntries(Object.entries(data).map(([name, part]) => [name, themed(part, name)]));
  }

  function layoutOf(view, height, narrow) {
    const axis = { gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false, automargin: true,
      tickfont: { size: narrow ? 10 : 11 }, titlefont: { size: 12 } };
    const given = themed(view.layout, "");
    const layout = {
      font: { family: "ui-sans-serif,system-ui,sans-serif", size: 12, color: colour("soft") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height, autosize: true,
      margin: { l: 8, r: 12, t: 10, b: 8 }, dragmode: coarse ? false : "zoom", showlegend: undefined,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("faint"), activecolor: colour("ink") }, ...given,
      xaxis: { ...axis, ...given.xaxis }, yaxis: { ...axis, ...given.yaxis },
    };
    if (given.meta && given.meta.parallel) layout.dragmode = false;
    return layout;
  }

  function draw(plot) {
    const id = plot.id.slice(5);
    const figure = read("data-" + id);
    const view = figure.views[Math.min(views[plot.dataset.group] || 0, figure.views.length - 1)];
    const parallel = view.layout.meta && view.layout.meta.parallel;
    const narrow = plot.clientWidth < 480;
    const wide = parallel && narrow ? Math.max(plot.clientWidth, 96 * parallel) : 0;
    const layout = layoutOf(view, figure.height, narrow);
    if (wide) { layout.width = wide; layout.autosize = false; plot.style.overflowX = "auto"; }
    const config = { displaylogo: false, responsive: !wide, scrollZoom: false,
      displayModeBar: coarse || parallel ? false : "hover",
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
    if (!drawn.has(plot)) plot.replaceChildren();
    const data = themed(view.data, "");
    if (parallel) filter(data, picked);
    Plotly.react(plot, data, layout, config);
    if (!drawn.has(plot)) listen(plot, parallel);
    drawn.set(plot, true);
  }

  // What is said of a point: a trial by its number, anything else as it stands.
  function told(data) {
    if (typeof data !== "number") return String(data);
    const row = trials.rows[data];
    if (!row) return "trial " + data;
    const lines = [`trial ${data}: ${row[0]}, ${row[1]} epoch${row[1] === 1 ? "" : "s"}`, `best ${trials.metric}: ${row[2]}`];
    if (row[3]) lines.push(row[3]);
    const values = trials.names.map((name, k) => [name, row[4 + k]]).filter((pair) => pair[1] !== "–");
    values.slice(0, MOST).forEach(([name, value]) => lines.push(`${name}: ${value}`));
    if (values.length > MOST) lines.push(`and ${values.length - MOST} more`);
    return lines.join("\n");
  }

  // A share as everywhere else on the page.
  const metric = (plot, y) => (plot.layout.yaxis.tickformat ? `${(100 * y).toFixed(2)} %` : y);

  function listen(plot, parallel) {
    plot.on("plotly_hover", (event) => {
      const point = event.points[0];
      if (point.customdata === undefined || point.customdata === null) return;
      const x = event.event.clientX, y = event.event.clientY;
      const value = typeof point.customdata === "number" && !parallel && point.data.type === "scatter"
        && plot.dataset.group === "curves" ? `epoch ${point.x}: ${metric(plot, point.y)}\n` : "";
      tip.textContent = value + told(point.customdata);
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 6)) + "px";
      tip.style.top = (y + box.height + 20 > innerHeight ? Math.max(6, y - box.height - 12) : y + 14) + "px";
    });
    plot.on("plotly_unhover", () => { tip.hidden = true; });
    if (parallel) brush(plot);
  }

  // Parallel coordinates: a stretch dragged along an axis keeps the trials that pass there.
  function filter(data, kept) {
    data.forEach((trace) => {
      if (!kept.size) return;
      const y = trace.y.slice();
      let start = 0;
      for (let k = 0; k <= y.length; k += 1) {
        if (k < y.length && trace.customdata[k] !== null) continue;
        const stays = [...kept].every(([axis, [low, high]]) => {
          const place = y[start + axis];
          return place !== null && place !== undefined && place >= low && place <= high;
        });
        if (!stays) for (let j = start; j < k; j += 1) y[j] = null;
        start = k + 1;
      }
      trace.y = y;
    });
  }

  function brush(plot) {
    let begun = null, last = 0;
    const at = (event) => {
      const box = plot.querySelector(".nsewdrag").getBoundingClientRect();
      const full = plot._fullLayout;
      const x = full.xaxis.p2l(event.clientX - box.left), y = full.yaxis.p2l(event.clientY - box.top);
      return [x, Math.max(-0.02, Math.min(1.02, y))];
    };
    plot.addEventListener("pointerdown", (event) => {
      if (coarse || event.button || !plot.querySelector(".nsewdrag")) return;
      const [x, y] = at(event);
      const axis = Math.round(x);
      begun = Math.abs(x - axis) < 0.2 ? [axis, y] : null;
    });
    // Plotly covers the page while the button is down, so the end is heard of at the window.
    addEventListener("pointerup", (event) => {
      if (!begun) return;
      const [axis, from] = begun, to = at(event)[1], twice = event.timeStamp - last < 400;
      begun = null;
      last = event.timeStamp;
      if (Math.abs(to - from) >= 0.015) picked.set(axis, [Math.min(from, to), Math.max(from, to)]);
      else if (!twice || !picked.delete(axis)) return;
      draw(plot);
      mark(plot);
    });
  }

  function mark(plot) {
    const shapes = [...plot.layout.shapes.filter((shape) => !shape.name)];
    picked.forEach(([low, high], axis) => shapes.push({ type: "rect", name: "picked", x0: axis - 0.06,
      x1: axis + 0.06, y0: low, y1: high, fillcolor: colour("accent"), opacity: 0.35, line: { width: 0 } }));
    Plotly.relayout(plot, { shapes });
  }

  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting || drawn.has(entry.target)) return;
    seen.unobserve(entry.target);
    draw(entry.target);
  }), { rootMargin: "300px" });
  document.querySelectorAll(".plot").forEach((plot) => {
    plot.style.minHeight = plot.dataset.height + "px";
    seen.observe(plot);
  });
  document.querySelectorAll(".switch").forEach((field) => field.addEventListener("change", (event) => {
    views[field.dataset.group] = Number(event.target.value);
    drawn.forEach((_, plot) => { if (plot.dataset.group === field.dataset.group) draw(plot); });
  }));
  dark.addEventListener("change", () => drawn.forEach((_, plot) => draw(plot)));
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  // On paper all is drawn, in light colours, and unfolded but for what a plot shows and long tables.
  const folded = [...document.querySelectorAll("details:not([open])")]
    .filter((each) => !each.closest(".figure") && !each.querySelector(".tall"));
  const paper = (is) => {
    document.documentElement.classList.toggle("paper", is);
    folded.forEach((each) => { each.open = is; });
    document.querySelectorAll(".plot").forEach(draw);
  };
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  const sized = new ResizeObserver((entries) => entries.forEach(({ target }) =>
    target.classList.toggle("over", target.scrollWidth > target.clientWidth + 1)));
  document.querySelectorAll(".scroll").forEach((each) => sized.observe(each));
})();
