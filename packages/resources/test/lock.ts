import assert from 'node:assert/strict';
import type { Fence, ResourceId, SessionId, Token } from '@quorate/machine';
import { LOCK } from '@quorate/resources';
import { type Driver, GROUP, type SeenEvent } from './driver.js';

/** A lock as tests use it. */
export class TestLock {
  readonly driver: Driver;
  readonly resource: ResourceId;

  constructor(driver: Driver, session: SessionId, name = 'lock') {
    this.driver = driver;
    this.resource = driver.create(session, LOCK, name);
  }

  acquire(session: SessionId, waitMs: number | null = null) {
    return this.driver.do(session, LOCK, this.resource, 'acquire', { waitMs });
  }

  /** Acquires it while nobody holds it. */
  take(session: SessionId): Token {
    const { status, token } = this.acquire(session, 0);
    assert.ok(status === 'acquired' && token !== null);
    return token;
  }

  /** Waits for it; the ticket. */
  wait(session: SessionId, waitMs: number | null = null): number {
    const { status, ticket, token } = this.acquire(session, waitMs);
    assert.deepEqual([status, token], ['queued', null]);
    return ticket;
  }

  release(session: SessionId, token: Token): void {
    this.driver.do(session, LOCK, this.resource, 'release', { token });
  }

  cancel(session: SessionId, ticket: number) {
    return this.driver.do(session, LOCK, this.resource, 'cancel', { ticket });
  }

  get holder() {
    return this.driver.query(LOCK, this.resource, 'holder', {});
  }

  fence(token: Token): Fence {
    return { group: GROUP, resource: this.resource, token };
  }
}

/** The token of the only event, which says that this ticket has the lock. */
export function grantOf(events: readonly SeenEvent[] | undefined, ticket: number): Token {
  assert.equal(events?.length, 1);
  assert.equal(events[0]?.event, 'acquired');
  const { token, ...rest } = events[0].fields as { ticket: number; token: Token };
  assert.deepEqual(rest, { ticket });
  return token;
}
