import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, randomBetween, randomChance } from '@quorate/base';
import { type HistoryEvent, type HistoryFields, type HistoryValue, type ObjectKind, type Verdict, checkHistory } from '@quorate/checkers';
import { isLinearizable } from './brute-force.js';
import { type TestHistory, randomHistory } from './random-history.js';

const KINDS: readonly ObjectKind[] = ['register', 'counter', 'map', 'lock', 'queue'];

function verdictOf({ header, events }: TestHistory): Verdict {
  return checkHistory(header, events);
}
function ofRule(verdict: Verdict): string[] {
  return verdict.problems.filter(({ rule }) => rule === 'linearizability').map(({ text }) => text);
}

for (const kind of KINDS) {
  test(`linearizability: random good histories of a ${kind} → no problem, every answer judged`, () => {
    for (let seed = 0; seed < 60; seed++) {
      const history = randomHistory({
        seed,
        kind,
        calls: 200,
        processes: 1 + (seed % 6),
        unknownShare: kind === 'queue' ? 0 : seed % 2 === 0 ? 0 : 0.04,
        keys: 3,
        isGrowing: seed % 3 === 0,
      });
      const verdict = verdictOf(history);
      assert.deepEqual(ofRule(verdict), [], `seed ${seed}`);
      assert.ok((verdict.stats['linearizability.calls'] ?? 0) > 100, `seed ${seed}: ${JSON.stringify(verdict.stats)}`);
    }
  });

  test(`linearizability: small histories of a ${kind}, sound and with a changed answer → agrees with trying all orders`, () => {
    const random = new SeededRandom(7);
    const counts = { good: 0, bad: 0 };
    for (let seed = 0; seed < 3000; seed++) {
      const history = randomHistory({
        seed,
        kind,
        calls: randomBetween(random, 2, 7),
        processes: randomBetween(random, 1, 4),
        unknownShare: randomChance(random, 0.5) ? 0.15 : 0,
        hasUniqueValues: randomChance(random, 0.5),
        isGrowing: seed % 3 === 0,
      });
      if (randomChance(random, 0.7)) changeAnswer(history.events, random);
      const expected = isLinearizable(history);
      const found = ofRule(verdictOf(history)).length === 0;
      counts[expected ? 'good' : 'bad']++;
      // What versions and tokens tell of unknown calls is used only in part: there a bad history may pass this rule.
      const isLax = (kind === 'map' || kind === 'lock') && !expected;
      if (found !== expected && !(isLax && found))
        assert.fail(`seed ${seed}: all orders say ${expected}, the rule ${found}:\n${show(history)}`);
    }
    assert.ok(counts.good > 500 && counts.bad > 200, JSON.stringify(counts));
  });
}

function changeAnswer(events: HistoryEvent[], random: SeededRandom): void {
  const places = events.flatMap((event, at) => (event.type === 'ok' ? [at] : []));
  if (places.length === 0) return;
  const at = places[randomBetween(random, 0, places.length - 1)] as number;
  const event = events[at];
  if (event?.type === 'ok') events[at] = { ...event, result: changed(event.result, random) };
}

function changed(value: HistoryValue, random: SeededRandom): HistoryValue {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return Math.max(0, value + (randomChance(random, 0.5) ? 1 : -1));
  if (typeof value === 'string') return randomChance(random, 0.3) ? null : `v${randomBetween(random, 0, 4)}`;
  if (value === null || Array.isArray(value)) return value;
  const fields: Record<string, HistoryValue> = { ...(value as HistoryFields) };
  const names = Object.keys(fields);
  const name = names[randomBetween(random, 0, names.length - 1)] as string;
  const inner = changed(fields[name] as HistoryValue, random);
  fields[name] = name === 'value' && inner === null ? 'v0' : inner;
  return fields;
}

function show({ events }: TestHistory): string {
  return events.map((event) => JSON.stringify(event)).join('\n');
}
