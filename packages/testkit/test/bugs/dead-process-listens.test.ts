import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionHandlers, type QuorateError, SeededRandom } from '@quorate/base';
import { SimNetwork, SimScheduler } from '@quorate/testkit';

const ADDRESS = { host: 'a', port: 7400 };

// Found by seed 1091897353 of the simulation: a process died in a call, whose code went on to listen. Nobody could take its address from it, so the node
// never started again.
test('network: a process that has died goes on to listen and to dial → the next one gets the address, nobody hears of the call', () => {
  const scheduler = new SimScheduler();
  const network = new SimNetwork({ scheduler, random: new SeededRandom(1) });
  const told: string[] = [];
  const end: ConnectionHandlers & { opened(): void } = {
    opened: () => told.push('opened'),
    data: () => told.push('data'),
    drain: () => told.push('drain'),
    closed: () => told.push('closed'),
  };
  const accept = (): ConnectionHandlers => {
    told.push('accepted');
    return end;
  };
  const dead = scheduler.forNode('a');
  const networkOfDead = network.attach(dead);
  dead.kill();
  networkOfDead.listen(ADDRESS, accept, () => told.push('the dead one listens'));
  let failure: QuorateError | null | undefined;
  network.attach(scheduler.forNode('a')).listen(ADDRESS, accept, (error) => {
    failure = error;
  });
  scheduler.runFor(10);
  networkOfDead.connect(ADDRESS, end).cancel();
  networkOfDead.connect(ADDRESS, end);
  scheduler.runFor(3000);
  assert.equal(failure, null);
  assert.deepEqual(told, []);
});
