"""The program of the interactive page."""

from __future__ import annotations

SCRIPT = r"""
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const find = id => document.getElementById(id);
const view = find('view'), pen = view.getContext('2d');
const state = {expression: 0, map: 0, index: 0, point: null, opacity: 0.75,
  own: false, outline: true};
const images = data.explanations.map(entry => ['picture', 'outline'].map(name => {
  const image = new Image();
  image.onload = draw;
  image.src = name === 'picture' ? data.picture : entry.outline;
  return image;
}));
const decode = text => Uint8Array.from(atob(text), sign => sign.charCodeAt(0));
for (const entry of data.explanations)
  for (const map of entry.maps) map.bytes = decode(map.data);

const explanation = () => data.explanations[state.expression];
const map = () => explanation().maps[state.map];
const isPlaces = m => m.axes[m.axes.length - 1] === 'column';
const isQuery = m => m.axes[0] === 'query_row';

function labels(m) {
  if (m.axes[0] === 'word' && isPlaces(m)) return m.words;
  if (m.axes[0] === 'item') return m.items;
  return [];
}
// Numbers of maps are bytes, each slice with a largest value of its own.
function slice(m, index) {
  const cells = m.size[0] * m.size[1], top = m.tops[index];
  return Float32Array.from(
    m.bytes.subarray(index * cells, (index + 1) * cells), byte => byte / 255 * top);
}
function cellOf(point, size) {
  const box = data.box, at = [box[0] + point[0] * box[2], box[1] + point[1] * box[3]];
  return at.map((share, axis) =>
    Math.min(Math.max(Math.floor(share * size[axis]), 0), size[axis] - 1));
}
function current() {
  const m = map();
  if (!isPlaces(m)) return null;
  if (!isQuery(m)) return {m, index: Math.min(state.index, m.tops.length - 1)};
  const cell = cellOf(state.point || explanation().point, m.query_size);
  return {m, index: cell[0] * m.query_size[1] + cell[1]};
}
function color(share) {
  const place = 3 * Math.round(255 * Math.min(Math.max(share, 0), 1));
  return [data.colors[place], data.colors[place + 1], data.colors[place + 2]];
}
function draw() {
  const [picture, outline] = images[state.expression];
  const {width, height} = view;
  pen.globalAlpha = 1;
  pen.drawImage(picture, 0, 0, width, height);
  const shown = current();
  find('bar').hidden = !shown;
  if (shown) {
    const {m, index} = shown, values = slice(m, index);
    const top = (state.own || isQuery(m) ? m.tops[index] : Math.max(...m.tops)) || 1;
    const high = m.ends_at_one ? 1 : top;
    const small = document.createElement('canvas');
    [small.height, small.width] = m.size;
    const ink = small.getContext('2d');
    const pixels = ink.createImageData(small.width, small.height);
    values.forEach((value, place) =>
      pixels.data.set([...color(value / high), 255], 4 * place));
    ink.putImageData(pixels, 0, 0);
    pen.globalAlpha = state.opacity;
    const box = data.box;
    pen.drawImage(small, box[1] * m.size[1], box[0] * m.size[0],
      box[3] * m.size[1], box[2] * m.size[0], 0, 0, width, height);
    pen.globalAlpha = 1;
    find('high').textContent = (100 * high).toPrecision(3) + (m.percent ? ' %' : '');
    if (!m.percent) find('high').textContent = high.toPrecision(3);
    if (isQuery(m)) marker(state.point || explanation().point);
  }
  if (state.outline) pen.drawImage(outline, 0, 0, width, height);
}
function marker(point) {
  const y = point[0] * view.height, x = point[1] * view.width;
  for (const [ink, line] of [['#000', 5], ['#fff', 2.5]]) {
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.strokeStyle = ink;
    pen.lineWidth = line;
    pen.stroke();
  }
}
function chip(text, index, value) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'chip';
  button.textContent = text;
  button.setAttribute('aria-pressed', String(index === state.index));
  if (value !== undefined) {
    const small = document.createElement('small');
    small.textContent = value;
    button.append(small);
  }
  const choose = () => {
    if (state.index === index) return;
    state.index = index;
    for (const other of find('chips').children)
      other.setAttribute('aria-pressed', String(other === button));
    draw();
  };
  for (const event of ['mouseenter', 'focus', 'click'])
    button.addEventListener(event, choose);
  return button;
}
function table(m) {
  const columns = m.axes[1] === 'item' ? m.items : m.words;
  const rows = m.axes.length === 1 ? [''] : m.words;
  const shape = [rows.length, columns.length];
  const grid = document.createElement('table');
  const head = grid.createTHead().insertRow();
  for (const text of ['', ...columns]) {
    const cell = document.createElement('th');
    cell.textContent = text;
    head.append(cell);
  }
  const body = grid.createTBody(), high = Math.max(...m.tops) || 1;
  rows.forEach((text, row) => {
    const line = body.insertRow(), name = document.createElement('th');
    name.textContent = text;
    line.append(name);
    for (let column = 0; column < shape[1]; column++) {
      const cell = line.insertCell();
      const value = m.numbers[row][column];
      const ink = color(value / high);
      cell.textContent = (100 * value).toFixed(1);
      cell.style.background = `rgb(${ink.join(',')})`;
      const light = 0.3 * ink[0] + 0.59 * ink[1] + 0.11 * ink[2];
      cell.style.color = light > 140 ? '#000' : '#fff';
    }
  });
  const note = document.createElement('caption');
  note.textContent = 'percent';
  grid.append(note);
  return grid;
}
function show() {
  const m = map();
  find('title').textContent = m ? m.title : 'No maps';
  find('meaning').textContent = m ? m.meaning : '';
  find('hint').textContent = !m ? '' : isQuery(m)
    ? 'Move over the picture, or use the arrow keys on it, to choose the place.'
    : labels(m).length > 1 ? 'Point at one of these to see its map.' : '';
  const chips = m ? labels(m) : [];
  state.index = Math.min(state.index, Math.max(chips.length - 1, 0));
  find('chips').replaceChildren(...chips.map((text, index) => chip(text, index)));
  find('table').replaceChildren(...(m && !isPlaces(m) ? [table(m)] : []));
  for (const button of find('maps').querySelectorAll('button'))
    button.setAttribute('aria-pressed', String(Number(button.value) === state.map));
  draw();
}
function menu() {
  const groups = new Map();
  explanation().maps.forEach((m, place) => {
    if (!groups.has(m.kind)) groups.set(m.kind, []);
    groups.get(m.kind).push([m, place]);
  });
  const parts = [];
  for (const entries of groups.values()) {
    const group = document.createElement('div'), name = document.createElement('span');
    group.className = 'group';
    name.textContent = entries[0][0].heading;
    group.append(name);
    for (const [m, place] of entries) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = m.place;
      button.value = place;
      button.addEventListener('click', () => { state.map = place; show(); });
      group.append(button);
    }
    parts.push(group);
  }
  find('maps').replaceChildren(...parts);
}
find('expression').append(...data.explanations.map((entry, place) => {
  const option = document.createElement('option');
  option.value = place;
  option.textContent = entry.expression;
  return option;
}));
find('expression').addEventListener('change', event => {
  const name = map() && map().name;
  state.expression = Number(event.target.value);
  state.map = Math.max(explanation().maps.findIndex(m => m.name === name), 0);
  state.index = 0;
  state.point = null;
  menu();
  show();
});
find('opacity').addEventListener('input', event => {
  state.opacity = event.target.value / 100;
  draw();
});
for (const name of ['own', 'outline'])
  find(name).addEventListener('change', event => {
    state[name] = event.target.checked;
    draw();
  });
view.addEventListener('mousemove', event => {
  const box = view.getBoundingClientRect();
  state.point = [(event.clientY - box.top) / box.height,
    (event.clientX - box.left) / box.width];
  const shown = current();
  if (!shown) return;
  if (isQuery(shown.m)) draw();
  const values = slice(shown.m, shown.index);
  const cell = cellOf(state.point, shown.m.size);
  const value = values[cell[0] * shown.m.size[1] + cell[1]];
  find('value').textContent = shown.m.percent
    ? `here ${(100 * value).toPrecision(3)} %` : `here ${value.toPrecision(3)}`;
});
view.addEventListener('mouseleave', () => {
  find('value').textContent = '';
});
view.addEventListener('keydown', event => {
  const steps = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
    ArrowRight: [0, 1]};
  const step = steps[event.key], m = map();
  if (!step || !m || !isQuery(m)) return;
  event.preventDefault();
  const point = state.point || explanation().point;
  state.point = point.map((share, axis) =>
    Math.min(Math.max(share + step[axis] / m.query_size[axis], 0), 0.9999));
  draw();
});
const ramp = find('ramp').getContext('2d');
for (let place = 0; place < 256; place++) {
  ramp.fillStyle = `rgb(${color(place / 255).join(',')})`;
  ramp.fillRect(place, 0, 1, 12);
}
// An address may end in #name=place_words/level_0&index=2 to show that map.
const asked = new URLSearchParams(location.hash.slice(1));
const named = explanation().maps.findIndex(m => m.name === asked.get('name'));
if (named >= 0) state.map = named;
state.index = Math.max(Number(asked.get('index')) || 0, 0);
menu();
show();
"""
