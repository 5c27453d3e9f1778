"""A pipeline as one HTML page that needs nothing else: pan, zoom, search, and click a box for its connections."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from bunter.pipeline.drawing.svg import svg_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bunter.pipeline.drawing.diagram import Diagram

__all__ = ["page_of"]


def page_of(diagram: Diagram, states: Mapping[str, str]) -> str:
    """Return the page; tasks get the colour of their state.

    An address that ends in ``#T:label`` or ``#D:dataset_type`` opens with that box chosen.
    """
    title = (diagram.description or "Pipeline").partition("\n")[0]
    # A "<" in a text could end the script element, or begin a comment in it.
    told = json.dumps(_told(diagram, states), separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<header><h1>{escape(title)}</h1>{_TOOLS}</header>\n<main><div id='sheet'>{svg_of(diagram, states)}</div>"
        "<aside id='about' aria-live='polite'></aside></main>\n"
        f"<script type='application/json' id='told'>{told}</script>\n<script>{_SCRIPT}</script></body></html>\n"
    )


def _told(diagram: Diagram, states: Mapping[str, str]) -> dict[str, Any]:
    return {
        "description": diagram.description,
        "boxes": [
            {
                "key": box.key, "names": box.names, "dimensions": box.dimensions, "note": box.note,
                "task": box.is_task, "state": states.get(box.names[0], "") if box.is_task else "",
                "unknown": box.is_task and box.names[0] in diagram.missing,
            }
            for box in diagram.boxes
        ],
        "arrows": diagram.arrows,
        "lines": [
            {
                "task": f"T:{one.label}", "connection": one.connection, "type": one.dataset_type,
                "kind": "Needs beforehand" if one.prerequisite else "Reads" if one.is_input else "Writes",
                "dimensions": one.dimensions, "as": one.storage_class,
            }
            for one in diagram.lines
        ],
    }  # fmt: skip


_TOOLS = (
    "<label>Find <input id='find' type='search' placeholder='task, dataset type, class, dimension' autocomplete='off'></label>"
    "<span id='count'></span><span class='tools'><button id='out' title='Smaller (-)'>&minus;</button>"
    "<button id='in' title='Larger (+)'>+</button><button id='fit' title='All of it (0)'>Fit</button></span>"
)
_STYLE = """
:root { color-scheme: light; --line: #d5dae0; --ink: #1d2733; --soft: #5b6672; --mark: #b3541e; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
       color: var(--ink); background: #fff; }
header { display: flex; gap: 1rem; align-items: center; padding: .5rem 1rem; border-bottom: 1px solid var(--line); flex-wrap: wrap; }
h1 { font-size: 1rem; margin: 0; flex: 1 1 12rem; }
input { font: inherit; padding: .25rem .5rem; width: 18rem; max-width: 60vw; border: 1px solid #aab3bd; border-radius: 4px; }
button { font: inherit; min-width: 2rem; padding: .2rem .6rem; border: 1px solid #aab3bd; border-radius: 4px; background: #f4f6f8;
         cursor: pointer; margin-left: .25rem; }
#count { color: var(--soft); min-width: 5.5rem; }
main { flex: 1; display: flex; min-height: 0; }
#sheet { flex: 1; min-width: 0; overflow: hidden; cursor: grab; touch-action: none; background: #fdfdfc; }
#sheet.held { cursor: grabbing; }
#sheet svg { width: 100%; height: 100%; display: block; }
aside { width: 22rem; max-width: 45vw; overflow: auto; border-left: 1px solid var(--line); padding: .75rem 1rem; }
aside h2 { font-size: 1rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
aside h3 { font-size: .85rem; margin: 1rem 0 .25rem; color: var(--soft); font-weight: 600; }
aside p { margin: .15rem 0; overflow-wrap: anywhere; white-space: pre-line; }
aside ul { list-style: none; margin: 0; padding: 0; }
aside li { padding: .3rem 0; border-top: 1px solid #edf0f2; overflow-wrap: anywhere; }
aside small { color: var(--soft); display: block; }
aside a { color: #1f5c99; text-decoration: none; cursor: pointer; }
aside a:hover, aside a:focus { text-decoration: underline; }
svg [data-key] { cursor: pointer; }
svg [data-key]:focus { outline: none; }
svg [data-key]:focus rect { stroke-width: 2.6; }
svg.some [data-key], svg.some path.arrow { opacity: .22; }
svg.some .near, svg.some path.near { opacity: 1 !important; }
svg .chosen rect, svg .found rect { stroke: var(--mark) !important; stroke-width: 2.8 !important; }
svg path.near { stroke: var(--mark) !important; }
@media (max-width: 40rem) { main { flex-direction: column; } aside { width: 100%; max-width: none; max-height: 45%;
  border-left: 0; border-top: 1px solid var(--line); } }
"""
_SCRIPT = r"""
'use strict';
(() => {
  const told = JSON.parse(document.getElementById('told').textContent);
  const sheet = document.getElementById('sheet'), svg = sheet.querySelector('svg'), about = document.getElementById('about');
  const find = document.getElementById('find'), count = document.getElementById('count');
  const boxes = new Map(told.boxes.map(box => [box.key, box]));
  const shapes = new Map([...svg.querySelectorAll('[data-key]')].map(shape => [shape.dataset.key, shape]));
  const arrows = [...svg.querySelectorAll('path.arrow')];
  const boxOf = new Map(told.boxes.filter(box => !box.task).flatMap(box => box.names.map(name => [name, box.key])));
  const whole = svg.viewBox.baseVal, all = { x: whole.x, y: whole.y, w: whole.width, h: whole.height };
  let view = { ...all };

  const show = () => svg.setAttribute('viewBox', [view.x, view.y, view.w, view.h].map(n => n.toFixed(2)).join(' '));
  const fit = () => { view = { ...all }; show(); };
  const at = event => {  // where on the drawing a pointer is
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return { x: point.x, y: point.y };
  };
  const zoom = (factor, where) => {
    const centre = where || { x: view.x + view.w / 2, y: view.y + view.h / 2 };
    const scale = Math.min(Math.max(factor, 60 / view.w), 4 * all.w / view.w);
    view = { x: centre.x - (centre.x - view.x) * scale, y: centre.y - (centre.y - view.y) * scale,
             w: view.w * scale, h: view.h * scale };
    show();
  };
  const centre = key => {
    const rect = shapes.get(key).querySelector('rect'), group = svg.querySelector('g[transform]');
    const shift = group.transform.baseVal.consolidate().matrix;
    const x = +rect.getAttribute('x') + rect.getAttribute('width') / 2 + shift.e;
    const y = +rect.getAttribute('y') + rect.getAttribute('height') / 2 + shift.f;
    const narrow = Math.min(1, 900 / Math.max(view.w, view.h));
    view = { w: view.w * narrow, h: view.h * narrow };
    view.x = x - view.w / 2; view.y = y - view.h / 2;
    show();
  };

  const reach = (key, from, to) => {  // all boxes that lie up or down the arrows
    const seen = new Set([key]), waiting = [key];
    while (waiting.length) {
      const here = waiting.pop();
      for (const arrow of told.arrows) if (arrow[from] === here && !seen.has(arrow[to])) {
        seen.add(arrow[to]); waiting.push(arrow[to]);
      }
    }
    return seen;
  };
  const make = (name, text, parent) => {
    const node = document.createElement(name);
    if (text) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const link = (key, text, parent) => {
    const node = make('a', text, parent);
    node.href = '#' + key;
    node.addEventListener('click', event => { event.preventDefault(); choose(key, true); });
  };
  const list = (title, lines, each) => {
    if (!lines.length) return;
    make('h3', title, about);
    const ul = make('ul', '', about);
    for (const line of lines) each(line, make('li', '', ul));
  };
  const braces = names => '{' + names.join(', ') + '}';

  const describe = box => {
    about.replaceChildren();
    if (!box) {
      make('h2', 'Pipeline', about);
      make('p', told.description, about);
      make('p', 'Drag to move, turn the wheel to zoom, click a box for its connections.', about);
      list('Tasks', told.boxes.filter(one => one.task), (one, li) => link(one.key, one.names[0], li));
      return;
    }
    make('h2', box.names.join(', '), about);
    make('p', box.task ? 'Task ' + box.note : 'Dataset type' + (box.names.length > 1 ? 's' : '') + ': ' + box.note, about);
    make('p', braces(box.dimensions), about);
    if (box.state) make('p', 'State: ' + box.state, about);
    if (box.unknown) make('p', 'Its connections are not readable without importing it.', about);
    if (box.task) {
      const own = told.lines.filter(line => line.task === box.key);
      for (const kind of ['Reads', 'Needs beforehand', 'Writes']) list(kind, own.filter(line => line.kind === kind), (line, li) => {
        link(boxOf.get(line.type), line.type, li);
        make('small', line.connection + ': ' + line.as + ' ' + braces(line.dimensions), li);
      });
    } else {
      const own = told.lines.filter(line => box.names.includes(line.type));
      for (const [title, kinds] of [['Written by', ['Writes']], ['Read by', ['Reads', 'Needs beforehand']]])
        list(title, own.filter(line => kinds.includes(line.kind)), (line, li) => {
          link(line.task, line.task.slice(2), li);
          make('small', line.connection + ': ' + line.type + ' as ' + line.as, li);
        });
    }
  };
  const choose = (key, move) => {
    for (const shape of shapes.values()) shape.classList.remove('chosen', 'near');
    for (const arrow of arrows) arrow.classList.remove('near');
    const box = boxes.get(key);
    svg.classList.toggle('some', Boolean(box));
    describe(box);
    if (!box) { if (location.hash) history.replaceState(null, '', location.pathname + location.search); return; }
    const up = reach(key, 1, 0), down = reach(key, 0, 1);
    for (const [name, shape] of shapes) shape.classList.toggle('near', up.has(name) || down.has(name));
    for (const arrow of arrows) {
      const { tail, tip } = arrow.dataset;
      arrow.classList.toggle('near', (up.has(tail) && up.has(tip)) || (down.has(tail) && down.has(tip)));
    }
    shapes.get(key).classList.add('chosen');
    history.replaceState(null, '', '#' + key);
    if (move) centre(key);
  };

  let found = [], turn = 0;
  const search = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    found = !words.length ? [] : told.boxes.filter(box => {
      const text = [...box.names, box.note, ...box.dimensions].join(' ').toLowerCase();
      return words.every(word => text.includes(word));
    }).map(box => box.key);
    for (const [key, shape] of shapes) shape.classList.toggle('found', found.includes(key));
    count.textContent = words.length ? found.length + ' found' : '';
    turn = 0;
  };
  find.addEventListener('input', search);
  find.addEventListener('keydown', event => {
    if (event.key === 'Enter' && found.length) choose(found[turn++ % found.length], true);
  });

  let held = null, moved = false;
  sheet.addEventListener('pointerdown', event => {
    if (event.button) return;
    held = at(event); moved = false;
  });
  sheet.addEventListener('pointermove', event => {
    if (!held) return;
    const here = at(event), dx = here.x - held.x, dy = here.y - held.y;
    if (!moved && Math.hypot(dx, dy) * svg.getScreenCTM().a < 4) return;
    if (!moved) { moved = true; sheet.classList.add('held'); sheet.setPointerCapture(event.pointerId); }
    view.x -= dx; view.y -= dy;
    show();
  });
  const release = () => { held = null; sheet.classList.remove('held'); };
  sheet.addEventListener('pointerup', release);
  sheet.addEventListener('pointercancel', release);
  sheet.addEventListener('click', event => {
    if (moved) { moved = false; return; }
    const shape = event.target.closest('[data-key]');
    choose(shape ? shape.dataset.key : null, false);
  });
  sheet.addEventListener('wheel', event => {
    event.preventDefault();
    zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) * 0.002), at(event));
  }, { passive: false });
  document.getElementById('in').addEventListener('click', () => zoom(0.8));
  document.getElementById('out').addEventListener('click', () => zoom(1.25));
  document.getElementById('fit').addEventListener('click', fit);
  for (const [key, shape] of shapes) {
    shape.setAttribute('tabindex', '0');
    shape.setAttribute('role', 'button');
    shape.addEventListener('keydown', event => { if (event.key === 'Enter') choose(key, false); });
  }
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape') { find.value = ''; search(); choose(null); }
    if (event.target === find || event.ctrlKey || event.metaKey || event.altKey) return;
    const deed = { '/': () => { event.preventDefault(); find.focus(); }, '+': () => zoom(0.8), '-': () => zoom(1.25), '0': fit }[event.key];
    if (deed) deed();
  });
  svg.removeAttribute('width'); svg.removeAttribute('height');
  choose(decodeURIComponent(location.hash.slice(1)) || null, true);
})();
"""
