"use strict";
/* The map, search, "more like this" and the table. All of it works on the data in this file:
   nothing is loaded, and nothing that a tag or a name says is ever taken for HTML. */
(() => {
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("scripted");
  const data = JSON.parse(byId("data").textContent);
  const count = data.names.length;

  // What is known of a file, by its number

  const text = (column, i) => data.texts[column][data[column][i]];
  const list = (value) => (Array.isArray(value) ? value : value > 0 ? [value] : []);
  const genreNames = (numbers) => numbers.map((n) => data.texts.genres[n]).join(", ");
  const genres = (i) => genreNames(list(data.genres[i]));
  const before = (i) => (data.before[i] === 0 ? genres(i) : genreNames(list(data.before[i])));
  const title = (i) => data.titles[i] || data.names[i].replace(/\.[^.]+$/, "");
  const artist = (i) => text("artists", i);
  const status = (i) => text("statuses", i).replace("_", " ");
  const path = (i) => (text("folders", i) ? text("folders", i) + "/" : "") + data.names[i];
  const clock = (s) => `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;

  // What arithmetic made of the embeddings, by the number of the audio

  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const vectors = new Int8Array(bytes(data.vectors).buffer);
  const places = new DataView(bytes(data.places).buffer);
  const heardBytes = bytes(data.heard);
  const sounds = data.sounds.length;
  const xs = new Float32Array(sounds);
  const ys = new Float32Array(sounds);
  const norms = new Float32Array(sounds);
  const fileOf = new Int32Array(sounds).fill(-1);
  for (let s = 0; s < sounds; s++) {
    xs[s] = places.getUint16(4 * s, true) / 65535;
    ys[s] = places.getUint16(4 * s + 2, true) / 65535;
    let sum = 0;
    for (let a = s * data.axes; a < (s + 1) * data.axes; a++) sum += vectors[a] * vectors[a];
    norms[s] = Math.sqrt(sum) || 1;
  }
  for (let i = count - 1; i >= 0; i--) if (data.sound[i] >= 0) fileOf[data.sound[i]] = i;

  /** Labels and percent that were heard most, strongest first. */
  function heard(i) {
    const found = [];
    for (let n = 0, at = 9 * data.sound[i]; n < 3 && at >= 0; n++, at += 3) {
      const percent = heardBytes[at + 2];
      if (percent) found.push([data.labels[heardBytes[at] | (heardBytes[at + 1] << 8)], percent]);
    }
    return found;
  }
  const soundsLike = (i) => (data.sound[i] < 0 ? "" : data.labels[data.sounds[data.sound[i]]] || "");

  /** The tracks that sound most like one: [number of the file, cosine], the nearest first. */
  function alike(i, most) {
    const s = data.sound[i];
    if (s < 0) return [];
    const likeness = new Float32Array(sounds);
    const own = vectors.subarray(s * data.axes, (s + 1) * data.axes);
    for (let t = 0, at = 0; t < sounds; t++) {
      let dot = 0;
      for (let a = 0; a < data.axes; a++, at++) dot += own[a] * vectors[at];
      likeness[t] = dot / (norms[s] * norms[t]);
    }
    const others = [];
    for (let t = 0; t < sounds; t++) if (t !== s && fileOf[t] >= 0) others.push(t);
    others.sort((a, b) => likeness[b] - likeness[a]);
    return others.slice(0, most).map((t) => [fileOf[t], likeness[t]]);
  }

  // Groups: what has one colour, and one shape

  // Paul Tol's "bright" scheme, which colour-blind people can tell apart; the second half of the
  // groups are diamonds.
  const COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"];
  const OTHER = "#8c8880";
  const MOST_GROUPS = 12;
  const KINDS = {
    genre: { of: (i) => data.texts.genres[list(data.genres[i])[0] || 0], none: "no genre" },
    sound: { of: soundsLike, none: "not heard" },
    status: { of: status, none: "unknown" },
  };
  let groups = [];
  const groupOf = new Uint8Array(count);

  function makeGroups(kind) {
    const names = Array.from({ length: count }, (_, i) => KINDS[kind].of(i) || "");
    const counts = new Map();
    for (const name of names) counts.set(name, (counts.get(name) || 0) + 1);
    const none = counts.get("") || 0;
    counts.delete("");
    const ordered = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    groups = ordered.slice(0, MOST_GROUPS).map(([name, files], n) => ({
      name, files, colour: COLOURS[n % COLOURS.length], diamond: n >= COLOURS.length,
    }));
    const number = new Map(groups.map((group, n) => [group.name, n]));
    const rest = ordered.slice(MOST_GROUPS).reduce((sum, it) => sum + it[1], 0);
    const other = groups.length;
    if (rest) groups.push({ name: "others", files: rest, colour: OTHER, diamond: true });
    const without = groups.length;
    if (none) groups.push({ name: KINDS[kind].none, files: none, colour: OTHER, faint: true });
    names.forEach((name, i) => {
      groupOf[i] = name ? (number.has(name) ? number.get(name) : other) : without;
    });
  }

  // What is chosen and searched for

  let onlyGroup = -1;
  let chosen = -1;
  let like = [];
  const lit = new Uint8Array(count).fill(1);
  let hays = null;

  function hay(i) {
    const year = data.years[i];
    return [title(i), artist(i), text("albums", i), year, genres(i), soundsLike(i), status(i), path(i)]
      .join("\n").toLowerCase();
  }

  function search() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !hays) hays = Array.from({ length: count }, (_, i) => hay(i));
    for (let i = 0; i < count; i++) {
      lit[i] = (onlyGroup < 0 || groupOf[i] === onlyGroup) && words.every((w) => hays[i].includes(w));
    }
    sortRows();
    draw();
  }

  function choose(i, { scroll = false } = {}) {
    chosen = i;
    like = i < 0 ? [] : alike(i, 12);
    showDetail();
    draw();
    for (const row of byId("table").tBodies[0].rows) {
      row.classList.toggle("chosen", Number(row.dataset.file) === i);
    }
    if (i < 0) return;
    byId("said").textContent = `${title(i)}, ${artist(i) || "no artist"}, ${genres(i) || "no genre"}`;
    if (scroll) byId("map").scrollIntoView({ block: "start" });
  }

  // Elements. Text goes in as text.

  function make(name, properties = {}, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }
  const isolated = (words) => make("bdi", {}, words);

  function showDetail() {
    const panel = byId("detail");
    panel.replaceChildren();
    panel.scrollTop = 0;
    if (chosen < 0) {
      panel.append(make("p", {}, "Choose a track, on the map or in the table: what was heard in it, and what sounds like it."));
      return;
    }
    const i = chosen;
    panel.append(make("h3", {}, isolated(title(i))));
    const facts = [
      ["Artist", artist(i)],
      ["Album", [text("albums", i), data.years[i]].filter(Boolean).join(", ")],
      ["Genre", genres(i) || "none"],
      ["Before", data.before[i] === 0 ? "" : before(i) || "none"],
      ["Heard", heard(i).map(([label, percent]) => `${label} ${percent}\u00a0%`).join(", ")],
      ["Length", data.seconds[i] ? clock(data.seconds[i]) : ""],
      ["Outcome", status(i)],
      ["Why", text("reasons", i)],
      ["File", path(i)],
    ];
    const terms = make("dl");
    for (const [name, value] of facts) {
      if (value) terms.append(make("dt", {}, name), make("dd", {}, isolated(value)));
    }
    panel.append(terms);
    if (!like.length) {
      panel.append(make("p", {}, data.sound[i] < 0 ? "It is not on the map: no embedding of it is on record." : "Nothing else is on the map."));
      return;
    }
    const nearest = make("ol");
    for (const [other, cosine] of like) {
      const label = artist(other) ? `${title(other)} – ${artist(other)}` : title(other);
      const button = make("button", { type: "button" }, isolated(label), make("span", {}, `${Math.round(100 * cosine)}\u00a0%`));
      button.addEventListener("click", () => {
        choose(other);
        byId("detail").querySelector("li button")?.focus();
      });
      nearest.append(make("li", {}, button));
    }
    panel.append(make("h4", {}, "More like this"), nearest);
  }

  // The map

  const canvas = byId("canvas");
  const paper = canvas.getContext("2d");
  const MARGIN = 26;
  let view = { zoom: 1, x: 0.5, y: 0.5 };
  let waiting = false;

  // The map is as large as its canvas allows; it is wider than high.
  const extent = (of) => of.reduce((most, it) => Math.max(most, Math.abs(it - 0.5)), 0.01) * 2;
  const [wide, high] = [extent(xs), extent(ys)];
  const size = () => Math.max(
    40,
    Math.min((canvas.clientWidth - 2 * MARGIN) / wide, (canvas.clientHeight - 2 * MARGIN) / high),
  );
  const toX = (x) => canvas.clientWidth / 2 + (x - view.x) * size() * view.zoom;
  const toY = (y) => canvas.clientHeight / 2 + (y - view.y) * size() * view.zoom;

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      paint();
    });
  }

  function radius() {
    const room = Math.sqrt((size() * size()) / Math.max(sounds, 1));
    return Math.min(7, Math.max(1.1, room * 0.2) * Math.pow(view.zoom, 0.4));
  }

  function dot(x, y, r, diamond) {
    if (r < 1.8) {
      paper.rect(x - r, y - r, 2 * r, 2 * r);
    } else if (diamond) {
      const d = r * 1.25;
      paper.moveTo(x, y - d);
      paper.lineTo(x + d, y);
      paper.lineTo(x, y + d);
      paper.lineTo(x - d, y);
      paper.closePath();
    } else {
      paper.moveTo(x + r, y);
      paper.arc(x, y, r, 0, 2 * Math.PI);
    }
  }

  function paint() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    paper.setTransform(ratio, 0, 0, ratio, 0, 0);
    paper.clearRect(0, 0, width, height);
    const r = radius();
    const buckets = groups.map(() => [[], []]);
    for (let s = 0; s < sounds; s++) {
      const i = fileOf[s];
      if (i >= 0) buckets[groupOf[i]][lit[i]].push(s);
    }
    const style = getComputedStyle(document.documentElement);
    const [ink, card] = [style.getPropertyValue("--ink"), style.getPropertyValue("--card")];
    const dim = Number(style.getPropertyValue("--dim"));
    const order = groups.map((_, n) => n).sort((a, b) => Boolean(groups[b].faint) - Boolean(groups[a].faint));
    for (const bright of [0, 1]) {
      for (const n of order) {
        paper.globalAlpha = bright ? (groups[n].faint ? 0.45 : 0.85) : dim;
        paper.fillStyle = groups[n].colour;
        paper.beginPath();
        for (const s of buckets[n][bright]) {
          const [x, y] = [toX(xs[s]), toY(ys[s])];
          if (x > -9 && y > -9 && x < width + 9 && y < height + 9) dot(x, y, r, groups[n].diamond);
        }
        paper.fill();
      }
    }
    paper.globalAlpha = 1;
    writeNames(buckets, ink, card);
    paper.strokeStyle = ink;
    for (const [i] of like) ring(i, r + 3, 1.25);
    if (chosen >= 0) ring(chosen, r + 5, 2.75);
  }

  function ring(i, r, width) {
    const s = data.sound[i];
    if (s < 0) return;
    paper.lineWidth = width;
    paper.beginPath();
    paper.arc(toX(xs[s]), toY(ys[s]), r, 0, 2 * Math.PI);
    paper.stroke();
  }

  /** Write the names of groups where each is densest, unless another name is there. */
  function writeNames(buckets, ink, card) {
    const taken = [];
    paper.font = "600 13px system-ui, sans-serif";
    paper.textAlign = "center";
    paper.lineJoin = "round";
    groups.forEach((group, n) => {
      const own = buckets[n][1];
      if (group.faint || group.name === "others" || own.length < Math.max(3, sounds / 200)) return;
      const half = paper.measureText(group.name).width / 2 + 3;
      const [across, down] = densest(own);
      if (toX(across) < 0 || toX(across) > canvas.clientWidth) return;
      const x = Math.min(canvas.clientWidth - half - 2, Math.max(half + 2, toX(across)));
      const y = toY(down) - radius() - 5;
      if (taken.some((it) => Math.abs(it.x - x) < it.half + half && Math.abs(it.y - y) < 16)) return;
      taken.push({ x, y, half });
      paper.lineWidth = 4;
      paper.strokeStyle = card;
      paper.strokeText(group.name, x, y);
      paper.fillStyle = ink;
      paper.fillText(group.name, x, y);
    });
  }

  function densest(own) {
    const CELLS = 14;
    const cells = new Map();
    for (const s of own) {
      const key = Math.floor(xs[s] * CELLS) * 1000 + Math.floor(ys[s] * CELLS);
      const cell = cells.get(key) || { n: 0, x: 0, y: 0 };
      cell.n += 1;
      cell.x += xs[s];
      cell.y += ys[s];
      cells.set(key, cell);
    }
    const best = [...cells.values()].reduce((a, b) => (b.n > a.n ? b : a));
    return [best.x / best.n, best.y / best.n];
  }

  /** The file whose point is nearest to a place on the canvas, no further than so many pixels. */
  function at(x, y, most) {
    let best = -1;
    let least = most * most;
    for (let s = 0; s < sounds; s++) {
      const i = fileOf[s];
      if (i < 0 || !lit[i]) continue;
      const [dx, dy] = [toX(xs[s]) - x, toY(ys[s]) - y];
      if (dx * dx + dy * dy < least) [least, best] = [dx * dx + dy * dy, i];
    }
    return best;
  }

  function zoomBy(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const zoom = Math.min(60, Math.max(1, view.zoom * factor));
    const share = (1 / view.zoom - 1 / zoom) / size();
    view = { zoom, x: view.x + (x - canvas.clientWidth / 2) * share, y: view.y + (y - canvas.clientHeight / 2) * share };
    clampView();
  }

  function clampView() {
    const room = 0.5 - 0.5 / view.zoom;
    view.x = Math.min(0.5 + room + 0.1, Math.max(0.5 - room - 0.1, view.x));
    view.y = Math.min(0.5 + room + 0.1, Math.max(0.5 - room - 0.1, view.y));
    if (view.zoom === 1) view = { zoom: 1, x: 0.5, y: 0.5 };
    draw();
  }

  function showTip(i, x, y) {
    const tip = byId("tip");
    tip.style.visibility = i < 0 ? "hidden" : "visible";
    if (i < 0) return;
    const most = heard(i).map(([label, percent]) => `${label} ${percent}\u00a0%`).join(", ");
    const lines = [artist(i), genres(i) || "no genre", most].filter(Boolean);
    tip.replaceChildren(make("b", {}, isolated(title(i))));
    for (const line of lines) tip.append(make("br"), isolated(line));
    const left = Math.min(x + 14, canvas.clientWidth - tip.offsetWidth - 4);
    const above = y + tip.offsetHeight + 20 > canvas.clientHeight;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${above ? y - tip.offsetHeight - 12 : y + 14}px`;
  }

  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    moved = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const earlier = pointers.get(event.pointerId);
    if (!earlier) {
      const found = at(event.offsetX, event.offsetY, 14);
      showTip(found, event.offsetX, event.offsetY);
      return;
    }
    const [dx, dy] = [event.offsetX - earlier.offsetX, event.offsetY - earlier.offsetY];
    moved += Math.abs(dx) + Math.abs(dy);
    pointers.set(event.pointerId, event);
    showTip(-1);
    if (pointers.size === 2) {
      const [a, b] = pointers.values();
      const still = event.pointerId === a.pointerId ? b : a;
      const apart = (it) => Math.hypot(it.offsetX - still.offsetX, it.offsetY - still.offsetY) || 1;
      zoomBy(apart(event) / apart(earlier), (a.offsetX + b.offsetX) / 2, (a.offsetY + b.offsetY) / 2);
    } else if (moved > 4) {
      view.x -= dx / (size() * view.zoom);
      view.y -= dy / (size() * view.zoom);
      clampView();
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (pointers.size === 1 && moved <= 4) {
      choose(at(event.offsetX, event.offsetY, event.pointerType === "mouse" ? 14 : 24));
    }
    pointers.delete(event.pointerId);
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => showTip(-1));
  canvas.addEventListener("dblclick", (event) => zoomBy(2, event.offsetX, event.offsetY));
  canvas.addEventListener("wheel", (event) => {
    // Without a click before, the wheel scrolls the page.
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
  }, { passive: false });

  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key in DIRECTIONS) step(...DIRECTIONS[event.key]);
    else if (event.key === "+" || event.key === "=") zoomBy(1.5);
    else if (event.key === "-") zoomBy(1 / 1.5);
    else if (event.key === "0") showAll();
    else if (event.key === "Escape") choose(-1);
    else if (event.key === "Enter") byId("detail").querySelector("button")?.focus();
    else return;
    event.preventDefault();
  });

  /** Go from the chosen track to the nearest one in a direction. */
  function step(right, down) {
    const from = chosen >= 0 ? data.sound[chosen] : -1;
    const [x, y] = from >= 0 ? [xs[from], ys[from]] : [view.x, view.y];
    let best = -1;
    let least = Infinity;
    for (let s = 0; s < sounds; s++) {
      if (s === from || fileOf[s] < 0 || !lit[fileOf[s]]) continue;
      const [dx, dy] = [xs[s] - x, ys[s] - y];
      const along = dx * right + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * right);
      if (from >= 0 && (along <= 0 || aside > along)) continue;
      const far = Math.hypot(dx, dy) + aside;
      if (far < least) [least, best] = [far, s];
    }
    if (best < 0) return;
    const [px, py] = [toX(xs[best]), toY(ys[best])];
    if (px < 0 || py < 0 || px > canvas.clientWidth || py > canvas.clientHeight) {
      view.x = xs[best];
      view.y = ys[best];
      clampView();
    }
    choose(fileOf[best]);
  }

  function showAll() {
    view = { zoom: 1, x: 0.5, y: 0.5 };
    draw();
  }

  // The legend

  function showLegend() {
    byId("legend").replaceChildren(...groups.map((group, n) => {
      const button = make("button", { type: "button" }, swatch(group), isolated(group.name), make("span", {}, group.files.toLocaleString("en")));
      button.setAttribute("aria-pressed", String(n === onlyGroup));
      button.addEventListener("click", () => {
        onlyGroup = onlyGroup === n ? -1 : n;
        [...byId("legend").children].forEach((it, k) => it.setAttribute("aria-pressed", String(k === onlyGroup)));
        search();
      });
      return button;
    }));
  }

  function swatch(group) {
    const NS = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(NS, "svg");
    picture.setAttribute("viewBox", "0 0 12 12");
    picture.setAttribute("width", "12");
    picture.setAttribute("aria-hidden", "true");
    const shape = document.createElementNS(NS, "path");
    shape.setAttribute("d", group.diamond ? "M6 0 12 6 6 12 0 6Z" : "M1 6a5 5 0 1 1 10 0a5 5 0 1 1-10 0Z");
    shape.setAttribute("fill", group.colour);
    if (group.faint) shape.setAttribute("opacity", "0.55");
    picture.append(shape);
    return picture;
  }

  function colourBy(kind) {
    onlyGroup = -1;
    makeGroups(kind);
    showLegend();
    search();
  }

  // The table

  const COLUMNS = [
    ["Track", title, 20], ["Artist", artist, 14], ["Album", (i) => text("albums", i), 14],
    ["Genre", genres, 10], ["Before", (i) => (data.before[i] === 0 ? "" : before(i) || "none"), 8],
    ["Sounds like", (i) => heard(i).slice(0, 2).map(([l, p]) => `${l} ${p}\u00a0%`).join(", "), 12],
    ["Outcome", (i) => [status(i), text("reasons", i)].filter(Boolean).join(": "), 14],
    ["Folder", (i) => text("folders", i), 12],
  ];
  const PAGE = matchMedia("(max-width: 56rem)").matches ? 20 : 50;
  let sorted = { column: -1, down: false };
  let rows = [];
  let first = 0;

  function sortRows() {
    rows = [];
    for (let i = 0; i < count; i++) if (lit[i]) rows.push(i);
    if (sorted.column >= 0) {
      const of = COLUMNS[sorted.column][1];
      const keys = new Map(rows.map((i) => [i, of(i).toLowerCase()]));
      const sign = sorted.down ? -1 : 1;
      // What is empty comes last, whichever way.
      rows.sort((a, b) => !keys.get(a) - !keys.get(b)
        || sign * (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : 0) || a - b);
    }
    first = 0;
    showRows();
  }

  function showHead() {
    byId("table").tHead.rows[0].replaceChildren(...COLUMNS.map(([name, , width], n) => {
      const button = make("button", { type: "button" }, name);
      const head = make("th", { scope: "col" }, button);
      head.style.width = `${width}%`;
      button.addEventListener("click", () => {
        sorted = { column: n, down: sorted.column === n && !sorted.down };
        for (const it of byId("table").tHead.rows[0].cells) it.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
        sortRows();
      });
      return head;
    }));
  }

  function showRows() {
    byId("table").tBodies[0].replaceChildren(...rows.slice(first, first + PAGE).map((i) => {
      const row = make("tr");
      row.dataset.file = i;
      row.classList.toggle("chosen", i === chosen);
      COLUMNS.forEach(([name, of], n) => {
        const value = of(i);
        const cell = make("td", {}, ...(n && value ? [isolated(value)] : []));
        cell.dataset.name = name;
        if (n === 0) {
          const button = make("button", { type: "button" }, isolated(value));
          button.addEventListener("click", () => choose(i, { scroll: true }));
          cell.append(button);
        }
        row.append(cell);
      });
      return row;
    }));
    const last = Math.min(first + PAGE, rows.length);
    byId("count").textContent = rows.length === count
      ? `${count.toLocaleString("en")} files`
      : `${rows.length.toLocaleString("en")} of ${count.toLocaleString("en")} files`;
    byId("page").textContent = rows.length ? `${first + 1} to ${last} of ${rows.length.toLocaleString("en")}` : "none";
    byId("previous").disabled = first === 0;
    byId("next").disabled = last >= rows.length;
  }

  function turn(by) {
    first += by;
    showRows();
    byId("count").scrollIntoView({ block: "start" });
  }

  // Begin

  byId("search").addEventListener("input", search);
  byId("colours").addEventListener("change", (event) => colourBy(event.target.value));
  byId("in").addEventListener("click", () => zoomBy(1.6));
  byId("out").addEventListener("click", () => zoomBy(1 / 1.6));
  byId("all").addEventListener("click", showAll);
  byId("previous").addEventListener("click", () => turn(-PAGE));
  byId("next").addEventListener("click", () => turn(PAGE));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(canvas);
  showHead();
  const kind = count && !data.genres.some((it) => list(it).length) && sounds ? "sound" : "genre";
  byId("colours").value = kind;
  colourBy(kind);
})();
