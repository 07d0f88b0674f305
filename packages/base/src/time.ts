/** Time and order of execution, injected so that the simulator can run everything. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; never goes back, may be fractional. Deadlines and elections use only this. */
  nowMs(): number;
  /** Milliseconds since 1970 by the wall clock. Only for what people read; no decision depends on it. */
  wallMs(): number;
}

/** What `Timers.set` returned; opaque. */
export type TimerHandle = object;

/** Callbacks after a time or at the end of a turn. */
export interface Timers {
  /** Calls back once after at least `delayMs`, never within this call. A timer does not keep the process alive by itself. */
  set(delayMs: number, callback: () => void): TimerHandle;
  /** A cleared timer never calls back; clearing twice or late is harmless. */
  clear(handle: TimerHandle): void;
  /** Calls back after the events that are ready now were handled: the end of a turn. In order of calls. */
  defer(callback: () => void): void;
  /**
   * As `defer`, but what is deferred by a deferred callback mostly comes at the end of the same turn, before any other event. For what ends
   * the work of a turn; never for work that goes on and on, which sockets would wait for.
   */
  soon(callback: () => void): void;
}
