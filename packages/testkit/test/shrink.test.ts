import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@quorate/base';
import {
  type FinishedRun,
  type ResourcePlan,
  type ScriptOptions,
  type Shrunk,
  type SimScript,
  decodeScriptFile,
  drawScript,
  encodeScriptFile,
  failureKind,
  randomResourcePlan,
  replayDifference,
  reportFailure,
  shrinkScript,
  tellStory,
  tryScript,
} from '@quorate/testkit';

const SEED = 20;
/** Clients that do little: the runs are many. */
const PLAN: ResourcePlan = {
  ...randomResourcePlan(new SeededRandom(1)),
  keys: ['k-0', 'k-1', 'k-2'],
  lanes: 2,
  watches: 1,
  burstMs: 0,
  pauseMsMax: 100,
  deadlineMs: 1000,
};
const SMALL: ScriptOptions = {
  plan: PLAN,
  nodes: 5,
  faultMs: 500,
  clients: 2,
  streams: 2,
  actions: ['cut', 'cutOneWay', 'pauseClient', 'slowDisk', 'cutClient'],
};

/** The streams only have to be there: many records in each of so many runs would take most of the time. */
function smallScript(options: Partial<ScriptOptions> = {}): SimScript {
  const drawn = drawScript(SEED, { ...SMALL, ...options });
  return { ...drawn, streamClients: drawn.streamClients.map((client) => ({ ...client, recordsMax: 3 })) };
}

/** A promise that nothing keeps: broken by two cuts of a link and a value that `client-1` sets under `k-0`. */
function planted({ nemesis, events }: FinishedRun): string | null {
  const cuts = (nemesis.counts['cut'] ?? 0) + (nemesis.counts['cutOneWay'] ?? 0);
  const isSet = events.some(
    (event) => event.type === 'invoke' && event.client === 'client-1' && event.op === 'set' && event.args['key'] === 'k-0',
  );
  return cuts >= 2 && isSet ? `planted: ${cuts} links were cut, and k-0 was set` : null;
}

/** A clock that stands still: nothing is given up. */
const unlimited = { limitMs: 1, nowMs: (): number => 0, rule: planted };

let found: Shrunk | null = null;
/** The planted bug, made small once for all tests. */
function shrunk(): Shrunk {
  found ??= shrinkScript(smallScript(), unlimited);
  assert.ok(found !== null, `seed ${SEED} does not break the planted rule`);
  return found;
}

test('shrink: a bug planted behind two faults and one call of one client → the script left has just these', () => {
  const { script, size, before, failure, kind, isDone } = shrunk();
  assert.ok(before.faults > 4 && before.clients === 4 && before.calls > 20 && before.nodes === 5, JSON.stringify(before));
  assert.ok(isDone);
  assert.deepEqual(
    script.faults.steps.map(({ action }) => action.slice(0, 3)),
    ['cut', 'cut'],
  );
  assert.deepEqual(
    [...script.streamClients, ...script.resourceClients].map(({ name }) => name),
    ['client-1'],
  );
  assert.deepEqual({ ...size, faultMs: 0 }, { nodes: 3, faultMs: 0, faults: 2, clients: 1, lanes: 1, calls: 1 });
  assert.deepEqual(script.plan.maps.length + script.plan.keys.length + script.streams.length, 2);
  assert.equal(kind, failureKind(failure.message));
  assert.match(failure.message, /planted: 2 links were cut/);
});

test('shrink: the smallest script saved and read again → it fails in the same way, to the last event', () => {
  const { script, failure, kind } = shrunk();
  const { message, traceHash, atMs } = failure;
  const saved = decodeScriptFile(encodeScriptFile({ script, commit: 'c', failure: { kind, message, traceHash, atMs } }));
  assert.deepEqual(saved.script, script);
  const again = tryScript(saved.script, { rule: planted });
  assert.equal(again.failure?.traceHash, traceHash);
  assert.equal(again.failure?.message, message);
  assert.equal(replayDifference(saved.failure, again.failure), null);
  assert.match(replayDifference(saved.failure, null) ?? '', /does not fail/);
  const other = { ...again.failure, message: 'not within 5 virtual ms: x' } as NonNullable<typeof again.failure>;
  assert.match(replayDifference(saved.failure, other) ?? '', /another way/);
});

test('shrink: telling the story of a run → the run is the same, to the last event', () => {
  const { script, failure } = shrunk();
  const { record, failure: told } = tellStory(script, { rule: planted });
  assert.equal(told?.traceHash, failure.traceHash);
  assert.ok(record.messages.count > 0 && record.logged.count > 0 && record.lives.count > 0 && record.calls.length === 1);
});

test('shrink: time runs out → the best until then, which still fails', () => {
  let reads = 0;
  const stages: string[] = [];
  const result = shrinkScript(smallScript(), {
    limitMs: 3,
    nowMs: () => reads++,
    rule: planted,
    progress: (stage, runs, size) => stages.push(`${stage} ${runs} ${size.faults}`),
  });
  assert.ok(result !== null && !result.isDone && result.runs === 3, JSON.stringify(stages));
  assert.equal(stages.length, 2);
  assert.ok(result.size.faults <= result.before.faults);
  assert.equal(tryScript(result.script, { rule: planted }).failure?.traceHash, result.failure.traceHash);
});

test('shrink: a smaller script fails, but in another way → it is not taken', () => {
  let reads = 0;
  const either = (run: FinishedRun): string | null => planted(run) ?? 'another promise is broken';
  const result = shrinkScript(smallScript(), { limitMs: 6, nowMs: () => reads++, rule: either });
  assert.ok(result !== null && result.runs === 6);
  assert.equal(failureKind(result.failure.message), result.kind);
  assert.match(result.failure.message, /planted: \d+ links were cut/);
});

test('shrink: a script that keeps all promises → null, and a report that says so', () => {
  const script = smallScript({ faultMs: 50 });
  const shrink = { limitMs: 1, nowMs: () => 0 };
  assert.equal(shrinkScript(script, shrink), null);
  const { text, files } = reportFailure({ script, commit: '', pathOf: (name) => name, shrink });
  assert.match(text, /not deterministic/);
  assert.deepEqual(files, []);
});

test('script: a fault and a client are left out → the others draw what they drew before', () => {
  const whole = smallScript();
  const [left, ...clients] = whole.resourceClients;
  const less = { ...whole, resourceClients: clients, faults: { ...whole.faults, steps: whole.faults.steps.slice(1) } };
  const [all, some] = [tryScript(whole), tryScript(less)];
  assert.ok(all.failure === null && some.failure === null);
  const kinds = new Map(all.calls.made.map(({ id, kind }) => [id, kind]));
  const both = some.calls.made.filter(({ id }) => kinds.has(id));
  assert.ok(both.length > 20 && !both.some(({ id }) => id.startsWith(`${left?.name}/`)), `${both.length} calls`);
  for (const { id, kind } of both) assert.equal(kind, kinds.get(id), id);
  const targets = new Map(all.nemesis.injected.map(({ id, action, targets: hit }) => [id, [action, ...hit]]));
  const injected = some.nemesis.injected.filter(
    ({ id, targets: hit }) => targets.has(id) && !targets.get(id)?.some((name) => name.startsWith('client-0')) && hit.length > 0,
  );
  assert.ok(injected.length > 3, `${injected.length} faults`);
  for (const { id, action, targets: hit } of injected) assert.deepEqual([action, ...hit], targets.get(id), `fault ${id}`);
});

test('script: files that are none, or not whole → an error that says what is wrong', () => {
  const { script, failure, kind } = {
    ...tryScript(drawScript(1, { faultMs: 1, nodes: 1 })),
    script: drawScript(1, { faultMs: 1, nodes: 1 }),
    kind: 'k',
  };
  assert.equal(failure, null);
  const text = encodeScriptFile({ script, commit: '', failure: { kind, message: 'm', traceHash: 'h', atMs: 1 } });
  decodeScriptFile(text);
  const broken: readonly [string, RegExp][] = [
    ['', /not JSON/],
    ['[]', /no object/],
    ['{"format":"x"}', /no quorate-sim-script/],
    [text.replace('"version": 1', '"version": 2'), /version is 2/],
    [text.replace('"nodes": 1', '"nodes": 0'), /"nodes" is no number/],
    [text.replace('"steps": [', '"steps": [7, '), /part of "steps"/],
    [text.replace(/"maps": \[[^\]]*\]/, '"maps": []'), /"maps" has none/],
    [text.replace('"kindsOff": []', '"kindsOff": ["dance"]'), /dance/],
    [text.replace('"streams"', '"rivers"'), /"streams" is no list/],
  ];
  for (const [file, message] of broken)
    assert.throws(
      () => decodeScriptFile(file.replace('[7, \n  ]', '[7]').replace('[7, ]', '[7]')),
      (error: unknown) => error instanceof Error && message.test(error.message),
      String(message),
    );
});

test('shrink: kinds of failures → equal for the same failure of another run, different for another failure', () => {
  const same = (a: string, b: string): void => assert.equal(failureKind(a), failureKind(b));
  same(
    'guarantees broken:\n  stream-0: writer-1:17: is missing\n [at 12.5 ms, step 9, seed 3]',
    "simulation failed with seed 8: guarantees broken:\n  stream-12: writer-0'':1: is missing\n  more\n [at 1 ms, step 2, seed 8]",
  );
  same('T57: lock/lock-1 was granted to client-0 (token 5)', "T57: lock/lock-0 was granted to client-3' (token 77)");
  assert.notEqual(failureKind('T57: lock/lock-1 was granted'), failureKind('T58: lock/lock-1 was granted'));
  assert.notEqual(failureKind('guarantees broken:\n  stream-0: a'), failureKind('guarantees broken:\n  stream-0: b'));
});
