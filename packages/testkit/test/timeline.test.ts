import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import {
  PAGE_CHARACTERS_MAX,
  PAGE_LIMITS,
  RunRecord,
  drawScript,
  scriptText,
  tellStory,
  timelinePage,
  timelineText,
} from '@quorate/testkit';

const HOSTILE = 'broken </script><script>alert(1)</script> & "quoted" <!--';
const script = drawScript(3, { nodes: 3, faultMs: 400, clients: 1, actions: ['kill', 'pause', 'cut', 'killClient'] });
const told = tellStory(script, { rule: () => HOSTILE });

/** Names of elements still open at the end; throws at an end that does not fit. */
function openElements(page: string): string[] {
  const open: string[] = [];
  const isVoid = new Set(['meta']);
  for (let at = page.indexOf('<'); at >= 0; at = page.indexOf('<', at)) {
    const tag = /^<(\/?)([!a-z][a-z0-9]*)(?:\s+[a-z-]+="[^"<]*")*\s*>/i.exec(page.slice(at));
    assert.ok(tag !== null, `at ${at}: ${page.slice(at, at + 80)}`);
    const [whole, slash, name = ''] = tag;
    at += whole.length;
    if (slash === '/') assert.equal(open.pop(), name);
    else if (!isVoid.has(name.toLowerCase())) open.push(name);
    // Their content is text to their end.
    if (slash !== '/' && (name === 'script' || name === 'style')) at = page.indexOf(`</${name}>`, at);
  }
  return open;
}

function dataOf(page: string): Record<string, unknown[]> {
  const [, data = ''] = /<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page) ?? [];
  return JSON.parse(data) as Record<string, unknown[]>;
}

test('timeline: a run that failed, as text → the failure last, faults and leaderships in order of time; on a screen, not too long', () => {
  const text = timelineText(told.record, told.failure, 'all');
  const lines = text.trimEnd().split('\n');
  assert.match(lines.at(-1) ?? '', /## .*broken <\/script>/);
  assert.ok(
    lines.some((line) => / !! /.test(line)) &&
      lines.some((line) => /LEADS group/.test(line)) &&
      lines.some((line) => / >> writer-0/.test(line)),
  );
  const times = lines.map((line) => Number(line.slice(0, 11)));
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  const screen = timelineText(told.record, told.failure, 'screen').trimEnd().split('\n');
  assert.ok(screen.length <= 41 && screen.length < lines.length, `${screen.length} lines`);
  assert.match(screen.at(-1) ?? '', /broken/);
  for (const { id } of told.record.faults) assert.match(scriptText(script, told.record), new RegExp(`\\(fault ${id}\\)`));
});

test('timeline: a run that failed, as a page → well-formed, whole in itself, and what is foreign in it is text', () => {
  const page = timelinePage({ record: told.record, failure: told.failure, title: HOSTILE, words: HOSTILE });
  assert.ok(page.startsWith('<!doctype html>\n'));
  assert.deepEqual(openElements(page.slice(15)), []);
  assert.equal(page.split('<script').length - 1, 2);
  assert.ok(!page.includes('alert(1)</script>'));
  assert.deepEqual(page.match(/(?:src|href)=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/g), null);
  const data = dataOf(page);
  assert.deepEqual(data['lanes']?.slice(0, 3), ['n1', 'n2', 'n3']);
  assert.equal(data['faults']?.length, told.record.faults.length);
  for (const part of ['lives', 'calls', 'marks', 'messages']) assert.ok((data[part]?.length ?? 0) > 0, part);
});

test('timeline: the script of a page in any engine → it parses', () => {
  const page = timelinePage({ record: told.record, failure: told.failure, title: 't', words: '' });
  const [, code = ''] = /<script>(.*?)<\/script>/s.exec(page) ?? [];
  assert.ok(code.length > 1000);
  // Compiled, not run.
  assert.ok(new Script(code) instanceof Script);
});

test('timeline: a run with far more of everything than a page holds → the newest, within the bounds', () => {
  const record = new RunRecord();
  record.nodes = ['n1', 'n2'];
  for (let at = 0; at < 70_000; at++) {
    record.messages.add({ from: 'n1', to: 'n2', bytes: at, sentMs: at, arrivesMs: at + 1 });
    record.logged.add({ atMs: at, who: 'n1', level: 'info', event: 'x'.repeat(3000), fields: {} });
    record.lives.add({ atMs: at, who: 'n2', what: at % 2 === 0 ? 'started' : 'ended' });
  }
  record.endMs = 70_000;
  const page = timelinePage({ record, failure: null, title: 't', words: 'w'.repeat(1000) });
  assert.ok(page.length <= PAGE_CHARACTERS_MAX, `${page.length} characters`);
  const data = dataOf(page);
  for (const [name, max] of Object.entries(PAGE_LIMITS)) assert.ok((data[name]?.length ?? 0) <= max, name);
  assert.deepEqual(data['messages']?.at(-1), [69_999, 70_000, 0, 1, 69_999]);
  assert.equal(record.messages.count, 70_000);
  assert.ok(record.messages.items.length <= 20_000);
});
