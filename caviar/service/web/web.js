// Fills the pages from /api/v1 and keeps them true by server-sent events.
// Whatever a person or a data set named is only ever set as text.
"use strict";
(() => {
  const API = "/api/v1/studies";
  const STALE_S = 25; // two heartbeats and a little
  const main = document.getElementById("main");
  const by = (id) => document.getElementById(id);

  // --- Words -------------------------------------------------------------------------------------
  const isShare = (metric) => metric.endsWith("accuracy");
  const metricName = (metric) => metric.replace(/_/g, " ");
  function metricValue(metric, value) {
    if (value === null || value === undefined) return "unknown";
    if (isShare(metric)) return (100 * value).toFixed(2) + " %";
    const size = Math.abs(value);
    return size >= 1e-3 && size < 1e5 ? value.toFixed(4) : value.toPrecision(4);
  }
  function number(value) {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    if (value >= 0.9 && value < 1) return String(Number(value.toFixed(5)));
    return String(Number(value.toPrecision(4)));
  }
  const values = (given) => Object.entries(given || {}).map(([name, v]) => name + "=" + number(v)).join(" ");
  function duration(seconds) {
    const s = Math.round(seconds);
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min " + String(s % 60).padStart(2, "0") + " s";
    return Math.floor(s / 3600) + " h " + String(Math.floor((s % 3600) / 60)).padStart(2, "0") + " min";
  }
  const ORDER = ["running", "paused", "waiting", "completed", "stopped", "diverged", "failed"];
  const states = (counts) => ORDER.filter((s) => (counts || {})[s]).map((s) => counts[s] + " " + s).join(", ");
  const clock = (at) => new Date(at * 1000).toLocaleTimeString();

  // --- Elements ----------------------------------------------------------------------------------
  function el(name, attributes, ...content) {
    const made = document.createElement(name);
    return dress(made, attributes, content);
  }
  function svg(name, attributes, ...content) {
    return dress(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, content);
  }
  function dress(made, attributes, content) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...content.filter((part) => part !== null && part !== undefined).map(
      (part) => (part instanceof Node ? part : String(part))));
    return made;
  }
  function table(caption, heads, rows, wide) {
    const head = el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)));
    const body = rows.map((row) => el("tr", {}, ...row.map((cell, k) =>
      k === 0 ? el("th", { scope: "row" }, cell) : el("td", { class: wide === k ? "text" : null }, cell))));
    const made = el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...body));
    const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
    return box;
  }
  // Puts new content in place of the old, but leaves what a person holds the focus in or scrolled alone.
  function fill(place, ...content) {
    const kept = [...place.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const focused = place.contains(document.activeElement) && document.activeElement !== place;
    const at = focused ? [...place.querySelectorAll("a,button,.scroll,summary")].indexOf(document.activeElement) : -1;
    place.replaceChildren(...content);
    place.querySelectorAll(".scroll").forEach((box, k) => {
      box.scrollLeft = kept[k] || 0;
      box.classList.toggle("over", box.scrollWidth > box.clientWidth + 1);
    });
    if (at >= 0) (place.querySelectorAll("a,button,.scroll,summary")[at] || place).focus({ preventScroll: true });
  }

  // --- Asking ------------------------------------------------------------------------------------
  async function ask(path, options) {
    const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
    if (answer.status === 401) { location.reload(); throw new Error("logged out"); }
    let told = {};
    try { told = await answer.json(); } catch (_) { /* no JSON: the status says it */ }
    if (!answer.ok) throw new Error(told.error || "it answered " + answer.status);
    return told;
  }

  // --- Home --------------------------------------------------------------------------------------
  function card(study) {
    const link = el("a", { href: "/studies/" + encodeURIComponent(study.name) }, study.name);
    const head = el("h2", {}, link);
    if (study.error) {
      return el("li", {}, head, el("span", { class: "chip unreadable" }, "unreadable"), el("p", { class: "soft" }, study.error));
    }
    if (study.reading) return el("li", {}, head, el("p", { class: "soft" }, "being read …"));
    const best = study.best;
    const metric = study.metric;
    const score = best && el("p", {}, el("span", { class: "score" }, metricValue(metric, best[metric])), " ",
      el("span", { class: "soft" }, metricName(metric) + ", " + (best.name || "trial " + best.trial)));
    const word = study.stage || study.status;
    return el("li", {}, head, el("span", { class: "chip " + study.status }, word), score,
      el("p", {}, states(study.counts) || "no trials yet"),
      el("p", { class: "soft" }, [study.trial_epochs === undefined ? "" : study.trial_epochs + " trial-epochs",
        study.elapsed_s ? duration(study.elapsed_s) : ""].filter(Boolean).join(", ")));
  }
  async function home() {
    const news = by("news");
    try {
      const told = await ask(API);
      const list = told.studies.map(card);
      fill(by("list"), list.length ? el("ul", { class: "cards" }, ...list)
        : el("p", { class: "hint" }, "No studies yet; those that appear are shown."));
      news.textContent = "as of " + clock(Date.now() / 1000);
      news.classList.remove("stale");
    } catch (error) {
      news.textContent = "not up to date: " + error.message;
      news.classList.add("stale");
    }
    setTimeout(home, document.hidden ? 30000 : 5000);
  }

  // --- A study -----------------------------------------------------------------------------------
  const name = decodeURIComponent(location.pathname.split("/").pop());
  const base = API + "/" + encodeURIComponent(name);
  let heard = 0; // when the server was last heard of, by this page's clock
  let status = null;
  let ended = false;
  let source = null;
  let rounds = -1;
  let trouble = "";

  function curves(told) {
    const metric = told.metric;
    const lines = told.leaders.filter((row) => told.curves[row.trial]).map((row) => [row, told.curves[row.trial]]);
    if (!lines.length) return [el("p", { class: "hint" }, "No trial was measured yet.")];
    const points = lines.flatMap(([, curve]) => curve).filter(([, y]) => y !== null);
    const wide = by("plot").clientWidth - 34 > 520;
    const [W, H, L, B, T, R] = wide ? [860, 300, 56, 34, 10, 12] : [360, 250, 52, 32, 10, 10];
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y).sort((a, b) => a - b);
    const most = Math.max(2, ...xs, ...(told.rungs || []).filter((r) => r[1]).map((r) => r[0]));
    let low = ys[0];
    let high = ys[ys.length - 1];
    // Losses fall far in the first epochs; accuracies rise. Their first points may leave the picture.
    const cut = ys[Math.floor(isShare(metric) ? ys.length * 0.04 : ys.length * 0.96)];
    if (ys.length > 30) { if (isShare(metric)) low = cut; else high = cut; }
    const room = Math.max((high - low) * 0.06, 1e-4);
    low -= room; high += room;
    const X = (x) => L + (W - L - R) * (Math.log(x) / Math.log(most));
    const Y = (y) => T + (H - T - B) * (1 - (y - low) / (high - low));
    const parts = [svg("clipPath", { id: "inside" }, svg("rect", { x: L, y: T - 4, width: W - L - R + 6, height: H - T - B + 4 }))];
    for (const y of ticks(low, high, 5)) {
      parts.push(svg("line", { x1: L, x2: W - R, y1: Y(y), y2: Y(y), class: "rule" }));
      const text = isShare(metric) ? Number((100 * y).toFixed(2)) + " %" : Number(y.toPrecision(3));
      parts.push(svg("text", { x: L - 7, y: Y(y) + 4, "text-anchor": "end" }, text));
    }
    const marks = [...new Set([1, ...(told.rungs || []).map((r) => r[0]), most])].filter((x) => x >= 1 && x <= most);
    for (const x of marks.filter((x, k) => k === 0 || X(x) - X(marks[k - 1]) > 22)) {
      parts.push(svg("line", { x1: X(x), x2: X(x), y1: T, y2: H - B, class: "rule" }));
      parts.push(svg("text", { x: X(x), y: H - B + 15, "text-anchor": "middle" }, x));
    }
    parts.push(svg("text", { x: (L + W - R) / 2, y: H - 3, "text-anchor": "middle" }, "epochs"));
    [...lines].reverse().forEach(([, curve], k) => {
      const index = lines.length - 1 - k;
      const seen = curve.filter(([, y]) => y !== null);
      const line = seen.map(([x, y], at) => (at ? "L" : "M") + X(x).toFixed(1) + " " + Y(y).toFixed(1)).join("");
      parts.push(svg("path", { d: line, class: "curve k" + index, "clip-path": "url(#inside)" }));
      const [x, y] = seen[seen.length - 1] || [1, low];
      parts.push(svg("circle", { cx: X(x), cy: Math.min(H - B, Math.max(T, Y(y))), r: 3.5, class: "k" + index }));
    });
    const said = "The " + metricName(metric) + " of the best " + lines.length + " trials by epoch; the best is trial "
      + lines[0][0].trial + " with " + metricValue(metric, lines[0][0].best_value) + ".";
    const legend = el("ul", { class: "legend" }, ...lines.map(([row], k) =>
      el("li", {}, el("span", { class: "dot k" + k }), "trial " + row.trial)));
    return [svg("svg", { viewBox: "0 0 " + W + " " + H, role: "img", "aria-label": said }, ...parts), legend];
  }
  function ticks(low, high, count) {
    const raw = (high - low) / count;
    const power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const found = [];
    for (let y = Math.ceil(low / step) * step; y <= high; y += step) found.push(y);
    return found;
  }

  function board(told) {
    if (!told.leaders.length) return [el("p", { class: "hint" }, "No trial was measured yet.")];
    const all = told.leaders.map((row) => row.hyperparameters || {});
    const names = [...new Set(all.flatMap(Object.keys))].filter(
      (n) => all.length < 2 || new Set(all.map((h) => JSON.stringify(h[n]))).size > 1);
    const rows = told.leaders.map((row) => ["trial " + row.trial, metricValue(told.metric, row.best_value),
      row.best_epoch, row.epochs, row.state, ...names.map((n) => number((row.hyperparameters || {})[n]))]);
    const heads = ["", metricName(told.metric), "after epoch", "epochs", "state", ...names];
    return [table("The best " + rows.length + " of " + told.trials + " trials", heads, rows)];
  }

  function ladder(told) {
    const rungs = told.rungs || [];
    if (!rungs.length) return [el("p", { class: "hint" }, "This study has no rungs.")];
    const most = Math.max(1, ...rungs.map((r) => r[1]));
    const rows = rungs.map(([epoch, came, went]) => [epoch === 1 ? "1 epoch" : epoch + " epochs", came, went,
      el("span", { class: "bar", "aria-hidden": "true" }, svg("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none" },
        svg("rect", { width: (100 * came) / most, height: 6 })))]);
    return [table("How many came to each rung, and went on", ["rung", "reached", "promoted", ""], rows)];
  }

  function work(told) {
    const slices = Object.entries(told.slices || {}).sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
    if (!slices.length) {
      return [el("p", { class: "hint" }, told.to_come ? told.to_come + "." :
        told.status === "running" ? "No slice is at work just now." : "Nobody drives the study now.")];
    }
    return [table("What each slice is at", ["slice", "training"], slices, 1),
      told.to_come ? el("p", { class: "hint" }, told.to_come + ".") : null].filter(Boolean);
  }

  function facts(told) {
    const pairs = [["trials", told.trials === undefined ? "–" : told.trials, states(told.counts)],
      ["trial-epochs", told.trial_epochs, told.trial_epochs_per_s ? number(Number(told.trial_epochs_per_s.toFixed(1))) + " a second" : ""],
      ["time", duration(told.elapsed_s || 0), "of all its drivers"],
      ["slices at work", Object.keys(told.slices || {}).length, told.planned ? "of " + told.planned : ""]];
    return pairs.map(([what, value, more]) => el("div", {}, el("dt", {}, what), el("dd", {}, value, more ? el("small", {}, more) : null)));
  }

  function lead(told) {
    const best = told.best;
    const metric = told.metric || "dev_accuracy";
    const shown = el("div", { class: "number" },
      el("span", { class: "big" }, best ? metricValue(metric, best[metric]) : "–"),
      el("span", { class: "what" }, best ? metricName(metric) + " of the best" + (told.finished ? " trial" : " so far") : "nothing measured yet"),
      best ? el("span", { class: "interval" }, (best.name || "trial " + best.trial) + " after epoch " + best.epoch) : null);
    const lines = [];
    if (told.retraining) {
      lines.push("Retrained over " + told.retraining.seeds + " seeds: " + told.retraining.candidates.join(", ") + "; "
        + told.retraining.ended + " of " + told.retraining.trainings + " trainings ended.");
    }
    if (told.winner) lines.push(...told.winner.sentences);
    else if (best) lines.push("The best of a search was lucky too: what may be quoted is known when the winner is retrained.");
    if (told.ending) lines.push((told.status === "running" ? "Waiting: " : "Ended: ") + told.ending + ".");
    if (told.choice) lines.push(told.choice);
    for (const one of told.asked || []) lines.push("Asked for, not taken yet: " + one + ".");
    if (told.note) lines.push(told.note);
    return [shown, el("div", { class: "sentences" }, ...lines.map((line) => el("p", {}, line)))];
  }

  function show(told) {
    status = told;
    document.title = (told.best ? metricValue(told.metric, told.best[told.metric]) + " · " : "") + name + " · caviar";
    by("title").textContent = told.study || name;
    by("state").textContent = told.stage || told.status;
    by("state").className = "chip " + told.status;
    by("counts").textContent = states(told.counts);
    fill(by("lead"), ...lead(told));
    by("facts").replaceChildren(...facts(told));
    const searched = (told.searched || []).length ? told.searched : null; // what is fixed is in the study file
    by("values").replaceChildren(...Object.entries((told.best || {}).hyperparameters || {})
      .filter(([key]) => !searched || searched.includes(key))
      .map(([key, value]) => el("li", {}, el("span", {}, key), " " + number(value))));
    fill(by("plot"), ...curves(told));
    fill(by("board"), ...board(told));
    fill(by("ladder"), ...ladder(told));
    fill(by("work"), ...work(told));
    const can = (told.can || ALL).join(" ");
    if (can !== offered) { offered = can; limit(told.can || ALL, told.job); }
    if (told.rounds && told.rounds !== rounds) narrowing(told.rounds);
    freshness();
  }

  // What this source cannot tell or do is not offered.
  const ALL = ["trials", "report", "add", "stop", "stop-trial", "pause", "continue", "narrow"];
  let offered = null;
  function limit(can, job) {
    document.querySelector("#controls fieldset").disabled = false;
    for (const id of ["curves", "leaders"]) by(id).hidden = !can.includes("trials");
    by("report").closest("li").hidden = !can.includes("report");
    by("fetch").hidden = can.includes("report") || !job;
    by("fetch").querySelector("code").textContent = job ? "caviar fetch " + job.id + " DIR" : "";
    const controls = [...document.querySelectorAll("#controls [data-kind]")];
    for (const one of controls) {
      const kind = one.dataset.kind === "point" ? "add" : one.dataset.kind;
      one.hidden = !can.includes(one.tagName === "FORM" && kind === "stop" ? "stop-trial" : kind);
    }
    by("changes").hidden = controls.every((one) => one.hidden);
  }

  async function narrowing(count) {
    rounds = count;
    try {
      const told = (await ask(base + "/rounds")).rounds;
      const axes = told[told.length - 1].axes;
      by("boxes").hidden = false;
      fill(by("narrowing"), ...axes.map((axis, k) => box(told, axis, k)));
    } catch (_) { rounds = -1; }
  }
  function box(told, axis, k) {
    const [W, H, B] = innerWidth > 620 && told[0].axes.length < 3 ? [520, 150, 20] : [320, 130, 20];
    const step = W / told.length;
    const parts = [svg("line", { x1: 0, x2: W, y1: H - B, y2: H - B, class: "base" })];
    told.forEach((round, at) => {
      for (const [low, high] of round.axes[k].places) {
        const height = Math.max(2, (H - B - 4) * (high - low));
        parts.push(svg("rect", { x: at * step + step * 0.08, width: step * 0.84, y: (H - B) - (H - B - 4) * high,
          height, rx: 2, class: at === told.length - 1 ? "band last" : "band" }));
      }
      if (told.length < 12 || at % Math.ceil(told.length / 10) === 0) {
        parts.push(svg("text", { x: (at + 0.5) * step, y: H - 5, "text-anchor": "middle" }, round.number));
      }
    });
    const left = Math.round(100 * axis.share) + " % of its range is left";
    const now = axis.values ? axis.values.map(number).join(", ") : axis.low === axis.high ? number(axis.low) : number(axis.low) + " to " + number(axis.high);
    return el("figure", { class: "figure" }, el("h3", {}, axis.name),
      svg("svg", { viewBox: "0 0 " + W + " " + H, role: "img", "aria-label": axis.name + " in " + told.length + " rounds: " + left }, ...parts),
      el("figcaption", {}, now + "; " + left + ". " + (axis.why || "")));
  }

  function freshness() {
    const news = by("news");
    const silent = (Date.now() - heard) / 1000;
    let line = status ? "as of " + clock(status.at) : "";
    let stale = false;
    if (trouble) { line = trouble; stale = true; }
    else if (!ended && heard && silent > STALE_S) {
      line = "not up to date: nothing was heard for " + duration(silent) + (status ? "; this is as of " + clock(status.at) : "");
      stale = true;
    } else if (!ended && source && source.readyState !== EventSource.OPEN) {
      line = "connecting again" + (status ? "; this is as of " + clock(status.at) : "");
      stale = Boolean(status) && silent > 5;
    } else if (!ended) line += " · it updates by itself";
    // Said aloud only when it is worth it: a live region speaks with every change.
    if (news.dataset.stale !== String(stale)) { news.setAttribute("role", stale ? "alert" : "none"); news.dataset.stale = String(stale); }
    if (news.textContent !== line) news.textContent = line;
    news.classList.toggle("stale", stale);
  }

  function listen() {
    if (source) source.close();
    ended = false;
    source = new EventSource(base + "/events");
    const hear = () => { heard = Date.now(); trouble = ""; };
    source.onopen = () => { hear(); freshness(); };
    source.addEventListener("status", (e) => { hear(); show(JSON.parse(e.data)); });
    source.addEventListener("alive", hear);
    source.addEventListener("trouble", (e) => { hear(); trouble = JSON.parse(e.data).error; freshness(); });
    source.addEventListener("end", (e) => {
      hear(); ended = true; source.close();
      trouble = JSON.parse(e.data).error || "";
      freshness();
      setTimeout(again, 15000);
    });
    source.onerror = () => {
      freshness();
      if (source.readyState === EventSource.CLOSED && !ended) { setTimeout(probe, 3000); }
    };
  }
  // A study that is over may be run again.
  async function again() {
    try {
      const told = await ask(base);
      if (told.at !== status.at) { listen(); return; }
    } catch (_) { /* asked again later */ }
    if (ended) setTimeout(again, 15000);
  }
  // An event source that is refused does not come back by itself; why, only a plain request tells.
  async function probe() {
    try { show(await ask(base)); heard = Date.now(); trouble = ""; } catch (error) { trouble = "not up to date: " + error.message; }
    freshness();
    if (source.readyState === EventSource.CLOSED && !ended) listen();
  }

  async function change(wish, form) {
    const came = by("came");
    const controls = document.querySelector("#controls fieldset");
    const focused = document.activeElement;
    controls.disabled = true;
    came.className = ""; came.textContent = "asking …";
    try {
      const told = await ask(base + "/changes", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish) });
      came.textContent = told.changes.map((one) => one.line).join("; ");
      if (form) form.reset();
      if (ended) setTimeout(listen, 500);
    } catch (error) {
      came.className = "wrong"; came.textContent = error.message;
    }
    controls.disabled = false;
    if (document.activeElement === document.body) focused.focus({ preventScroll: true });
  }
  function wishOf(form) {
    const value = new FormData(form).values().next().value.trim();
    if (form.dataset.kind === "point") return { kind: "add", points: [value] };
    if (form.dataset.kind === "narrow") return { kind: "narrow", to: value.split(/\s+/) };
    return { kind: form.dataset.kind, [form.querySelector("input").name]: Number(value) };
  }
  function study() {
    by("title").textContent = name;
    by("report").href = base + "/report";
    by("json").href = base;
    for (const form of document.querySelectorAll("#controls form")) {
      form.addEventListener("submit", (e) => { e.preventDefault(); change(wishOf(form), form); });
    }
    for (const button of document.querySelectorAll("#controls button[data-kind]")) {
      button.addEventListener("click", () => {
        const kind = button.dataset.kind;
        if (kind === "stop" && !confirm("Stop the study? What was trained is kept; “Continue” takes it back.")) return;
        change({ kind });
      });
    }
    let wide = innerWidth > 620;
    addEventListener("resize", () => {
      if (status && wide !== innerWidth > 620) { wide = innerWidth > 620; fill(by("plot"), ...curves(status)); }
    });
    setInterval(freshness, 1000);
    listen();
  }

  if (main.dataset.page === "home") home(); else study();
})();
