/** Looks of a timeline page. */
export const PAGE_STYLE = `
body { font: 13px/1.4 system-ui, sans-serif; margin: 12px; color: #1c1c1c; background: #fff; }
h1 { font-size: 16px; margin: 0 0 6px; }
pre { font: 12px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0; }
#problem { background: #fdeaea; border-left: 4px solid #c62828; padding: 6px 8px; max-height: 12em; overflow: auto; }
#help { color: #666; margin: 4px 0; }
#legend { margin: 4px 0; }
#legend b { display: inline-block; width: 12px; height: 10px; margin: 0 4px 0 10px; }
#about { min-height: 6em; background: #f5f5f5; padding: 6px 8px; }
svg { width: 100%; display: block; background: #fff; border: 1px solid #ccc; cursor: grab; user-select: none; touch-action: none; }
.name { font: 12px ui-monospace, monospace; fill: #333; }
.time { font: 11px ui-monospace, monospace; fill: #777; }
.grid { stroke: #eee; } .lane { stroke: #ddd; }
.up { fill: #e3eef9; background: #e3eef9; } .paused { fill: #d3d3d3; background: #d3d3d3; }
.fault { fill: #ef6c00; fill-opacity: 0.14; stroke: #ef6c00; stroke-opacity: 0.5; background: #f9c998; }
.ok { fill: #2e7d32; background: #2e7d32; } .failed { fill: #f9a825; background: #f9a825; } .unknown { fill: #8e24aa; background: #8e24aa; } .open { fill: #c62828; background: #c62828; }
.mark { fill: #607d8b; background: #607d8b; } .leads { fill: #1565c0; background: #1565c0; }
.message { stroke: #90a4ae; stroke-width: 0.7; }
.end { stroke: #c62828; stroke-width: 2; }
`;

/** Draws the data of a timeline page, in plain JavaScript for any browser; only what is in view, and of that a bounded number. */
export const PAGE_SCRIPT = `
'use strict';
(function () {
  var data = JSON.parse(document.getElementById('data').textContent);
  var SVG = 'http://www.w3.org/2000/svg';
  var LEFT = 110, TOP = 24, LANE = 46, DRAWN_MAX = 2500, MESSAGES_WITHIN_MS = 400;
  var view = document.getElementById('view'), about = document.getElementById('about');
  var svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('height', TOP + data.lanes.length * LANE + 6);
  view.appendChild(svg);
  var whole = [0, Math.max(1, data.endMs * 1.02)];
  var from = whole[0], to = whole[1];
  function width() { return Math.max(300, svg.clientWidth || 1000); }
  function x(ms) { return LEFT + (ms - from) / (to - from) * (width() - LEFT); }
  function y(lane) { return TOP + lane * LANE; }
  function add(name, attributes, told) {
    var element = document.createElementNS(SVG, name);
    for (var key in attributes) element.setAttribute(key, attributes[key]);
    if (told !== undefined) {
      element.addEventListener('mouseenter', function () { about.textContent = told; });
      var title = document.createElementNS(SVG, 'title');
      title.textContent = told;
      element.appendChild(title);
    }
    svg.appendChild(element);
    return element;
  }
  function text(value, left, top, style) { add('text', { x: left, y: top, 'class': style }).textContent = value; }
  function at(ms) { return ms.toFixed(3) + ' ms'; }
  function bar(start, end, lane, top, height, style, told) {
    var left = Math.max(LEFT, x(start));
    add('rect', { x: left, y: y(lane) + top, width: Math.max(1.5, Math.min(x(end), width()) - left), height: height, 'class': style }, told);
  }
  function inView(items) {
    var seen = items.filter(function (item) { return item[1] >= from && item[0] <= to; });
    var every = Math.ceil(seen.length / DRAWN_MAX);
    return every > 1 ? seen.filter(function (item, index) { return index % every === 0; }) : seen;
  }
  function lives() {
    var up = {}, paused = {}, spans = [];
    function end(lane, ms) {
      if (up[lane] !== undefined) spans.push([up[lane], ms, lane, 'up']);
      if (paused[lane] !== undefined) spans.push([paused[lane], ms, lane, 'paused']);
      delete up[lane]; delete paused[lane];
    }
    data.lives.forEach(function (life) {
      var lane = life[1];
      if (life[2] === 'started') up[lane] = life[0];
      else if (life[2] === 'ended') end(lane, life[0]);
      else if (life[2] === 'paused') paused[lane] = life[0];
      else if (paused[lane] !== undefined) { spans.push([paused[lane], life[0], lane, 'paused']); delete paused[lane]; }
    });
    data.lanes.forEach(function (name, lane) { end(lane, data.endMs); });
    return spans.sort(function (a, b) { return (a[3] === 'up' ? 0 : 1) - (b[3] === 'up' ? 0 : 1); });
  }
  var spans = lives();
  // Calls of one client that overlap lie in rows.
  var rows = {};
  data.calls.forEach(function (call) {
    var ends = rows[call[2]] || (rows[call[2]] = []);
    var row = 0;
    while (row < ends.length && ends[row] > call[0]) row++;
    ends[row] = call[1];
    call.push(row);
  });
  function draw() {
    while (svg.firstChild) svg.removeChild(svg.firstChild);
    for (var i = 0; i <= 8; i++) {
      var ms = from + (to - from) * i / 8;
      add('line', { x1: x(ms), x2: x(ms), y1: TOP - 4, y2: y(data.lanes.length), 'class': 'grid' });
      text(ms.toFixed(to - from < 20 ? 2 : 0), x(ms) + 2, 12, 'time');
    }
    spans.forEach(function (span) {
      if (span[1] < from || span[0] > to || span[2] < 0) return;
      bar(span[0], span[1], span[2], 2, LANE - 6, span[3], data.lanes[span[2]] + (span[3] === 'up' ? ' runs from ' : ' is paused from ') + at(span[0]) + ' to ' + at(span[1]));
    });
    inView(data.faults).forEach(function (fault) {
      fault[2].forEach(function (lane) { if (lane >= 0) bar(fault[0], fault[1], lane, 2, LANE - 6, 'fault', 'fault at ' + at(fault[0]) + ' to ' + at(fault[1]) + '\\n' + fault[3]); });
    });
    if (to - from <= MESSAGES_WITHIN_MS) inView(data.messages).forEach(function (message) {
      if (message[2] < 0 || message[3] < 0) return;
      add('line', { x1: x(message[0]), x2: x(message[1]), y1: y(message[2]) + LANE / 2, y2: y(message[3]) + LANE / 2, 'class': 'message' },
        data.lanes[message[2]] + ' to ' + data.lanes[message[3]] + ': ' + message[4] + ' bytes, ' + at(message[0]) + ' to ' + at(message[1]));
    });
    inView(data.calls).forEach(function (call) {
      if (call[2] < 0) return;
      var height = Math.max(3, Math.min(8, (LANE - 10) / rows[call[2]].length));
      bar(call[0], call[1], call[2], 4 + Math.min(call[6] * height, LANE - 14), height - 1, call[3],
        data.lanes[call[2]] + ': ' + call[4] + '\\n' + call[3] + (call[5] ? ': ' + call[5] : '') + '\\n' + at(call[0]) + ' to ' + at(call[1]));
    });
    inView(data.marks.map(function (mark) { return [mark[0], mark[0], mark[1], mark[2], mark[3]]; })).forEach(function (mark) {
      var told = data.lanes[mark[2]] + ' at ' + at(mark[0]) + '\\n' + mark[4];
      if (x(mark[0]) < LEFT) return;
      if (mark[3] === 1) add('path', { d: 'M' + x(mark[0]) + ' ' + (y(mark[2]) + 6) + 'l7 12h-14z', 'class': 'leads' }, told);
      else add('circle', { cx: x(mark[0]), cy: y(mark[2]) + LANE - 9, r: 2.2, 'class': 'mark' }, told);
    });
    if (data.isFailed) add('line', { x1: x(data.endMs), x2: x(data.endMs), y1: TOP - 6, y2: y(data.lanes.length), 'class': 'end' }, 'the failure');
    add('rect', { x: 0, y: 0, width: LEFT - 2, height: y(data.lanes.length) + 6, fill: '#fff' });
    data.lanes.forEach(function (name, lane) {
      add('line', { x1: 0, x2: width(), y1: y(lane + 1) - 2, y2: y(lane + 1) - 2, 'class': 'lane' });
      text(name.length > 15 ? name.slice(0, 14) + '\\u2026' : name, 4, y(lane) + LANE / 2 + 3, 'name');
    });
  }
  var isQueued = false;
  function redraw() {
    if (isQueued) return;
    isQueued = true;
    requestAnimationFrame(function () { isQueued = false; draw(); });
  }
  function show(start, end) {
    var span = Math.min(Math.max(end - start, 0.05), whole[1] - whole[0]);
    from = Math.min(Math.max(start, whole[0]), whole[1] - span);
    to = from + span;
    redraw();
  }
  svg.addEventListener('wheel', function (event) {
    event.preventDefault();
    var part = Math.max(0, (event.clientX - svg.getBoundingClientRect().left - LEFT) / (width() - LEFT));
    var ms = from + part * (to - from), factor = Math.pow(1.0015, event.deltaY);
    show(ms - (ms - from) * factor, ms - (ms - from) * factor + (to - from) * factor);
  }, { passive: false });
  var grabbed = null;
  svg.addEventListener('pointerdown', function (event) { grabbed = { x: event.clientX, from: from, to: to }; svg.setPointerCapture(event.pointerId); });
  svg.addEventListener('pointermove', function (event) {
    if (grabbed === null) return;
    var moved = (event.clientX - grabbed.x) / (width() - LEFT) * (grabbed.to - grabbed.from);
    show(grabbed.from - moved, grabbed.to - moved);
  });
  svg.addEventListener('pointerup', function () { grabbed = null; });
  svg.addEventListener('dblclick', function () { show(whole[0], whole[1]); });
  window.addEventListener('resize', redraw);
  draw();
})();
`;
