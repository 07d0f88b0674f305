import { QuorateError } from '@quorate/base';
import type { SessionState } from '@quorate/machine';
import type { CallContext } from '../core/call.js';
import { Alarm } from './alarm.js';

/** What the life of a session needs to know and to tell. */
export interface LifeOwner {
  stateChanged(state: SessionState): void;
  /** Nothing was sent for long. */
  keepAlive(): void;
  /** The cluster may have ended the session by now, if it saw the connection end. */
  doubted(error: QuorateError): void;
  /** The cluster may have ended the session by now. */
  expired(error: QuorateError): void;
  lastSentMs(): number;
  isBound(): boolean;
}

/** Time without a connection after which a session is suspended, in ms. */
const UNBOUND_MAX_MS = 200;
/**
 * Shortest time that keep-alives are reckoned with, in ms: shorter graces do not make for more of them. While the connection seems to be there,
 * shorter graces count as this one.
 */
const LIFE_MIN_MS = 150;
/** How much slower than the cluster's the client's clock may run. */
const CLOCK_DRIFT = 0.01;

/**
 * When a session is in contact, suspended, or lost. The client must take it for lost no later than the cluster does (T57), so time counts from
 * when the newest message was *sent* that was answered: the cluster heard it no earlier.
 *
 * The cluster may see the connection end at any moment after that, also when nothing of it comes here, and then keeps the session for the grace
 * only. So after the grace without contact the session is *doubted*: what it holds must be taken for lost, while the session itself may well go on.
 */
export class SessionLife {
  readonly #context: CallContext;
  readonly #owner: LifeOwner;
  readonly #alarm: Alarm;
  #told: SessionState = 'opening';
  #ttlMs: number;
  /** Time without contact within which the cluster certainly keeps the session, even if it saw the connection end. */
  #lifeMs: number;
  #graceMs: number;
  #isDoubted = false;
  #contactMs = 0;
  #unboundMs: number | null = null;

  constructor(context: CallContext, times: { readonly ttlMs: number; readonly graceMs: number }, owner: LifeOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#ttlMs = times.ttlMs;
    this.#lifeMs = times.ttlMs;
    this.#graceMs = times.ttlMs;
    this.#alarm = new Alarm(context, () => this.#watch());
  }

  /** As of now by the clock, even if nobody was told yet: a process that was stopped sees it at once. */
  get state(): SessionState {
    if (this.#told !== 'open' && this.#told !== 'suspended') return this.#told;
    const nowMs = this.#context.settings.clock.nowMs();
    if (nowMs >= this.#expiryMs()) return 'expired';
    return nowMs >= this.#suspendMs() ? 'suspended' : this.#told;
  }

  /** False while the session may be over at the cluster, by the clock. */
  get isCertain(): boolean {
    if (this.#told !== 'open' && this.#told !== 'suspended') return false;
    return this.#context.settings.clock.nowMs() < this.#doubtMs();
  }

  /** The session is open; `contact` was called before with the moment at which that was asked. */
  opened(ttlMs: number, graceMs: number): void {
    this.#ttlMs = ttlMs;
    this.#lifeMs = Math.min(ttlMs, Math.max(graceMs, LIFE_MIN_MS));
    this.#graceMs = Math.min(ttlMs, graceMs);
  }

  /** A node answered what was sent at this moment. */
  contact(sentMs: number): void {
    if (sentMs > this.#contactMs) this.#contactMs = sentMs;
    if (this.#told === 'suspended') this.#watch();
  }

  bound(): void {
    this.#unboundMs = null;
    if (this.#told === 'opening') this.#tell('open');
    this.#watch();
  }

  unbound(): void {
    this.#unboundMs ??= this.#context.settings.clock.nowMs();
    this.#watch();
  }

  end(state: 'expired' | 'closed'): void {
    this.#told = state;
    this.#alarm.clear();
  }

  #watch(): void {
    if (this.#told !== 'open' && this.#told !== 'suspended') return;
    const nowMs = this.#context.settings.clock.nowMs();
    const expiryMs = this.#expiryMs();
    if (nowMs >= expiryMs) {
      this.#owner.expired(new QuorateError('sessionExpired', `no contact with the cluster for ${this.#ttlMs} ms`, { ttlMs: this.#ttlMs }));
      return;
    }
    const suspendMs = this.#suspendMs();
    this.#tell(nowMs >= suspendMs ? 'suspended' : 'open');
    const doubtMs = this.#doubtMs();
    this.#doubt(nowMs >= doubtMs);
    if (this.#told !== 'open' && this.#told !== 'suspended') return;
    let dueMs = expiryMs;
    if (nowMs < doubtMs) dueMs = Math.min(dueMs, doubtMs);
    if (nowMs < suspendMs) dueMs = Math.min(dueMs, suspendMs);
    if (this.#owner.isBound()) {
      const keepAliveMs = this.#owner.lastSentMs() + this.#lifeMs / 3;
      if (nowMs >= keepAliveMs) this.#owner.keepAlive();
      dueMs = Math.min(dueMs, nowMs >= keepAliveMs ? nowMs + this.#lifeMs / 3 : keepAliveMs);
    }
    if (this.#told === 'open' || this.#told === 'suspended') this.#alarm.setAt(dueMs);
  }

  #expiryMs(): number {
    return this.#contactMs + this.#ttlMs * (1 - CLOCK_DRIFT);
  }

  #doubtMs(): number {
    const keptMs = this.#unboundMs === null ? this.#lifeMs : this.#graceMs;
    return this.#contactMs + keptMs * (1 - CLOCK_DRIFT);
  }

  #suspendMs(): number {
    const silentMs = this.#contactMs + this.#lifeMs / 2;
    if (this.#unboundMs === null) return silentMs;
    return Math.min(silentMs, this.#unboundMs + Math.min(UNBOUND_MAX_MS, this.#lifeMs / 2));
  }

  #doubt(isDoubted: boolean): void {
    if (this.#isDoubted === isDoubted) return;
    this.#isDoubted = isDoubted;
    if (!isDoubted || (this.#told !== 'open' && this.#told !== 'suspended')) return;
    const graceMs = this.#graceMs;
    this.#owner.doubted(new QuorateError('sessionExpired', `no contact with the cluster for the grace of ${graceMs} ms`, { graceMs }));
  }

  #tell(state: SessionState): void {
    if (this.#told === state) return;
    this.#told = state;
    this.#owner.stateChanged(state);
  }
}
