// What every kind of the list must do, whatever it is for: a new one is tested by standing in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, SeededRandom, randomBetween } from '@quorate/base';
import { sampleFields } from '@quorate/machine';
import { BUILTINS, Resources } from '@quorate/resources';
import { Driver } from './driver.js';
import { FakeCluster } from './faces-cluster.js';

const STEPS = 300;
const RELOADED_EVERY = 40;
const EXPIRED_EVERY = 70;

const names = Object.keys(BUILTINS);

test('builtins: the list → in order, each under the name of its kind, which no other has', () => {
  assert.deepEqual(names, names.toSorted());
  const types = Object.values(BUILTINS).map(({ type }) => type.declaration.type);
  assert.deepEqual(
    names,
    types.map((type) => type.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())),
  );
  assert.equal(new Set(types).size, types.length);
});

for (const [name, { type }] of Object.entries(BUILTINS)) {
  const { declaration } = type;

  test(`builtins: any calls of ${name}, lost sessions and snapshots between → results and refusals as declared, the same hash on every replica`, () => {
    const random = new SeededRandom(1);
    const driver = new Driver();
    const sessions = [driver.open(), driver.open(), driver.open()];
    const resource = driver.create(sessions[0] as number, declaration);
    const operations = Object.entries(declaration.operations);
    const answered = new Set<string>();
    for (let step = 1; step <= STEPS; step++) {
      const at = randomBetween(random, 0, sessions.length - 1);
      const [operation, { kind, args, errors }] = operations[step % operations.length] as (typeof operations)[number];
      const given = sampleFields(args, random);
      try {
        if (kind === 'query') driver.query(declaration, resource, operation, given);
        else driver.do(sessions[at] as number, declaration, resource, operation, given);
        answered.add(operation);
      } catch (thrown) {
        assert.ok(thrown instanceof QuorateError && errors.includes(thrown.code), `${operation}: ${String(thrown)}`);
      }
      driver.tick(driver.machine.timeMs + randomBetween(random, 0, 5));
      // Decodes each event as its kind declares it.
      driver.takeEvents();
      if (step % RELOADED_EVERY === 0) driver.reload();
      if (step % EXPIRED_EVERY === 0) {
        driver.expire(sessions[at] as number);
        sessions[at] = driver.open();
      }
    }
    assert.ok(answered.size > 0, 'nothing but refusals');
    assert.equal(driver.replicaHash(), driver.machine.hash);
  });

  test(`builtins: ${name} of an object → the method of its class, and the resource of that name`, () => {
    const { resources } = new FakeCluster().resources();
    assert.ok(resources instanceof Resources);
    const opened: unknown = resources[name as keyof typeof BUILTINS]('a');
    assert.equal((opened as { readonly name: string }).name, 'a');
    assert.equal(resources.client.handle(declaration, 'a').declaration, declaration);
    assert.throws(() => resources[name as keyof typeof BUILTINS](7 as never), { code: 'invalidArgument' });
    assert.deepEqual(Object.keys(resources), ['client']);
  });
}
