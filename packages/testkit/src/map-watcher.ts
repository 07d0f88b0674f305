import { fromUtf8, utf8 } from '@quorate/base';
import type { HistoryFields } from '@quorate/checkers';
import { type MapDeclaration, type ResourceHandle, WatchSubscription } from '@quorate/resources';
import type { HistoryRecorder, RecordedLane } from './history-recorder.js';

/** What a watcher of the simulation is for. */
export interface MapWatcherInit {
  readonly lane: RecordedLane;
  readonly recorder: HistoryRecorder;
  readonly object: string;
  /** Of the watch in the history. */
  readonly name: string;
  /** Null: all keys. */
  readonly key: string | null;
  /** A version that the map has had: what comes after it is told. */
  readonly afterVersion: number;
  told(): void;
  /** Not called after `stop`. */
  ended(): void;
}

/** Watches a map, over all sessions, and records what it is told. */
export class MapWatcher {
  readonly object: string;
  readonly name: string;
  readonly key: string | null;
  readonly #subscription: WatchSubscription;
  #isOver = false;

  constructor(handle: ResourceHandle<MapDeclaration>, init: MapWatcherInit) {
    const { lane, recorder, object, name, key, afterVersion } = init;
    this.object = object;
    this.name = name;
    this.key = key;
    const range: HistoryFields = key === null ? { prefix: '' } : { key };
    // Told from there on, unless the map has forgotten: this is the claim that the checks hold it to.
    lane.invoke({ object, op: 'watch', args: { watch: name, ...range, afterVersion } });
    lane.ok({ version: afterVersion });
    this.#subscription = new WatchSubscription(
      handle,
      { key: utf8(key ?? ''), isPrefix: key === null, afterVersion, isResumed: true },
      {
        changed: ({ version, change, key: changed, value }) => {
          init.told();
          const fields = { watch: name, version, change, key: fromUtf8(changed), value: value === null ? null : fromUtf8(value) };
          recorder.told(lane.client, object, 'changed', fields);
        },
        ended: (error) => {
          if (this.#isOver) return;
          this.#isOver = true;
          recorder.told(lane.client, object, 'ended', { watch: name, error: error.code });
          if (error.code === 'invariantBroken') throw error;
          init.ended();
        },
      },
      { deadlineMs: Number.POSITIVE_INFINITY },
    );
  }

  /** Version of the last change it was told. */
  get lastVersion(): number {
    return this.#subscription.lastVersion ?? 0;
  }

  /** Nothing more is told. */
  get isOver(): boolean {
    return this.#isOver;
  }

  stop(): void {
    this.#isOver = true;
    this.#subscription.stop();
  }
}
