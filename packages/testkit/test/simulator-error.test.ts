import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientCore } from '@quorate/client';
import { Machine } from '@quorate/machine';
import {
  type RunEnd,
  type SimulationOptions,
  SimDisk,
  SimulationFault,
  SimulatorError,
  drawScript,
  isSimulatorError,
  runSimulation,
  shrinkScript,
} from '@quorate/testkit';

const SEED = 5;
const SMALL: SimulationOptions = { nodes: 3, clients: 1, faultMs: 500, actions: [] };
const errors = Error as ErrorConstructor & { stackTraceLimit: number };

/** Does something while a method of a class has a bug: it throws where it uses its object first, in its own code. */
function withBug<R>(prototype: object, name: string, action: () => R): R {
  const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
  const sound = methods[name] as (...args: unknown[]) => unknown;
  methods[name] = (...args) => sound.apply(undefined, args);
  try {
    return action();
  } finally {
    methods[name] = sound;
  }
}

/** What a run throws in a process that keeps so many calls of a stack. */
function thrownBy(stackTraceLimit: number, options: SimulationOptions = SMALL): RunEnd {
  const before = errors.stackTraceLimit;
  errors.stackTraceLimit = stackTraceLimit;
  try {
    runSimulation(SEED, options);
  } catch (thrown) {
    assert.equal(errors.stackTraceLimit, stackTraceLimit);
    return thrown as RunEnd;
  } finally {
    errors.stackTraceLimit = before;
  }
  assert.fail('the run held');
}

// As processes of `npm run sim -- --minutes` run, and as all others do.
for (const stackTraceLimit of [0, 10]) {
  const where = `stacks of ${stackTraceLimit} calls`;

  test(`simulator errors: an exception of a client's code, ${where} → a failure that was found, with its place and seed`, () => {
    const thrown = withBug(ClientCore.prototype, 'append', () => thrownBy(stackTraceLimit));
    assert.ok(thrown instanceof SimulationFault && !isSimulatorError(thrown), String(thrown));
    assert.match(thrown.message, /^simulation failed with seed 5: uncaught TypeError in packages\/client\/dist\/core\/client-core\.js: /);
    assert.match(thrown.stack ?? '', /\n\s+at .*client-core\.js:\d+/);
  });

  test(`simulator errors: an exception that stops a node, ${where} → a failure that was found`, () => {
    const thrown = withBug(Machine.prototype, 'apply', () => thrownBy(stackTraceLimit));
    assert.ok(thrown instanceof SimulationFault, String(thrown));
    assert.match(thrown.message, /n\d at .*unexpected error: .*seed 5/s);
  });

  test(`simulator errors: an exception of the simulated disk in a call of a node, ${where} → the simulator's, though the node takes it for its own`, () => {
    const thrown = withBug(SimDisk.prototype, 'drawMs', () => thrownBy(stackTraceLimit));
    assert.ok(thrown instanceof SimulatorError && isSimulatorError(thrown), String(thrown));
    assert.match(thrown.message, /^simulator error with seed 5: uncaught TypeError in packages\/testkit\/dist\/sim-disk\.js: /);
  });

  test(`simulator errors: an exception of the simulator's own code, ${where} → the simulator's`, () => {
    const rule = (): string | null => (undefined as unknown as { nothing: string }).nothing;
    const thrown = thrownBy(stackTraceLimit, { ...SMALL, rule });
    assert.ok(thrown instanceof SimulatorError, String(thrown));
    assert.match(thrown.message, /seed 5: uncaught TypeError in packages\/testkit\/dist-test\//);
  });
}

test('simulator errors: an exception of the product → made smaller like any other failure', () => {
  let asked = 0;
  const shrunk = withBug(ClientCore.prototype, 'append', () =>
    shrinkScript(drawScript(SEED, { ...SMALL, nodes: 5 }), { limitMs: 12, nowMs: () => asked++ }),
  );
  assert.match(shrunk?.kind ?? '', /^uncaught TypeError in packages\/client\/dist\/core\/client-core\.js: /);
  assert.ok((shrunk?.size.nodes ?? 5) < 5, JSON.stringify(shrunk?.size));
});
