// SPDX-License-Identifier: BSD-2-Clause
// Of the flame graph that holds it: a click zooms, Escape or the heading goes
// back, the field searches. Without it the picture is whole, but does not move.
(function () {
  'use strict';
  var svg = document.currentScript.closest('svg');
  var width = +svg.dataset.width, letter = +svg.dataset.letter;
  var field = svg.querySelector('input');
  var status = svg.querySelector('.status'), found = svg.querySelector('.found');
  var reset = svg.querySelector('.reset');
  var frames = Array.from(svg.querySelectorAll('g.f'), function (g) {
    return {
      g: g, rect: g.querySelector('rect'), text: g.querySelector('text'),
      name: g.dataset.n, from: +g.dataset.x, size: +g.dataset.w, depth: +g.dataset.d
    };
  });
  var root = frames.find(function (f) { return f.depth === 0; });
  var focus = root;

  function fit(f, w) {
    var letters = Math.floor((w - 6) / letter);
    if (letters < 3) return '';
    return f.name.length <= letters ? f.name : f.name.slice(0, letters - 1) + '\u2026';
  }

  function place(f, x, w, faded) {
    f.g.classList.remove('away');
    f.g.classList.toggle('faded', faded);
    f.rect.setAttribute('x', x.toFixed(2));
    f.rect.setAttribute('width', Math.max(w, 0).toFixed(2));
    f.text.setAttribute('x', (x + 3).toFixed(2));
    f.text.textContent = fit(f, w);
  }

  // What is below the focus fills the width, what is above it lies over all of it.
  function zoom(to) {
    focus = to;
    frames.forEach(function (f) {
      var inside = f.from >= to.from && f.from + f.size <= to.from + to.size;
      var around = f.from <= to.from && f.from + f.size >= to.from + to.size;
      if (f.depth > to.depth && inside)
        place(f, (f.from - to.from) / to.size * width, f.size / to.size * width, false);
      else if (f.depth <= to.depth && around)
        place(f, 0, width, f !== to);
      else
        f.g.classList.add('away');
    });
    reset.classList.toggle('away', to === root);
  }

  // A frame inside of one that was counted is not counted again.
  function share(hits) {
    var sum = 0, end = -1;
    hits.sort(function (a, b) { return a.from - b.from || b.size - a.size; });
    hits.forEach(function (f) {
      if (f.from + f.size <= end) return;
      sum += f.size;
      end = f.from + f.size;
    });
    return sum / root.size;
  }

  function search(wanted) {
    var hits = [];
    wanted = wanted.toLowerCase();
    frames.forEach(function (f) {
      var hit = wanted !== '' && f !== root && f.name.toLowerCase().indexOf(wanted) >= 0;
      f.g.classList.toggle('hit', hit);
      if (hit) hits.push(f);
    });
    svg.classList.toggle('searching', wanted !== '');
    found.textContent = wanted === '' ? ''
      : hits.length + ' frames, ' + (share(hits) * 100).toFixed(1) + ' %';
  }

  frames.forEach(function (f) {
    f.g.addEventListener('click', function () { zoom(f); });
    f.g.addEventListener('mouseover', function () {
      status.textContent = f.g.querySelector('title').textContent;
    });
    f.g.addEventListener('mouseout', function () { status.textContent = ''; });
  });
  reset.addEventListener('click', function () { zoom(root); });
  field.addEventListener('input', function () { search(field.value); });
  svg.ownerDocument.addEventListener('keydown', function (e) {
    if (e.key === 'Escape') {
      field.value = '';
      search('');
      zoom(root);
    } else if (e.key === '/' && e.target !== field) {
      e.preventDefault();
      field.focus();
    }
  });
  svg.classList.add('live');
}());
