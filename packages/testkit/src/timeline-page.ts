import type { RunRecord } from './run-record.js';
import { faultText, storyCalls, storyLines } from './run-story.js';
import { PAGE_SCRIPT, PAGE_STYLE } from './timeline-page-parts.js';
import type { RunFailure } from './swarm.js';

/** Most of each on a page; of more, those nearest to its end are there. */
export const PAGE_LIMITS: Readonly<Record<'messages' | 'calls' | 'marks' | 'faults' | 'lives', number>> = {
  messages: 6000,
  calls: 4000,
  marks: 3000,
  faults: 1000,
  lives: 2000,
};
/** A page is never larger, in characters. */
export const PAGE_CHARACTERS_MAX = 4_000_000;

/** What a page is about. */
export interface PageInit {
  readonly record: RunRecord;
  readonly failure: RunFailure | null;
  readonly title: string;
  /** The script in words. */
  readonly words: string;
}

/**
 * The story of a run as one HTML page that needs nothing else: a lane for each node and client over virtual time, with faults, lives, calls,
 * leaderships and (once zoomed in) messages. Bounded by `PAGE_LIMITS` and `PAGE_CHARACTERS_MAX`.
 */
export function timelinePage(init: PageInit): string {
  for (let share = 1; ; share /= 2) {
    const page = pageOf(init, share);
    if (page.length <= PAGE_CHARACTERS_MAX || share < 1 / 64) return page;
  }
}

function pageOf({ record, failure, title, words }: PageInit, share: number): string {
  const message = failure?.message ?? 'all promises held';
  // What is written into a script element must not end it.
  const data = JSON.stringify(pageData(record, failure, share))
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<pre id="problem">${escapeHtml(message)}</pre>
<details><summary>The script</summary><pre>${escapeHtml(words)}</pre></details>
<p id="help">Wheel: zoom at the pointer. Drag: move. Double click: everything. Zoomed in, messages show as thin lines.</p>
<p id="legend"><b class="ok"></b>call answered <b class="failed"></b>refused <b class="unknown"></b>outcome unknown <b class="open"></b>never ended
<b class="fault"></b>fault <b class="up"></b>process runs <b class="paused"></b>paused <b class="leads"></b>leads a group <b class="mark"></b>logged or told</p>
<div id="view"></div>
<pre id="about"> </pre>
<script id="data" type="application/json">${data}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

/** Text in an HTML page. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

function pageData(record: RunRecord, failure: RunFailure | null, share: number): object {
  const newest = <T>(all: readonly T[], limit: keyof typeof PAGE_LIMITS): readonly T[] => {
    const max = Math.max(1, Math.floor(PAGE_LIMITS[limit] * share));
    return all.length > max ? all.slice(-max) : all;
  };
  const round = (ms: number): number => Math.round(ms * 1000) / 1000;
  const endMs = failure?.atMs ?? record.endMs;
  // All lives of a client lie in one lane.
  const slot = (name: string): string => name.replace(/'+$/, '');
  const lanes = [...record.nodes, ...new Set(record.clients.map(slot))];
  const numbers = new Map(lanes.map((name, at) => [name, at]));
  const laneOf = (name: string): number => numbers.get(slot(name)) ?? -1;
  const ends = new Map(record.lives.items.filter(({ what }) => what === 'ended').map(({ who, atMs }) => [who, atMs]));
  const nameOf = (who: string): string => (numbers.has(who) ? '' : `${who}: `);
  const marks = storyLines(record, failure).filter(({ kind, who }) => (kind === 'log' || kind === 'told') && laneOf(who) >= 0);
  return {
    endMs: round(endMs),
    isFailed: failure !== null,
    lanes,
    nodes: record.nodes.length,
    counts: { messages: record.messages.count, logged: record.logged.count },
    lives: newest(record.lives.items, 'lives').map(({ atMs, who, what }) => [round(atMs), laneOf(who), what]),
    faults: newest(record.faults, 'faults').map((fault) => [
      round(fault.atMs),
      round(Math.min(fault.untilMs, endMs)),
      fault.targets.map(laneOf),
      faultText(fault),
    ]),
    calls: newest(storyCalls(record), 'calls').map(({ who, what, fromMs, toMs, outcome, told }) => [
      round(fromMs),
      round(toMs ?? Math.max(fromMs, ends.get(who) ?? endMs)),
      laneOf(who),
      outcome,
      nameOf(who) + what,
      told,
    ]),
    marks: newest(marks, 'marks').map(({ atMs, who, text }) => [
      round(atMs),
      laneOf(who),
      text.startsWith('LEADS') ? 1 : 0,
      nameOf(who) + text,
    ]),
    messages: newest(record.messages.items, 'messages').map(({ from, to, bytes, sentMs, arrivesMs }) => [
      round(sentMs),
      round(arrivesMs),
      laneOf(from),
      laneOf(to),
      bytes,
    ]),
  };
}
