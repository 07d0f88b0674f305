import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Token, compareTokens } from '@quorate/machine';
import { ELECTION, RESOURCE_LIMITS } from '@quorate/resources';
import { Driver, GROUP, type SeenEvent, b, fault, request, t } from './driver.js';
import { TestMap } from './map.js';

class TestElection {
  readonly driver: Driver;
  readonly resource: number;

  constructor(driver: Driver, session: number) {
    this.driver = driver;
    this.resource = driver.create(session, ELECTION);
  }
  campaign(session: number, about = '') {
    return this.driver.do(session, ELECTION, this.resource, 'campaign', { about: b(about) });
  }
  resign(session: number, ticket: number) {
    return this.driver.do(session, ELECTION, this.resource, 'resign', { ticket });
  }
  observe(session: number) {
    return leaderOf(this.driver.do(session, ELECTION, this.resource, 'observe', {}));
  }
  unobserve(session: number) {
    return this.driver.do(session, ELECTION, this.resource, 'unobserve', {});
  }
  get leader() {
    return leaderOf(this.driver.query(ELECTION, this.resource, 'leader', {}));
  }
}

type Leader = { readonly session: number; readonly token: Token; readonly about: Uint8Array } | null;

/** Session and what it says about itself. */
function leaderOf(leader: Leader): [session: number, about: string | null] | null {
  return leader === null ? null : [leader.session, t(leader.about)];
}

function told(events: readonly SeenEvent[] | undefined): unknown[] {
  return (events ?? []).map(({ event, fields }) =>
    event === 'elected' ? [event, (fields as { ticket: number }).ticket] : [event, leaderOf((fields as { leader: Leader }).leader)],
  );
}

function opened(): { driver: Driver; first: number; second: number; third: number; election: TestElection } {
  const driver = new Driver();
  const [first, second, third] = [driver.open(), driver.open(), driver.open()];
  return { driver, first, second, third, election: new TestElection(driver, first) };
}

test('election: first candidate → leads at once; the others in order of coming, each with a greater term', () => {
  const { driver, first, second, third, election } = opened();
  assert.equal(election.leader, null);
  const led = election.campaign(first, 'one');
  assert.deepEqual(led.token, { epoch: 1, index: led.ticket });
  const waits = election.campaign(second, 'two');
  assert.equal(waits.token, null);
  const last = election.campaign(third, 'three');
  assert.deepEqual(election.leader, [first, 'one']);
  assert.equal(election.resign(first, led.ticket), 'held');
  const events = driver.takeEvents();
  assert.deepEqual([...events.keys()], [second]);
  assert.deepEqual(told(events.get(second)), [['elected', waits.ticket]]);
  const { token } = events.get(second)?.[0]?.fields as { token: Token };
  assert.ok(led.token !== null && compareTokens(token, led.token) > 0);
  assert.deepEqual(election.leader, [second, 'two']);
  assert.equal(election.resign(third, last.ticket), 'waited');
  assert.equal(election.resign(third, last.ticket), 'none');
  assert.equal(election.resign(third, waits.ticket), 'none');
  driver.expire(second);
  assert.equal(election.leader, null);
});

test('election: one observes → told of each change once, of nobody too, and of nothing that changes no leader', () => {
  const { driver, first, second, third, election } = opened();
  assert.equal(election.observe(third), null);
  assert.equal(election.observe(third), null);
  const led = election.campaign(first, 'one');
  assert.deepEqual(told(driver.eventsOf(third)), [['leaderChanged', [first, 'one']]]);
  const waits = election.campaign(second, 'two');
  assert.deepEqual(election.observe(second), [first, 'one']);
  assert.equal(driver.takeEvents().size, 0);
  election.resign(first, led.ticket);
  const events = driver.takeEvents();
  assert.deepEqual(told(events.get(third)), [['leaderChanged', [second, 'two']]]);
  // A candidate is told that it leads before it is told who leads.
  assert.deepEqual(told(events.get(second)), [
    ['elected', waits.ticket],
    ['leaderChanged', [second, 'two']],
  ]);
  election.resign(second, waits.ticket);
  assert.deepEqual(told(driver.eventsOf(third)), [['leaderChanged', null]]);
  assert.equal(election.unobserve(third), 'observed');
  assert.equal(election.unobserve(third), 'none');
  election.campaign(first);
  assert.equal(driver.takeEvents().has(third), false);
});

test('election: the same session stands twice → its second candidacy leads with a new term, observers are told', () => {
  const { driver, first, third, election } = opened();
  election.observe(third);
  const one = election.campaign(first, 'a');
  const two = election.campaign(first, 'b');
  driver.takeEvents();
  election.resign(first, one.ticket);
  const events = driver.takeEvents();
  assert.deepEqual(told(events.get(third)), [['leaderChanged', [first, 'b']]]);
  assert.deepEqual(told(events.get(first)), [['elected', two.ticket]]);
  driver.expire(first);
  assert.deepEqual(told(driver.eventsOf(third)), [['leaderChanged', null]]);
});

test('election: session observes and stands, gives up one of them → its end is still noticed for the other', () => {
  const { driver, first, second, third, election } = opened();
  const { ticket } = election.campaign(first);
  election.observe(first);
  election.resign(first, ticket);
  election.campaign(second);
  driver.takeEvents();
  driver.expire(first);
  election.observe(third);
  const mine = election.campaign(third);
  election.unobserve(third);
  driver.expire(third);
  assert.equal(election.resign(second, mine.ticket), 'none');
  driver.expire(second);
  assert.equal(election.leader, null);
  assert.equal(driver.machine.hash, driver.replicaHash());
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
});

test('T65: old leader acts after it lost → fenced in the same group at once', () => {
  const { driver, first, second, election } = opened();
  const map = new TestMap(driver, first);
  const old = election.campaign(first);
  assert.ok(old.token !== null);
  const fence = { group: GROUP, resource: election.resource, token: old.token };
  map.set(first, 'k', '1', null, fence);
  election.campaign(second);
  election.resign(first, old.ticket);
  assert.throws(() => map.set(first, 'k', '2', null, fence), fault('fenced'));
  const { token } = driver.eventsOf(second)[0]?.fields as { token: Token };
  map.set(second, 'k', '3', null, { ...fence, token });
  // The term is what counts, not who shows it: a part of the new leader may write through a session of its own.
  map.set(first, 'k', '4', null, { ...fence, token });
  assert.deepEqual(map.get('k'), ['4', 3]);
});

test('election: what a candidate says about itself → up to the limit, kept until it leads, also across a snapshot', () => {
  const { driver, first, second, election } = opened();
  const most = 'x'.repeat(RESOURCE_LIMITS.candidateBytesMax);
  const led = election.campaign(first);
  election.campaign(second, most);
  driver.reload();
  election.resign(first, led.ticket);
  assert.deepEqual(election.leader, [second, most]);
  assert.throws(
    () => request(ELECTION, election.resource, 'campaign', { about: b(`${most}x`) }),
    fault('invalidArgument', { max: RESOURCE_LIMITS.candidateBytesMax }),
  );
});
