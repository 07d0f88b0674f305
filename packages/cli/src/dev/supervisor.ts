import { EXIT_CODES } from '../exit-codes.js';
import { type ChildExit, ChildNode, type ChildSettings } from './child-node.js';

/** A crashed node is started again after this many ms, doubled each time it crashes again, up to the maximum. */
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 15_000;
/** A node that ran this long starts with a short wait again. */
const STABLE_MS = 30_000;
/** Children that have not stopped after this many ms are killed. */
const STOP_MS_MAX = 20_000;

export interface SupervisorEvents {
  line(node: number, line: string): void;
  /** A node ended although nobody asked; it starts again in `restartMs`. */
  crashed(node: number, exit: ChildExit, restartMs: number): void;
  /** A node cannot run at all: all others were told to stop. */
  hopeless(node: number, exit: ChildExit): void;
  /** A node had to be killed because it did not stop. */
  killed(node: number): void;
  /** Every node has ended, after `stop` or `hopeless`. */
  allStopped(): void;
}

interface Slot {
  readonly settings: ChildSettings;
  child: ChildNode | null;
  restart: NodeJS.Timeout | null;
  waitMs: number;
}

/** Keeps one child process per node running until it is told to stop. */
export class Supervisor {
  readonly #slots: readonly Slot[];
  readonly #events: SupervisorEvents;
  #isStopping = false;
  #isOver = false;

  constructor(nodes: readonly ChildSettings[], events: SupervisorEvents) {
    this.#events = events;
    this.#slots = nodes.map((settings) => ({ settings, child: null, restart: null, waitMs: RESTART_MS_MIN }));
  }

  /** True between `stop` and the end. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  start(): void {
    for (const slot of this.#slots) this.#start(slot);
  }

  #start(slot: Slot): void {
    slot.restart = null;
    slot.child = new ChildNode(slot.settings, {
      line: (node, line) => this.#events.line(node, line),
      exited: (_, exit) => this.#exited(slot, exit),
    });
  }

  #exited(slot: Slot, exit: ChildExit): void {
    slot.child = null;
    if (this.#isStopping) {
      this.#endIfAllStopped();
    } else if (isHopeless(exit)) {
      this.#events.hopeless(slot.settings.node, exit);
      this.stop();
    } else {
      if (exit.ranMs > STABLE_MS) slot.waitMs = RESTART_MS_MIN;
      this.#events.crashed(slot.settings.node, exit, slot.waitMs);
      slot.restart = setTimeout(() => this.#start(slot), slot.waitMs);
      slot.waitMs = Math.min(slot.waitMs * 2, RESTART_MS_MAX);
    }
  }

  /** Stops all nodes in order. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const slot of this.#slots) {
      if (slot.restart !== null) clearTimeout(slot.restart);
      slot.child?.stop();
    }
    setTimeout(() => this.#killRest(), STOP_MS_MAX).unref();
    this.#endIfAllStopped();
  }

  #killRest(): void {
    for (const { child, settings } of this.#slots) {
      if (child === null) continue;
      this.#events.killed(settings.node);
      child.kill();
    }
  }

  /** Ends all nodes at once. */
  kill(): void {
    this.#isStopping = true;
    for (const slot of this.#slots) {
      if (slot.restart !== null) clearTimeout(slot.restart);
      slot.child?.kill();
    }
    this.#endIfAllStopped();
  }

  #endIfAllStopped(): void {
    if (this.#isOver || this.#slots.some((slot) => slot.child !== null)) return;
    this.#isOver = true;
    this.#events.allStopped();
  }
}

/** Trying again cannot help: wrong use, a directory that is taken or foreign, a port in use. */
function isHopeless({ code, error }: ChildExit): boolean {
  return (
    code === EXIT_CODES.usage.code ||
    code === EXIT_CODES.directory.code ||
    error?.code === 'addressInUse' ||
    error?.code === 'formationConflict'
  );
}
