import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, SECTOR_BYTES } from '@quorate/base';
import { DISK_EFFECTS, type FaultStep, LATE_ACTIONS, type NemesisAction, drawScript, tryScript } from '@quorate/testkit';
import { durableFile, filled, isFault, machine } from './disk-machine.js';

const FAULT_MS = 1000;

/** A run with one fault on node 2 at that time; everything is mended at `FAULT_MS`. */
function runWith(action: NemesisAction, atMs: number, seed: number) {
  const script = drawScript(3, { nodes: 3, clients: 1, streams: 1, faultMs: FAULT_MS, actions: [] });
  const step: FaultStep = { id: 1, atMs, action, node: 2, seed };
  const { failure, result, nemesis } = tryScript({ ...script, faults: { steps: [step], victim: 2 } });
  assert.equal(failure, null, failure?.message);
  return { count: result?.faults[action] ?? 0, injected: nemesis.injected.length };
}

// A full disk is met only when the journal needs another file.
const SOON = [...LATE_ACTIONS].filter((action) => action !== 'fullDisk');

test('fault counts: faults that are mended before anything meets them → made ready, and not counted', () => {
  for (const action of ['loss', 'slowDisk', 'fullDisk', 'crashInDisk', 'crashInNetwork', 'failSync', 'failWrite'] as const)
    assert.deepEqual(runWith(action, FAULT_MS - 0.002, 11), { count: 0, injected: 1 }, action);
});

for (const action of SOON) {
  test(`fault counts: ${action} meets something → counted once, however often it hits`, () => {
    const { count, injected } = runWith(action, 100, 12);
    assert.deepEqual({ count, injected }, { count: 1, injected: 1 });
  });
}

test('fault counts: a disk without space → its fault is told of the first write that does not fit', () => {
  const { disk, view } = machine(1, 1000);
  let refused = 0;
  disk.onFull = () => refused++;
  const file = view.open('f', 'create');
  file.writeNow(0, [filled(1000, 1)]);
  assert.deepEqual([refused, disk.shortWrites], [0, 0]);
  assert.throws(() => file.writeNow(500, [filled(600, 2)]), isFault('full'));
  assert.deepEqual([refused, disk.shortWrites], [1, 1]);
});

test('fault counts: power cuts that lose, tear and forget, or nothing of it → what they did is counted, not what they could', () => {
  const cut = (options: { readonly tornChance: number; readonly keepChance: number }) => {
    const { disk, view } = machine(1);
    const file = durableFile(view, 'f', filled(3 * SECTOR_BYTES, 1));
    file.writeNow(0, [filled(2 * SECTOR_BYTES, 2)]);
    view.open('g', 'create');
    disk.powerCutImage(new SeededRandom(1), options);
    assert.deepEqual(disk.losses, { tornSectors: 0, lostSectors: 0, forgottenNames: 0 });
    disk.powerCut(new SeededRandom(1), options);
    return disk.losses;
  };
  assert.deepEqual(cut({ tornChance: 0, keepChance: 1 }), { tornSectors: 0, lostSectors: 0, forgottenNames: 0 });
  assert.deepEqual(cut({ tornChance: 0, keepChance: 0 }), { tornSectors: 0, lostSectors: 2, forgottenNames: 1 });
  assert.deepEqual(cut({ tornChance: 1, keepChance: 1 }), { tornSectors: 2, lostSectors: 0, forgottenNames: 0 });
});

test('fault counts: a run with power cuts and slow syncs → what happened to its disks is in its result', () => {
  const drawn = drawScript(3, { nodes: 3, clients: 1, streams: 1, faultMs: 4000, actions: [] });
  const script = {
    ...drawn,
    cluster: { ...drawn.cluster, syncMode: 'async', diskLatency: { writeMs: [0.1, 1], syncMs: [5, 20] } } as const,
  };
  const steps = Array.from(
    { length: 12 },
    (_, at): FaultStep => ({ id: at + 1, atMs: 300 * (at + 1), action: 'powerCut', node: at + 1, seed: at }),
  );
  const { failure, result } = tryScript({ ...script, faults: { steps, victim: 2 } });
  assert.equal(failure, null, failure?.message);
  assert.deepEqual(Object.keys(result?.faults ?? {}).sort(), ['powerCut', ...DISK_EFFECTS].sort());
  assert.ok((result?.faults['lostSector'] ?? 0) > 0, JSON.stringify(result?.faults));
});
