"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const ROW = 34, LANE = 10, MOST_LANES = 14;
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const whole = (number) => number.toLocaleString("en-US");
const short = (number) => (Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(4))));
const brief = (number) => String(Number(number.toPrecision(3)));
const compact = (number) => Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format(number);
const megabytes = (bytes) => (bytes < 1e5 ? `${whole(bytes)} bytes` : `${short(bytes / 1e6)} MB`);
const sizes = (shape) => (Array.isArray(shape[0]) ? shape.map(sizes).join(", ") : shape.join("x"));

// The picture, and what is drawn over it.

const picture = { ...data.picture, marks: null, heat: null };

function buildPicture() {
  const { url, width, height } = data.picture;
  const image = make("img", { src: url, alt: "the picture, as the network sees it", width, height,
    class: width < 160 ? "small" : "" });
  picture.heat = make("canvas", { width, height, "aria-hidden": "true" });
  picture.marks = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  at("picture").append(image, picture.heat, picture.marks);
  const choices = [["none", "nothing"]];
  if (data.attribution) choices.push(["cam", "Grad-CAM"], ["occlusion", "occlusion map"]);
  for (const [value, text] of choices) {
    const button = make("input", { type: "radio", name: "overlay", value, id: `overlay-${value}` });
    button.checked = value === "none";
    button.addEventListener("change", () => showOverlay(value));
    at("overlays").append(make("label", { for: `overlay-${value}` }, button, ` ${text}`));
  }
}

/** Blue over white to red, for -1 to 1. */
function heatColour(share) {
  return share >= 0 ? `rgba(255, ${Math.round(210 * (1 - share))}, 0, ${Math.min(1, 0.15 + share)})`
    : `rgba(0, 90, 255, ${Math.min(1, -share)})`;
}

async function showOverlay(kind) {
  const canvas = picture.heat, context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  at("overlay-note").textContent = "";
  if (kind === "none") return;
  const found = data.attribution, name = nameOf(found.class);
  if (kind === "cam") {
    const { width, height, values } = await pixels(found.cam.url);
    const small = make("canvas", { width, height }), inner = small.getContext("2d");
    values.forEach((value, k) => {
      inner.fillStyle = heatColour(value / 255);
      inner.fillRect(k % width, Math.floor(k / width), 1, 1);
    });
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    at("overlay-note").textContent =
      `Grad-CAM of ${name}: where the maps of ${found.layer} (${height}x${width}) speak for it, each weighted by its mean gradient.`;
    return;
  }
  const { drops, patch, strides, size } = found.occlusion;
  const largest = Math.max(...drops.flat().map(Math.abs)), most = largest || 1;
  drops.forEach((line, i) => line.forEach((drop, j) => {
    context.fillStyle = heatColour(drop / most);
    const top = (i * strides[0] + (patch[0] - strides[0]) / 2) * canvas.height;
    const left = (j * strides[1] + (patch[1] - strides[1]) / 2) * canvas.width;
    context.fillRect(left, top, strides[1] * canvas.width, strides[0] * canvas.height);
  }));
  at("overlay-note").textContent = `Occlusion map of ${name}: how much its score falls (red) or rises (blue) when a patch there ` +
    `is covered; at most by ${short(largest)}. Computed on ${size.join("x")} pixels.`;
}

const nameOf = (number) => (data.predictions.find((row) => row.class === number) || { label: `class ${number}` }).label;

function markField(layer, i, j) {
  picture.marks.replaceChildren();
  if (!layer.field) return "sees the whole picture";
  const { size, stride, padding } = layer.field;
  const top = Math.floor(i * stride[0]) - padding[0], left = Math.floor(j * stride[1]) - padding[1];
  const low = [Math.max(0, top), Math.max(0, left)];
  const high = [Math.min(picture.height, top + size[0]), Math.min(picture.width, left + size[1])];
  for (const kind of ["halo", "field"])
    picture.marks.append(draw("rect", { class: kind, x: low[1], y: low[0],
      width: Math.max(0, high[1] - low[1]), height: Math.max(0, high[0] - low[0]) }));
  const beyond = top < 0 || left < 0 || top + size[0] > picture.height || left + size[1] > picture.width;
  return `sees ${size[0]}x${size[1]} pixels: rows ${low[0]} to ${high[0] - 1}, columns ${low[1]} to ${high[1] - 1}` +
    (beyond ? ", and padding beyond the border" : "");
}

function buildPredictions() {
  if (!data.predictions.length) return;
  const bars = make("div", { class: "bars" });
  const most = data.shares ? 1 : Math.max(...data.predictions.map((row) => Math.abs(row.score || 0)), 1e-30);
  for (const row of data.predictions) {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${Math.max(0, Math.min(1, row.score / most)) * 100}%`;
    const text = row.score === null ? "not finite" : data.shares && row.score < 1e-4 ? "below 0.0001" : short(row.score);
    bars.append(make("span", {}, row.label), bar, make("span", {}, text));
  }
  at("predictions").append(make("h3", {}, data.shares ? "Top predictions" : "Highest outputs, without softmax or sigmoid"), bars);
}

// The network: a row for each layer, and a line for each way that goes around some.

function buildNetwork() {
  const rows = [{ name: data.input, kind: "InputLayer", from: [] }, ...data.layers];
  const places = new Map(rows.map((row, k) => [row.name, k]));
  const lanes = [], edges = at("edges");
  const ways = rows.flatMap((row, k) => row.from.map((name) => [places.get(name), k])).filter(([from, to]) => to - from > 1);
  ways.sort((a, b) => (a[1] - a[0]) - (b[1] - b[0]));
  const placed = ways.map(([from, to]) => {
    let lane = lanes.findIndex((taken) => taken.every(([low, high]) => to <= low || from >= high));
    if (lane < 0) lane = Math.min(lanes.length, MOST_LANES - 1);
    (lanes[lane] = lanes[lane] || []).push([from, to]);
    return [from, to, lane];
  });
  const width = (lanes.length + 1) * LANE + 8, x = width - 6, y = (k) => k * ROW + ROW / 2;
  edges.setAttribute("width", width);
  edges.setAttribute("height", rows.length * ROW);
  rows.forEach((row, k) => {
    if (row.from.some((name) => places.get(name) === k - 1)) edges.append(draw("path", { d: `M${x} ${y(k - 1)}V${y(k)}`, "data-to": k }));
  });
  for (const [from, to, lane] of placed) {
    const left = x - (lane + 1) * LANE;
    edges.append(draw("path", { "data-to": to,
      d: `M${x} ${y(from)}C${left} ${y(from)} ${left} ${y(from)} ${left} ${y(from) + 12}V${y(to) - 12}C${left} ${y(to)} ${left} ${y(to)} ${x} ${y(to)}` }));
  }
  rows.forEach((row, k) => edges.append(draw("circle", { cx: x, cy: y(k), r: 3 })));
  at("layers").style.marginLeft = `${width}px`;
  at("layers").append(make("li", { style: `height:${ROW}px;line-height:${ROW}px;padding-left:.4rem` },
    `${data.input}: the picture, ${data.picture.height}x${data.picture.width}`));
  data.layers.forEach((layer, k) => at("layers").append(make("li", {}, layerButton(layer, k))));
}

function layerButton(layer, k) {
  const field = layer.field ? layer.field.size.join("x") : "all";
  const wide = [`${compact(layer.params)} params`, `${compact(layer.macs)} MACs`, `${compact(layer.bytes)}B`, `sees ${field}`];
  const button = make("button", { type: "button", id: `layer-${k}`, tabindex: k ? -1 : 0 },
    make("span", {}, layer.name), make("span", { class: "kind" }, layer.kind), make("span", { class: "kind" }, sizes(layer.shape)),
    ...wide.map((text) => make("span", { class: "wide" }, text)));
  button.addEventListener("click", () => showLayer(k));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -data.layers.length, End: data.layers.length }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = at(`layer-${Math.min(Math.max(k + step, 0), data.layers.length - 1)}`);
    next.focus();
    next.click();
  });
  return button;
}

let current = 0;

function showLayer(k) {
  const before = at(`layer-${current}`), button = at(`layer-${k}`), layer = data.layers[k];
  before.removeAttribute("aria-current");
  before.tabIndex = -1;
  button.setAttribute("aria-current", "true");
  button.tabIndex = 0;
  current = k;
  const list = at("graph"), top = (k + 1) * ROW;
  if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 2;
  for (const path of at("edges").querySelectorAll("path")) path.classList.toggle("chosen", path.dataset.to === String(k + 1));
  at("layer-title").textContent = `${layer.name} (${layer.kind})`;
  at("purpose").textContent = layer.purpose;
  at("figures").replaceChildren(...figures(layer).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  for (const id of ["maps", "working", "filters"]) at(id).replaceChildren();
  picture.marks.replaceChildren();
  at("receptive").textContent = "";
  if (layer.filters) showFilters(layer.filters);
  return layer.maps ? showMaps(layer) : showValues(layer);
}

function figures(layer) {
  const field = layer.field ? `${layer.field.size.join("x")}, every ${layer.field.stride.join("x")} pixels` : "the whole picture";
  return [["Output", sizes(layer.shape)], ["Parameters", whole(layer.params)], ["MACs", whole(layer.macs)],
    ["Output in memory", megabytes(layer.bytes)], ["One value sees", field], ["Reads", layer.from.join(", ")]];
}

function showValues(layer) {
  const most = Math.max(...layer.values.map((value) => Math.abs(value || 0)), 1e-30), bars = make("div", { class: "bars values" });
  layer.values.forEach((value, k) => {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${(Math.abs(value || 0) / most) * 100}%`;
    bars.append(layer.working ? valueButton(layer, k) : make("span", {}, String(k)), bar,
      make("span", {}, value === null ? "not finite" : short(value)));
  });
  const part = layer.of > layer.values.length ? `The first ${layer.values.length} of ${whole(layer.of)} values` : "Its values";
  at("maps").append(make("h3", {}, layer.working ? `${part}: choose one for its sum` : part), bars);
  at("receptive").textContent = `A value of ${layer.name} sees the whole picture.`;
  if (layer.working) showDense(layer, 0);
}

function valueButton(layer, k) {
  const button = make("button", { type: "button", class: "value", id: `value-${k}`, "aria-label": `value ${k}` }, String(k));
  for (const event of ["pointerenter", "focus", "click"]) button.addEventListener(event, () => showDense(layer, k));
  return button;
}

// Feature maps.

const decoded = new Map();

/** The gray levels of a PNG. */
async function pixels(url) {
  if (!decoded.has(url)) decoded.set(url, (async () => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = make("canvas", { width: image.width, height: image.height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const all = context.getImageData(0, 0, image.width, image.height).data;
    return { width: image.width, height: image.height, image, values: Array.from({ length: all.length / 4 }, (_, k) => all[4 * k]) };
  })());
  return decoded.get(url);
}

async function showMaps(layer) {
  const k = current, grid = make("div", { class: "maps" });
  const some = layer.maps.length < layer.of ? `The ${layer.maps.length} of ${whole(layer.of)} maps that vary most` : "Its maps";
  at("maps").append(make("h3", {}, `${some}: hover over a value, or use the arrow keys`), grid);
  const figures = layer.maps.map((map) => {
    const figure = make("figure", { tabindex: 0, "aria-label": `map ${map.channel}, arrow keys choose a value` },
      make("canvas"), make("figcaption", {}, `map ${map.channel}: ${short(map.low ?? 0)} to ${short(map.high ?? 0)}`));
    grid.append(figure);
    return figure;
  });
  const loaded = await Promise.all(layer.maps.map((map) => pixels(map.url)));
  if (k !== current) return;
  loaded.forEach((plane, m) => mapFigure(layer, layer.maps[m], figures[m], plane));
  const { width, height } = loaded[0];
  choose(layer, layer.maps[0], figures[0], loaded[0], Math.floor((height - 1) / 2), Math.floor((width - 1) / 2));
}

function mapFigure(layer, map, figure, plane) {
  const canvas = figure.querySelector("canvas"), { width, height } = plane;
  const scale = Math.max(1, Math.ceil(168 / width));
  canvas.width = width * scale;
  canvas.height = height * scale;
  plane.scale = scale;
  paint(canvas, plane);
  let place = [Math.floor((height - 1) / 2), Math.floor((width - 1) / 2)];
  const go = (i, j) => {
    place = [Math.min(Math.max(i, 0), height - 1), Math.min(Math.max(j, 0), width - 1)];
    choose(layer, map, figure, plane, ...place);
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    go(Math.floor(((event.clientY - box.top) / box.height) * height), Math.floor(((event.clientX - box.left) / box.width) * width));
  };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  figure.addEventListener("focus", () => go(...place));
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    go(place[0] + step[0], place[1] + step[1]);
  });
}

function paint(canvas, plane, place) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(plane.image, 0, 0, canvas.width, canvas.height);
  if (!place) return;
  context.strokeStyle = "#ff7b00";
  context.lineWidth = 2;
  const side = Math.max(plane.scale, 6), middle = (k) => k * plane.scale + plane.scale / 2 - side / 2;
  context.strokeRect(middle(place[1]), middle(place[0]), side, side);
}

function choose(layer, map, figure, plane, i, j) {
  for (const other of at("maps").querySelectorAll("figure.chosen")) {
    other.classList.remove("chosen");
    if (other !== figure && other.restore) other.restore();
  }
  figure.classList.add("chosen");
  figure.restore = () => paint(figure.querySelector("canvas"), plane);
  paint(figure.querySelector("canvas"), plane, [i, j]);
  const level = plane.values[i * plane.width + j], value = map.low + ((map.high - map.low) * level) / 255;
  const seen = markField(layer, i, j);
  at("receptive").textContent = `${layer.name}[${i}, ${j}, ${map.channel}] is about ${short(value)}; it ${seen}.`;
  if (layer.working) showWorking(layer, map.channel, i, j);
}

// The sum behind a value.

const arrays = new Map();

function floats(text) {
  if (!arrays.has(text)) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    arrays.set(text, new Float32Array(bytes.buffer));
  }
  return arrays.get(text);
}

function sourceOf(working) {
  return floats(data.layers.find((layer) => layer.working && layer.working.source === working.source && layer.working.values).working.values);
}

/** What output (i, j, o) reads, channel by channel: [{channel, taps: [{row, column, value, weight, real}], total}] */
function termsOf(working, i, j, o) {
  const x = sourceOf(working), [height, width, depth] = working.input, rows = working.rows[i], columns = working.columns[j];
  const weights = working.weights && floats(working.weights), count = working.channels;
  const first = working.first ? working.first[o] : o;
  return Array.from({ length: count }, (_, c) => {
    const taps = rows.flatMap((row, a) => columns.map((column, b) => {
      const real = row >= 0 && row < height && column >= 0 && column < width;
      const value = real ? x[(row * width + column) * depth + first + c] : 0;
      const weight = weights ? weights[((o * rows.length + a) * columns.length + b) * count + c] : 1;
      return { row, column, value, weight, real };
    }));
    return { channel: first + c, taps, total: taps.reduce((sum, tap) => sum + tap.value * tap.weight, 0) };
  });
}

function showWorking(layer, channel, i, j) {
  const working = layer.working, terms = termsOf(working, i, j, channel), wide = working.columns[j].length;
  const shown = [...terms].sort((a, b) => Math.abs(b.total) - Math.abs(a.total)).slice(0, 3).sort((a, b) => a.channel - b.channel);
  const tables = make("div", { class: "products" });
  for (const part of shown) tables.append(productTable(working, part, wide));
  const { text, value } = conclusion(working, terms, shown, channel);
  const sum = make("p", { class: "sum", "data-sum": value }, `${layer.name}[${i}, ${j}, ${channel}] = ${text}`);
  at("working").replaceChildren(make("h3", {}, "What stands behind it"), tables, sum);
}

function productTable(working, part, wide) {
  const real = part.taps.filter((tap) => tap.real), best = Math.max(...real.map((tap) => tap.value));
  const winner = working.kind === "max" ? part.taps.findIndex((tap) => tap.real && tap.value === best) : -1;
  const note = working.kind === "sum" ? `: value × weight, together ${short(part.total)}` : "";
  const table = make("table", {}, make("caption", {}, `channel ${part.channel}${note}`));
  for (let k = 0; k < part.taps.length; k += wide)
    table.append(make("tr", {}, ...part.taps.slice(k, k + wide).map((tap, b) => {
      const text = tap.real ? brief(tap.value) : "pad";
      const cell = make("td", { class: tap.real ? (k + b === winner ? "best" : "") : "pad", title: `row ${tap.row}, column ${tap.column}` },
        working.kind === "sum" ? `${text}\n× ${brief(tap.weight)}` : text);
      return cell;
    })));
  return table;
}

function conclusion(working, terms, shown, channel) {
  const total = terms.reduce((sum, part) => sum + part.total, 0);
  const real = terms[0].taps.filter((tap) => tap.real);
  if (working.kind === "max") return { text: `the largest of ${real.length}`, value: Math.max(...real.map((tap) => tap.value)) };
  if (working.kind === "average") return { text: `${short(total)} / ${real.length} = ${short(total / real.length)}`, value: total / real.length };
  const bias = floats(working.bias)[channel], rest = total - shown.reduce((sum, part) => sum + part.total, 0);
  const others = terms.length > shown.length ? ` + ${short(rest)} (the other ${terms.length - shown.length} channels)` : "";
  const after = working.activation && working.activation !== "linear" ? `, then ${working.activation}` : "";
  return { text: `${shown.map((part) => short(part.total)).join(" + ")}${others} + bias ${short(bias)} = ${short(total + bias)}${after}`,
    value: total + bias };
}

const MOST_PRODUCTS = 12;

/** What value o of a dense layer adds up: the largest products, and the rest together. */
function showDense(layer, o) {
  for (const button of at("maps").querySelectorAll("button.value"))
    button.setAttribute("aria-pressed", String(button.id === `value-${o}`));
  const { working } = layer, x = sourceOf(working), count = working.terms, weights = floats(working.weights);
  const terms = Array.from({ length: count }, (_, c) => ({ c, value: x[c], weight: weights[o * count + c] }));
  for (const term of terms) term.product = term.value * term.weight;
  const largest = [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, MOST_PRODUCTS);
  const table = make("table", { class: "terms" }, make("caption", {}, `value × weight, the largest ${largest.length} of ${whole(count)} products`));
  for (const { c, value, weight, product } of largest)
    table.append(make("tr", {}, ...[`input ${c}`, brief(value), `× ${brief(weight)}`, `= ${brief(product)}`].map((text) => make("td", {}, text))));
  const total = terms.reduce((sum, term) => sum + term.product, 0), top = largest.reduce((sum, term) => sum + term.product, 0);
  const bias = floats(working.bias)[o], value = total + bias;
  const others = count > largest.length ? ` + ${short(total - top)} (the other ${whole(count - largest.length)})` : "";
  const after = working.activation && working.activation !== "linear" ? `, then ${working.activation}` : "";
  const sum = make("p", { class: "sum", "data-sum": value },
    `${layer.name}[${o}] = ${short(top)}${others} + bias ${short(bias)} = ${short(value)}${after}`);
  at("working").replaceChildren(make("h3", {}, "What stands behind it"), make("div", { class: "products" }, table), sum);
}

// Filters.

function showFilters({ values, of }) {
  const colour = of[2] === 3, most = Math.max(...values.flat(3).map(Math.abs), 1e-30);
  const holder = make("div", { class: "kernels" });
  values.forEach((filter, o) => {
    const planes = colour ? [filter] : filter.map((plane) => [plane]);
    const [height, width] = [filter[0].length, filter[0][0].length], cell = Math.max(3, Math.floor(42 / Math.max(height, width)));
    const canvas = make("canvas", { width: planes.length * (width * cell + 2), height: height * cell });
    const context = canvas.getContext("2d");
    planes.forEach((plane, p) => {
      for (let a = 0; a < height; a++) for (let b = 0; b < width; b++) {
        context.fillStyle = colour ? `rgb(${plane.map((own) => Math.round(127.5 + (127.5 * own[a][b]) / most)).join(",")})`
          : signColour(plane[0][a][b] / most);
        context.fillRect(p * (width * cell + 2) + b * cell, a * cell, cell, cell);
      }
    });
    holder.append(make("figure", {}, canvas, make("figcaption", {}, `filter ${o}`)));
  });
  const part = `${values.length} of ${of[3]} filters` + (colour ? ", red, green and blue as colours" : `, ${values[0].length} of ${of[2]} channels; orange above 0, blue below`);
  at("filters").append(make("h3", {}, `Filters (${part})`), holder);
}

function signColour(share) {
  const fade = Math.round(255 * (1 - Math.abs(share)));
  return share >= 0 ? `rgb(255, ${Math.round(140 + 0.45 * fade)}, ${fade})` : `rgb(${fade}, ${Math.round(110 + 0.57 * fade)}, 255)`;
}

// Memory.

function buildMemory() {
  const { predict, train } = data.memory, width = Math.min(900, at("course").clientWidth || 900), height = 220, left = 62, bottom = 24;
  const most = Math.max(...train.map((moment) => moment[2]), ...predict.map((moment) => moment[2]));
  const x = (k) => left + (k / Math.max(1, train.length - 1)) * (width - left - 8), y = (bytes) => 8 + (1 - bytes / most) * (height - bottom - 8);
  const line = (moments) => moments.map((moment, k) => `${k ? "L" : "M"}${x(k).toFixed(1)} ${y(moment[2]).toFixed(1)}`).join("");
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `memory over a step of training, at most ${megabytes(most)}` });
  for (const share of [0, 0.5, 1]) {
    svg.append(draw("line", { class: "axis", x1: left, x2: width - 8, y1: y(share * most), y2: y(share * most) }));
    svg.append(draw("text", { x: left - 6, y: y(share * most) + 4, "text-anchor": "end" }, megabytes(Math.round(share * most))));
  }
  const turn = train.findIndex((moment) => ["backward", "update"].includes(moment[0]));
  if (turn > 0) svg.append(draw("line", { class: "turn", x1: x(turn - 0.5), x2: x(turn - 0.5), y1: 8, y2: height - bottom }),
    draw("text", { x: x(turn - 0.5), y: height - 6, "text-anchor": "middle" }, "forward | backward"));
  svg.append(draw("path", { class: "train", d: line(train) }), draw("path", { class: "predict", d: line(predict) }));
  const peak = train.reduce((best, moment) => (moment[2] > best[2] ? moment : best));
  at("course").append(svg, make("p", { class: "note" }, make("span", { class: "key train" }, "one step of training, at its leanest"), " ",
    make("span", { class: "key predict" }, "predicting"), `. Most is needed at ${peak[1]}, ${peak[0]}: ${megabytes(peak[2])}, for one picture in float32.`));
}

function buildTotals() {
  const { params, macs, inference, training } = data.totals;
  at("totals").textContent = `${data.layers.length} layers, ${whole(params)} parameters, ${whole(macs)} multiply-accumulates a picture; ` +
    `${megabytes(inference)} to predict, ${megabytes(training)} or more to train on one picture.`;
}

buildTotals();
buildPicture();
buildPredictions();
buildNetwork();
buildMemory();
showLayer(Math.max(0, data.layers.findIndex((layer) => layer.working)));
