"use strict";
/* One page over /api/v1.  Every text that came from the server goes in by
 * textContent; no markup is ever made of it.  What is shown is asked for: the
 * server filters, sorts and cuts. */
(function () {
  const $ = (id) => document.getElementById(id);
  const POLL_MS = 2000, SLOW_EVERY = 5, ANSWER_MS = 10000, OLD_S = 15;
  const PAGE = matchMedia("(max-width: 720px)").matches ? 10 : 25;
  const SVG = "http://www.w3.org/2000/svg";
  const STATES = ["RUNNING", "HALTED", "STALLED", "PARKED", "PAUSED", "DRAINING", "ASSIGNED", "UNASSIGNED"];
  const TONES = { RUNNING: "ok", HALTED: "err", STALLED: "err", PARKED: "warn", UNASSIGNED: "warn", ASSIGNED: "warn" };
  const GLYPHS = { OK: "#i-ok", WARN: "#i-warn", ERR: "#i-err", wait: "#i-unknown" };

  /* ---- words for numbers, as `heliostat status` writes them ---- */

  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const known = (n) => n !== null && n !== undefined;
  const count = (n) => (known(n) ? whole.format(n) : "–");
  const trim = (n, digits) => n.toFixed(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  function short(n) {
    if (!known(n)) return ["–", ""];
    for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]])
      if (n >= size) return [trim(n / size, n >= 100 * size ? 0 : n >= 10 * size ? 1 : 2), unit];
    return [whole.format(n), ""];
  }
  function rate(n) {
    if (!known(n)) return ["–", ""];
    return n > 0 && n < 9.95 ? [n.toFixed(1), ""] : short(Math.round(n));
  }
  function bytes(n) {
    if (!known(n)) return ["–", ""];
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (n >= 1000 && unit < units.length - 1) { n /= 1000; unit++; }
    return [unit && n < 99.5 ? n.toFixed(1) : n.toFixed(0), units[unit]];
  }
  function duration(s) {
    if (!known(s)) return ["–", ""];
    const two = (n) => String(Math.floor(n)).padStart(2, "0");
    if (s < 9.95) return [s.toFixed(1), "s"];
    if (s < 100) return [String(Math.floor(s)), "s"];
    if (s < 3600) return [`${Math.floor(s / 60)}:${two(s % 60)}`, "min"];
    if (s < 172800) return [`${Math.floor(s / 3600)}:${two((s / 60) % 60)}`, "h"];
    return [`${Math.floor(s / 86400)}`, "d"];
  }
  const joined = ([n, unit]) => (unit ? `${n} ${unit}` : n);
  const packed = ([n, unit]) => n + unit;
  const clock = (ms, seconds) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hour12: false });
  const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || one + "s"}`;

  /* ---- elements ---- */

  function el(name, options, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(options || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (key === "text") node.textContent = value;
      else if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((c) => c !== null && c !== undefined));
    return node;
  }
  function svg(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }
  const icon = (id) => { const node = svg("svg", { "aria-hidden": "true" }); node.append(svg("use", { href: id })); return node; };
  const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const set = (node, name, value) => { if (value === null || value === undefined || value === false) node.removeAttribute(name); else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value); };
  const badge = (word, tone, glyph) => el("span", { class: "badge", "data-tone": tone }, glyph ? icon(glyph) : null, document.createTextNode(word));
  const stateBadge = (state) => badge(state, TONES[state], "#s-" + (STATES.includes(state) ? state : "UNASSIGNED"));

  /* ---- what is shown; the part that a link should keep is in the hash ---- */

  const shown = { route: "", q: "", states: [], sort: "lag", order: "desc", offset: 0, lag: "lag", rate: "rate" };
  function readHash() {
    const from = new URLSearchParams(location.hash.slice(1));
    shown.route = from.get("route") || "";
    shown.q = from.get("q") || "";
    shown.states = (from.get("state") || "").split(",").filter((s) => STATES.includes(s));
    if (["lag", "lag_seconds", "rate", "topic"].includes(from.get("sort"))) shown.sort = from.get("sort");
    if (["asc", "desc"].includes(from.get("order"))) shown.order = from.get("order");
  }
  function writeHash() {
    const to = new URLSearchParams();
    if (shown.route) to.set("route", shown.route);
    if (shown.q) to.set("q", shown.q);
    if (shown.states.length) to.set("state", shown.states.join(","));
    if (shown.sort !== "lag") to.set("sort", shown.sort);
    if (shown.order !== (shown.sort === "topic" ? "asc" : "desc")) to.set("order", shown.order);
    const hash = to.toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname);
  }
  function changed() {
    shown.offset = 0;
    writeHash();
    refresh(true);
  }

  /* ---- the server ---- */

  let token = null;
  try { token = sessionStorage.getItem("heliostat.token"); } catch (e) { /* in memory only */ }

  class Refused extends Error { constructor(status, text) { super(text); this.status = status; } }

  async function ask(name, parameters) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(parameters || {})) if (value !== "" && known(value)) query.set(key, value);
    const text = query.toString();
    const answer = await fetch("/api/v1/" + name + (text ? "?" + text : ""), {
      headers: token ? { Authorization: "Bearer " + token } : {}, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.status === 401) throw new Refused(401, "a token is needed");
    let body = null;
    try { body = await answer.json(); } catch (e) { throw new Refused(answer.status, `${name}: status ${answer.status} without JSON`); }
    if (!answer.ok) throw new Refused(answer.status, body.error || `${name}: status ${answer.status}`);
    return body;
  }

  /* ---- tables: rows are kept, only what differs is written ---- */

  function table(into, columns, caption) {
    const body = el("tbody"), head = el("tr");
    const headers = columns.map((c) => {
      const th = el("th", { scope: "col", class: c.num ? "num" : undefined });
      if (c.sort) th.append(el("button", { type: "button", text: c.label, onclick: () => sortBy(c.sort) }));
      else th.textContent = c.label;
      head.append(th);
      return th;
    });
    const node = el("table", {}, el("caption", { class: "hidden", text: caption }), el("thead", {}, head), body);
    const empty = el("div", { class: "empty" });
    node.hidden = empty.hidden = true;
    into.replaceChildren(node, empty);
    return (rows, nothing) => {
      node.hidden = !rows.length;
      empty.hidden = !!rows.length;
      if (!rows.length) { empty.replaceChildren(...[].concat(nothing)); }
      columns.forEach((c, i) => set(headers[i], "aria-sort", c.sort && c.sort === shown.sort ? (shown.order === "desc" ? "descending" : "ascending") : null));
      while (body.rows.length > rows.length) body.lastChild.remove();
      rows.forEach((row, r) => {
        let tr = body.rows[r];
        if (!tr) {
          tr = el("tr", {}, ...columns.map((c) => el("td", { class: [c.num ? "num" : "", c.class || ""].join(" ").trim() || undefined, "data-label": c.label })));
          body.append(tr);
        }
        columns.forEach((c, i) => {
          const td = tr.cells[i], value = c.value(row), mark = JSON.stringify(value);
          if (td.dataset.mark === mark) return;
          td.dataset.mark = mark;
          if (c.draw) td.replaceChildren(...[].concat(c.draw(row)).filter(Boolean));
          else td.textContent = value;
        });
      });
    };
  }
  function sortBy(key) {
    if (shown.sort === key) shown.order = shown.order === "desc" ? "asc" : "desc";
    else { shown.sort = key; shown.order = key === "topic" ? "asc" : "desc"; }
    changed();
  }

  let lagScale = 1;
  const reasonOf = (p) => (p.halts.length && p.halts[0].reason && p.state === "HALTED" ? p.halts[0].reason : p.error);
  const showPartitions = table($("partitions"), [
    { label: "Topic and partition", sort: "topic", class: "name", value: (p) => [p.route, p.topic, p.partition, p.destination_topic, reasonOf(p)],
      draw: (p) => [el("b", { text: p.topic }), document.createTextNode(" · " + p.partition),
        p.destination_topic && p.destination_topic !== p.topic ? el("span", { class: "to", text: " → " + p.destination_topic }) : null,
        reasonOf(p) ? el("span", { class: "why", text: reasonOf(p) }) : null] },
    { label: "State", class: "whole", value: (p) => [p.state, p.stale], draw: (p) => [stateBadge(p.state), p.stale ? el("span", { class: "dim", text: " old report" }) : null] },
    { label: "Lag", sort: "lag", num: true, value: (p) => [p.lag, lagScale],
      draw: (p) => {
        if (!known(p.lag)) return el("span", { class: "dim", text: "–" });
        const bar = el("span", { class: "lagbar", "aria-hidden": "true" });
        bar.style.width = (p.lag > 0 ? Math.max(1, (60 * p.lag) / lagScale) : 0) + "px";
        return [bar, document.createTextNode(count(p.lag))];
      } },
    { label: "Lag time", sort: "lag_seconds", num: true, value: (p) => joined(duration(p.lag_seconds)) },
    { label: "Records/s", sort: "rate", num: true, value: (p) => packed(rate(p.rate)) },
    { label: "Position", num: true, class: "aside", value: (p) => (known(p.position) ? String(p.position) : "–") },
    { label: "Source end", num: true, class: "aside", value: (p) => (known(p.end_offset) ? String(p.end_offset) : "–") },
    { label: "Worker", value: (p) => p.worker || "–" },
    { label: "Lane", num: true, class: "aside", value: (p) => String(p.lane) },
  ], "Partitions");

  const workerNote = (w) => (w.error ? w.error : w.config_error ? "old configuration" : w.drained ? "drained" : w.draining ? "stopping" : w.stale ? "old report" : "live");
  const workerTone = (w) => (w.error ? "err" : w.config_error || w.stale || w.drained || w.draining ? "warn" : "ok");
  const showWorkers = table($("workers"), [
    { label: "Worker", class: "name", value: (w) => [w.id, w.host, w.zone],
      draw: (w) => [el("b", { text: w.id }), el("span", { class: "to", text: "  " + (w.host || "") + (w.zone ? `, zone ${w.zone}` : "") })] },
    { label: "State", class: "whole", value: (w) => [workerNote(w), workerTone(w)], draw: (w) => badge(workerNote(w), workerTone(w), { ok: "#s-RUNNING", warn: "#i-warn", err: "#i-err" }[workerTone(w)]) },
    { label: "Lanes", num: true, value: (w) => count(w.lanes) },
    { label: "Partitions", num: true, value: (w) => count(w.partitions) },
    { label: "Lag", num: true, value: (w) => count(w.lag) },
    { label: "Lag time", num: true, value: (w) => joined(duration(w.lag_seconds)) },
    { label: "Records/s", num: true, value: (w) => packed(rate(w.rate)) },
    { label: "Bytes/s", num: true, value: (w) => joined(bytes(w.bytes_rate)) },
    { label: "Session", num: true, value: (w) => joined(duration(w.session_age_seconds)) },
    { label: "Reported", num: true, value: (w) => (known(w.report_age_seconds) ? joined(duration(w.report_age_seconds)) + " ago" : "–") },
    { label: "Config", class: "aside mono", value: (w) => (w.config_version ? w.config_version.slice(0, 8) : "–") },
    { label: "Version", class: "aside", value: (w) => w.version || "–" },
  ], "Workers");

  /* ---- charts ---- */

  const hour = { data: null };
  const SERIES = {
    lag: { unit: short, label: (n) => joined(short(n)) + " records" }, lag_seconds: { unit: duration, label: (n) => joined(duration(n)) },
    rate: { unit: rate, label: (n) => joined(rate(n)) + " records/s" }, bytes_rate: { unit: bytes, label: (n) => joined(bytes(n)) + "/s" },
  };
  function ceiling(n, seconds) {
    if (seconds) for (const s of [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400]) if (n <= s) return s;
    if (n <= 0) return 1;
    const ten = Math.pow(10, Math.floor(Math.log10(n)));
    for (const m of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (n <= m * ten) return m * ten;
    return n;
  }
  function chart(card, key) {
    const plot = card.querySelector(".plot"), heading = card.querySelector("h2"), what = heading.dataset.what;
    let cursor = null, last = null, name = what;
    card.querySelectorAll(".switch button").forEach((b) => b.addEventListener("click", () => {
      shown[key] = b.dataset.series;
      card.querySelectorAll(".switch button").forEach((o) => o.setAttribute("aria-pressed", String(o === b)));
      draw();
    }));
    function draw() {
      const data = hour.data, series = SERIES[shown[key]], values = data ? data[shown[key]] : [];
      const w = plot.clientWidth, h = plot.clientHeight, left = 8, right = 8, top = 20, bottom = 22;
      const root = svg("svg", { viewBox: `0 0 ${w} ${h}`, "aria-hidden": "true" });
      const marks = values.map((v, i) => i).filter((i) => known(values[i]));
      const nodes = [root], labels = [];
      last = null;
      if (w > 0) {
        const step = data && data.step_seconds ? data.step_seconds * 1000 : 15000;
        const end = data && known(data.from_ms) ? data.from_ms + (values.length - 1) * step : Date.now();
        /* As much of the hour as is known: a coordinator that has just started shows more than a spike at the edge. */
        const age = marks.length ? (end - data.from_ms - marks[0] * step) / 60000 : 60;
        const minutes = [5, 10, 20, 30, 60].find((m) => age <= m) || 60;
        name = `${what}, last ${minutes === 60 ? "hour" : minutes + " min"}`;
        say(heading, name);
        const x = (ms) => left + (1 - (end - ms) / (minutes * 60000)) * (w - left - right);
        const most = ceiling(Math.max(0, ...marks.map((i) => values[i])), shown[key] === "lag_seconds");
        const y = (v) => top + (1 - v / most) * (h - top - bottom);
        root.append(svg("line", { class: "base", x1: left, x2: w - right, y1: y(0), y2: y(0) }));
        if (marks.length) for (const part of [0.5, 1]) {
          root.append(svg("line", { class: "grid", x1: left, x2: w - right, y1: y(most * part), y2: y(most * part) }));
          labels.push(svg("text", { class: "level", x: left, y: y(most * part) - 5 }, part === 1 ? series.label(most) : joined(series.unit(most * part))));
        }
        const parts = minutes === 5 || minutes === 20 ? (w < 420 ? 2 : 5) : w < 420 ? 3 : 6;
        for (let k = 0; k <= parts; k++) {
          const ago = (minutes / parts) * k, at = x(end - ago * 60000);
          root.append(svg("text", { x: at, y: h - 5, "text-anchor": k === 0 ? "end" : k === parts ? "start" : "middle" }, k === 0 ? "now" : clock(end - ago * 60000)));
        }
        let line = "", area = "", open = -1;
        const close = (to) => { if (open >= 0) area += `L${x(data.from_ms + to * step).toFixed(1)},${y(0)}Z`; open = -1; };
        for (let i = 0; i < values.length; i++) {
          if (!known(values[i]) || x(data.from_ms + i * step) < left - 1) { close(i - 1); continue; }
          const at = `${x(data.from_ms + i * step).toFixed(1)},${y(values[i]).toFixed(1)}`;
          if (open < 0) { line += `M${at}h.01`; area += `M${at.split(",")[0]},${y(0)}L${at}`; open = i; } else { line += `L${at}`; area += `L${at}`; }
        }
        close(values.length - 1);
        root.append(svg("path", { class: "area", d: area || "M0,0" }), svg("path", { class: "stroke", d: line || "M0,0" }), ...labels);
        if (!marks.length) nodes.push(el("div", { class: "none", text: data ? "nothing is known yet" : "" }));
        last = { x, y, marks, values, step, w, series };
        if (cursor !== null && marks.length) {
          cursor = marks.reduce((a, b) => (Math.abs(b - cursor) < Math.abs(a - cursor) ? b : a));
          const ms = data.from_ms + cursor * step, cx = x(ms), cy = y(values[cursor]);
          root.append(svg("line", { class: "cursor", x1: cx, x2: cx, y1: top, y2: y(0) }), svg("circle", { class: "at", cx, cy, r: 4 }));
          const tip = el("div", { class: "tip" }, el("b", { text: series.label(values[cursor]) }), document.createTextNode("  " + clock(ms, true)));
          tip.style.left = Math.min(Math.max(cx, 90), w - 90) + "px";
          nodes.push(tip);
        }
        const newest = marks.length ? values[marks[marks.length - 1]] : null;
        set(plot, "aria-label", marks.length ? `${name}: now ${series.label(newest)}, at most ${series.label(Math.max(...marks.map((i) => values[i])))}. Arrow keys read single times.` : `${name}: nothing known yet`);
      }
      plot.replaceChildren(...nodes);
    }
    const point = (event) => {
      if (!last || !last.marks.length) return;
      const at = event.clientX - plot.getBoundingClientRect().left;
      cursor = last.marks.reduce((a, b) => (Math.abs(last.x(hour.data.from_ms + b * last.step) - at) < Math.abs(last.x(hour.data.from_ms + a * last.step) - at) ? b : a));
      draw();
    };
    plot.addEventListener("pointermove", point);
    plot.addEventListener("pointerdown", point);
    plot.addEventListener("pointerleave", () => { cursor = null; draw(); });
    plot.addEventListener("blur", () => { cursor = null; draw(); });
    plot.addEventListener("keydown", (event) => {
      if (!last || !last.marks.length || !["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) return;
      event.preventDefault();
      const at = last.marks.indexOf(cursor), n = last.marks.length;
      const to = event.key === "Home" ? 0 : event.key === "End" || at < 0 ? n - 1 : at + (event.key === "ArrowLeft" ? -1 : 1);
      cursor = event.key === "Escape" ? null : last.marks[Math.min(Math.max(to, 0), n - 1)];
      draw();
      if (cursor !== null) set(plot, "aria-label", `${clock(hour.data.from_ms + cursor * last.step, true)}: ${last.series.label(last.values[cursor])}`);
    });
    new ResizeObserver(draw).observe(plot);
    return draw;
  }
  const charts = [chart($("chart-lag"), "lag"), chart($("chart-rate"), "rate")];

  /* ---- parts of the page ---- */

  function tile(id, [n, unit], sub, bad, exact) {
    const node = $(id), big = node.querySelector(".big");
    const want = unit ? [el("span", { class: "n", text: n }), document.createTextNode(" "), el("small", { text: unit })] : [el("span", { class: "n", text: n })];
    if (big.textContent !== (unit ? `${n} ${unit}` : n)) big.replaceChildren(...want);
    say(node.querySelector(".sub"), sub);
    set(node, "data-bad", bad);
    set(big, "title", exact);
  }

  let reasonsOpen = false;
  const REASONS = 4;
  function showHealth(status) {
    const health = status.health, reasons = health.reasons, leader = status.leader;
    set($("health"), "data-level", health.level);
    $("health-glyph").setAttribute("href", GLYPHS[health.level] || GLYPHS.wait);
    say($("health-level"), health.level);
    say($("health-line"), reasons.length ? reasons[0] : "every partition is mirrored, nothing waits for anybody");
    const rest = reasons.slice(1), visible = reasonsOpen ? rest : rest.slice(0, REASONS);
    const list = $("reasons");
    if (list.dataset.mark !== JSON.stringify(visible)) {
      list.dataset.mark = JSON.stringify(visible);
      list.replaceChildren(...visible.map((text) => el("li", { text })));
    }
    const more = $("reasons-more");
    more.hidden = rest.length <= REASONS;
    set(more, "aria-expanded", String(reasonsOpen));
    say(more, reasonsOpen ? "fewer" : `${rest.length - REASONS} more`);
    $("fact-leader").replaceChildren(...(leader ? [document.createTextNode(leader.id), el("small", { text: ` for ${joined(duration(leader.age_seconds))}` })] : [document.createTextNode("nobody")]));
    say($("fact-coordinators"), count(status.coordinators));
    say($("fact-age"), known(status.facts_age_seconds) ? `up to ${joined(duration(status.facts_age_seconds))} old` : "no reports");
    say($("where"), status.zookeeper || "");
    say($("served"), `Served by ${status.served_by.id}${status.served_by.leads ? ", which leads" : ""}, version ${status.served_by.version}`);
    document.title = `${health.level} · Heliostat`;
    const colour = { OK: "%231f7a46", WARN: "%23c77700", ERR: "%23b3261e" }[health.level] || "%236a675f";
    const shape = { OK: "%3Ccircle cx='8' cy='8' r='7'/%3E", WARN: "%3Cpath d='M8 1 15.5 14.5H.5z'/%3E", ERR: "%3Cpath d='M1 1h14v14H1z'/%3E" }[health.level] || "";
    set($("icon"), "href", `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='${colour}'%3E${shape}%3C/svg%3E`);
  }
  $("reasons-more").addEventListener("click", () => { reasonsOpen = !reasonsOpen; refresh(true); });

  /* The last rule that matches a partition counts. */
  function pauses(route) {
    let all = "", part = "";
    for (const rule of route.pauses || []) {
      if (rule.topics === null && rule.partition === null) { all = rule.pauses ? "paused" : ""; part = ""; }
      else if (rule.pauses) part = "partly paused";
    }
    return all || part;
  }
  function showRoutes(status) {
    const nav = $("routes"), routes = status.routes;
    if (shown.route && !routes.some((r) => r.name === shown.route)) shown.route = "";
    nav.hidden = routes.length < 2 && !shown.route && !routes.some((r) => r.intake || r.enabled === false || pauses(r));
    const mark = JSON.stringify([shown.route, routes.map((r) => [r.name, r.enabled, r.intake, pauses(r)])]);
    if (nav.dataset.mark === mark) return;
    nav.dataset.mark = mark;
    const pill = (name, text, note) => el("button", { type: "button", class: "pill", "aria-pressed": String(shown.route === name), onclick: () => { shown.route = name; changed(); } },
      document.createTextNode(text), note ? el("em", { text: note }) : null);
    nav.replaceChildren(pill("", "All routes"), ...routes.map((r) => pill(r.name, r.name.replace("->", " → "), r.intake || (r.enabled === false ? "not enabled" : pauses(r)))));
  }

  /* Of the route that was chosen, or of everything. */
  function scope(status) {
    const t = status.totals, r = status.routes.find((one) => one.name === shown.route);
    if (!r) return { lag: t.lag, lag_seconds: t.lag_seconds, rate: t.rate, bytes_rate: t.bytes_rate, partitions: t.partitions, topics: t.topics, states: t.states, lanes: t.lanes };
    return { lag: r.lag, lag_seconds: r.lag_seconds, rate: r.rate, bytes_rate: null, partitions: r.partitions, topics: r.topics, states: r.states, lanes: r.lanes };
  }

  function showTiles(status) {
    const s = scope(status), t = status.totals, bad = s.states.HALTED + s.states.STALLED;
    const waits = s.states.UNASSIGNED + s.states.ASSIGNED, all = s.partitions;
    tile("tile-lag", short(s.lag), known(s.lag) ? "records behind the source" : "not known yet", null, count(s.lag));
    tile("tile-time", duration(s.lag_seconds), "at most, of what waits");
    const r = rate(s.rate);
    tile("tile-rate", [r[0], (r[1] ? r[1] + " " : "") + "/s"], "records" + (known(s.bytes_rate) ? `, ${joined(bytes(s.bytes_rate))}/s` : ""), null, `${count(Math.round(s.rate))} records/s`);
    tile("tile-partitions", [count(s.states.RUNNING), "of " + count(all)], [plural(s.topics, "topic"), waits ? `${count(waits)} not mirrored yet` : null, s.states.PARKED ? `${count(s.states.PARKED)} parked` : null].filter(Boolean).join(", "), waits || s.states.PARKED ? "warn" : null);
    tile("tile-workers", [count(t.workers), ""], t.workers_stale ? `${plural(t.workers_stale, "has", "have")} not reported lately` : t.lanes_without_worker ? `${plural(t.lanes_without_worker, "lane")} without one` : plural(s.lanes || 0, "lane"),
      !t.workers && status.routes.some((one) => one.enabled) ? "err" : t.workers_stale || t.lanes_without_worker ? "warn" : null);
    tile("tile-halted", [count(bad), ""], bad ? [s.states.HALTED ? `${count(s.states.HALTED)} halted` : null, s.states.STALLED ? `${count(s.states.STALLED)} stalled` : null].filter(Boolean).join(", ") : "none", bad ? "err" : null);
  }

  function showStates(status) {
    const states = scope(status).states, into = $("states");
    const mark = JSON.stringify([states, shown.states]);
    if (into.dataset.mark === mark) return;
    into.dataset.mark = mark;
    const old = new Map([...into.children].map((b) => [b.dataset.state, b]));
    for (const state of STATES) {
      const n = states[state], on = shown.states.includes(state);
      let chip = old.get(state);
      if (!n && !on) { if (chip && document.activeElement !== chip) { chip.remove(); continue; } if (!chip) continue; }
      if (!chip) {
        chip = el("button", { type: "button", class: "pill", "data-state": state }, icon("#s-" + state), el("span"), el("em"));
        chip.addEventListener("click", () => {
          shown.states = shown.states.includes(state) ? shown.states.filter((s) => s !== state) : [...shown.states, state];
          changed();
        });
        const next = STATES.slice(STATES.indexOf(state) + 1).map((s) => into.querySelector(`[data-state="${s}"]`)).find(Boolean);
        into.insertBefore(chip, next || null);
      }
      say(chip.children[1], state.toLowerCase());
      say(chip.children[2], count(n));
      set(chip, "aria-pressed", String(on));
    }
  }

  const command = (before, text, after) => el("p", {}, document.createTextNode(before), el("code", { text }), document.createTextNode(after));

  function showPartitionPage(answer, status) {
    lagScale = Math.max(1, ...answer.partitions.map((p) => p.lag || 0));
    const filtered = shown.q || shown.states.length;
    const nothing = filtered ? el("p", { text: "No partition matches." })
      : !status.routes.length ? command("No route is defined yet. ", "heliostat apply mirror.properties", " publishes one; its partitions then appear here.")
      : !status.routes.some((r) => r.enabled) ? el("p", { text: "No route is enabled." })
      : el("p", { text: "No partition is placed in a lane yet." });
    showPartitions(answer.partitions, nothing);
    say($("partitions-note"), answer.total ? `${plural(answer.total, "partition")}${filtered ? " match" : ""}, ${count(answer.lag)} records of lag` : "");
    $("pager").hidden = answer.total <= PAGE;
    say($("page-at"), `${count(answer.offset + 1)} – ${count(answer.offset + answer.partitions.length)} of ${count(answer.total)}`);
    $("page-back").disabled = answer.offset === 0;
    $("page-on").disabled = answer.offset + answer.partitions.length >= answer.total;
    if (answer.offset && !answer.partitions.length) shown.offset = 0;
  }

  function showWorkerList(answer, status) {
    showWorkers(answer.workers, status.routes.length ? el("p", { text: "No worker is alive: nothing is mirrored." })
      : command("No worker is alive. ", "heliostat worker --config mirror.properties", " starts one."));
    say($("workers-note"), answer.total > answer.workers.length ? `the first ${count(answer.workers.length)} of ${count(answer.total)}` : "");
  }

  const laneTone = (l) => (l.state === "UNKNOWN" ? "err" : l.error || (l.partitions && !l.worker_live) || l.state === "REVOKING" || l.state === "ASSIGNED" ? "warn" : null);
  function showLanes(answer) {
    const into = $("lanes"), mark = JSON.stringify(answer.lanes);
    if (into.dataset.mark === mark) return;
    into.dataset.mark = mark;
    const groups = new Map(), several = new Set(answer.lanes.map((l) => l.route)).size > 1;
    for (const lane of answer.lanes) {
      const owner = lane.worker ? (lane.worker_live ? lane.worker : lane.worker + " (gone)") : "no worker";
      if (!groups.has(owner)) groups.set(owner, []);
      groups.get(owner).push(lane);
    }
    const word = (l) => (l.state === "OWNED" ? (l.worker_live ? null : "gone") : l.state === "FREE" ? "free" : l.state.toLowerCase());
    const cell = (l) => el("div", { class: "cell", tabindex: answer.lanes.length <= 64 ? "0" : null, "data-tone": laneTone(l), "data-empty": !l.partitions, "data-pinned": l.pin ? true : null,
      title: [`lane ${l.lane} of ${l.route}`, `${l.state}, generation ${l.generation}`, plural(l.partitions, "partition"), l.report_state, l.pin ? `pinned to ${l.pin}` : null, l.error].filter(Boolean).join("\n") },
    document.createTextNode(l.lane), el("small", { text: word(l) || `${count(l.partitions)} part.` }));
    const cells = (lanes) => el("div", { class: "cells" }, ...lanes.map(cell));
    const byRoute = (lanes) => [...new Set(lanes.map((l) => l.route))].flatMap((route) => [el("h4", { text: route.replace("->", " → ") }), cells(lanes.filter((l) => l.route === route))]);
    const idle = (lanes) => (lanes.some((l) => l.worker) ? 0 : 1);
    into.replaceChildren(...[...groups].sort(([a, x], [b, y]) => idle(x) - idle(y) || a.localeCompare(b, "en", { numeric: true })).map(([owner, lanes]) => el("div", { class: "owner" },
      el("h3", { text: owner }, el("span", { text: `${plural(lanes.length, "lane")}, ${plural(lanes.reduce((n, l) => n + l.partitions, 0), "partition")}` })),
      ...(several ? byRoute(lanes) : [cells(lanes)]))));
    if (!answer.lanes.length) into.replaceChildren(el("p", { class: "empty", text: "No route, no lanes." }));
    say($("lanes-note"), answer.total > answer.lanes.length ? `the first ${count(answer.lanes.length)} of ${count(answer.total)}` : answer.total ? "by the worker that has them" : "");
  }

  const kind = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");
  function showEvents(answer) {
    const into = $("events"), mark = JSON.stringify(answer.events);
    if (into.dataset.mark === mark) return;
    into.dataset.mark = mark;
    into.replaceChildren(...answer.events.map((e) => el("li", { "data-tone": e.tone },
      el("time", { datetime: new Date(e.time_ms).toISOString(), text: new Date(e.time_ms).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }) }),
      el("p", {}, el("b", { text: kind(e.kind) + " " }), document.createTextNode(e.text || "")))));
    if (!answer.events.length) into.replaceChildren(el("p", { class: "empty", text: "Nothing has happened yet." }));
    say($("events-note"), answer.total > answer.events.length ? `the newest ${count(answer.events.length)} of ${count(answer.total)}` : "");
  }

  let config = null, versions = new Map();
  function showConfig() {
    if (!config) return;
    const all = $("config-all").checked, into = $("config");
    const open = new Set([...into.querySelectorAll("details[open]")].map((d) => d.dataset.name)), first = !into.children.length;
    const value = (s) => (s.secret ? el("i", { text: "not shown" }) : el("span", { class: "mono", text: s.value === null ? "(empty)" : s.value }));
    const part = (name, note, settings) => {
      const rows = settings.filter((s) => all || !s.default);
      return el("details", { "data-name": name, open: first ? null : open.has(name) },
        el("summary", { text: name }, el("span", { text: note })),
        el("table", {}, el("tbody", {}, ...rows.map((s) => el("tr", { "data-default": s.default ? true : null }, el("td", { text: s.name || s.key }), el("td", {}, value(s), s.line ? el("i", { text: ` line ${s.line}` }) : null))))),
        rows.length ? null : el("p", { class: "note", text: "nothing but defaults" }));
    };
    into.replaceChildren(...config.routes.map((r) => part(r.name.replace("->", " → "), `${known(versions.get(r.name)) ? `version ${versions.get(r.name)}, ` : ""}applied ${new Date(r.applied_ms).toLocaleString([], { hour12: false })}`, r.settings)),
      part("Program", `as coordinator ${config.coordinator} was started`, config.program),
      part("Clients", "of this coordinator; workers have their own files", config.clients.map((c) => Object.assign({ default: false }, c))));
  }
  $("config-all").addEventListener("change", showConfig);

  /* ---- live, old, away ---- */

  let lastGood = 0, lastAge = 0, trouble = "", tokenWanted = false;
  function showLive() {
    const now = Date.now(), age = lastGood ? (now - lastGood) / 1000 + lastAge : null;
    const live = $("live"), away = trouble !== "";
    set(live, "data-live", away ? "off" : age === null ? "wait" : age > OLD_S ? "old" : "on");
    say($("live-text"), age === null ? (away ? "no data" : "connecting") : away || age > OLD_S ? `data is ${joined(duration(age))} old` : "live");
    set(document.body, "data-old", lastGood && (away || age > OLD_S) ? "" : null);
    const notice = $("notice");
    notice.hidden = !away;
    if (away) {
      const text = lastGood ? ` What is shown is from ${clock(lastGood - lastAge * 1000, true)}, ${joined(duration(age))} ago.` : "";
      if (notice.dataset.mark !== trouble + text) {
        notice.dataset.mark = trouble + text;
        notice.replaceChildren(el("strong", { text: trouble }), document.createTextNode(text + (tokenWanted ? "" : " Mirroring does not depend on this page; it is tried again every 2 s.")));
      }
      if (document.title.indexOf("?") !== 0) document.title = "? · Heliostat";
    }
  }

  /* ---- the round ---- */

  let round = 0, running = null, again = false;
  async function once(all) {
    const status = await ask("status");
    showRoutes(status);
    /* One after the other: a viewer then holds one connection, and many can look through one tunnel. */
    const partitions = await ask("partitions", { route: shown.route, q: shown.q, state: shown.states.join(","), sort: shown.sort, order: shown.order, limit: PAGE, offset: shown.offset });
    const workers = await ask("workers", { limit: 200 });
    const past = all ? await ask("history", { route: shown.route, points: 361 }) : null;
    const lanes = all ? await ask("lanes", { route: shown.route, limit: 500 }) : null;
    const events = all ? await ask("events", { limit: 50 }) : null;
    const settings = all && (!config || round % (SLOW_EVERY * 6) === 1) ? await ask("config") : null;
    showHealth(status);
    showTiles(status);
    showStates(status);
    versions = new Map(status.routes.map((r) => [r.name, r.version]));
    showPartitionPage(partitions, status);
    showWorkerList(workers, status);
    if (past) { hour.data = past; charts.forEach((draw) => draw()); }
    if (lanes) showLanes(lanes);
    if (events) showEvents(events);
    if (settings) { const first = !config; config = settings; if (first || !$("config").contains(document.activeElement)) showConfig(); }
    lastGood = Date.now();
    lastAge = status.age_seconds;
    trouble = "";
  }
  async function refresh(all) {
    if (running) { again = true; return running; }
    running = (async () => {
      do {
        const full = all || again || round % SLOW_EVERY === 0;
        again = false;
        round++;
        try {
          await once(full);
        } catch (error) {
          tokenWanted = error.status === 401;
          if (tokenWanted) { askToken(); trouble = "This coordinator asks for a token."; }
          else trouble = error.status ? `The coordinator answers: ${error.message}.` : "The coordinator cannot be reached.";
        }
        showLive();
      } while (again);
    })();
    try { await running; } finally { running = null; }
  }

  function askToken() {
    const dialog = $("token-dialog");
    if (dialog.open) return;
    if (token) { say($("token-why"), "That is not this coordinator's token (http.token in its configuration)."); $("token-why").className = "wrong"; }
    token = null;
    try { sessionStorage.removeItem("heliostat.token"); } catch (e) { /* in memory only */ }
    dialog.showModal();
    $("token").focus();
  }
  $("token-form").addEventListener("submit", () => {
    token = $("token").value.trim();
    $("token").value = "";
    try { sessionStorage.setItem("heliostat.token", token); } catch (e) { /* in memory only */ }
    refresh(true);
  });

  $("theme").addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("heliostat.theme", theme); } catch (e) { /* for this visit */ }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    try { if (localStorage.getItem("heliostat.theme")) return; } catch (e) { /* follow the system */ }
    document.documentElement.dataset.theme = event.matches ? "dark" : "light";
  });

  let typing = 0;
  $("filter").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { shown.q = $("filter").value.trim(); changed(); }, 200);
  });
  $("page-back").addEventListener("click", () => { shown.offset = Math.max(0, shown.offset - PAGE); refresh(false); });
  $("page-on").addEventListener("click", () => { shown.offset += PAGE; refresh(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|DIALOG/.test(document.activeElement.tagName) && !event.ctrlKey && !event.metaKey) { event.preventDefault(); $("filter").focus(); }
  });
  window.addEventListener("hashchange", () => { readHash(); $("filter").value = shown.q; refresh(true); });

  readHash();
  $("filter").value = shown.q;
  refresh(true);
  setInterval(() => { if (!document.hidden && !$("token-dialog").open) refresh(false); }, POLL_MS);
  setInterval(showLive, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(true); });
})();
