import type { Call } from '../history/call.js';
import type { HistoryFields, ToldEvent } from '../history/event.js';
import { hasPrefix } from '../history/history-text.js';
import type { Change, MapLog } from './map-log.js';

interface Watch {
  readonly name: string;
  readonly client: string;
  readonly key: string | null;
  readonly prefix: string | null;
  /** Everything after it is due. */
  start: number;
  /** Everything up to it was told. */
  position: number;
  isOpen: boolean;
}

/** Changes between two told ones that are looked up one by one at most; more and the watch is undecided there. */
const GAP_MAX = 1_000_000;

/** Tells what is wrong, or what cannot be judged. */
export type Tell = (type: 'violation' | 'undecided', text: string) => void;

/** The watches of one map: each tells every change of its keys once and in order, and says so when it cannot. */
export class WatchBook {
  readonly #watches = new Map<string, Watch>();
  readonly #log: MapLog;

  constructor(log: MapLog) {
    this.#log = log;
  }

  /** A `watch` call was answered. */
  started(call: Call, tell: Tell): void {
    const name = call.args['watch'] as string;
    const after = call.args['afterVersion'];
    const { version } = call.result as { readonly version: number };
    const from = typeof after === 'number' ? after : version;
    const known = this.#watches.get(name);
    if (known === undefined) {
      const { key, prefix } = call.args;
      this.#watches.set(name, {
        name,
        client: call.client,
        key: typeof key === 'string' ? key : null,
        prefix: typeof prefix === 'string' ? prefix : null,
        start: from,
        position: from,
        isOpen: true,
      });
      return;
    }
    // It goes on from where its client says it was; a step back would tell things twice, a step forward would skip some.
    if (from < known.position) {
      tell('violation', `watch ${name} goes on after version ${from}, although it had told up to ${known.position}`);
    }
    this.#passed(known, from + 1, tell);
    known.position = from;
    known.isOpen = true;
  }

  stopped(name: string): void {
    const watch = this.#watches.get(name);
    if (watch !== undefined) watch.isOpen = false;
  }

  told(event: ToldEvent, tell: Tell): void {
    const { watch: name, version } = event.fields as { readonly watch: string; readonly version: number };
    const watch = this.#watches.get(name);
    if (watch === undefined) {
      tell('violation', `watch ${name} was told something and never began`);
      return;
    }
    if (event.event === 'ended') {
      watch.isOpen = false;
      return;
    }
    if (event.event === 'reached') {
      this.#passed(watch, version + 1, tell);
      watch.position = Math.max(watch.position, version);
      return;
    }
    const key = event.fields['key'] as string;
    if (!isWatched(watch, key)) tell('violation', `watch ${name} was told of ${JSON.stringify(key)}, which it does not watch`);
    if (version <= watch.position) {
      tell('violation', `watch ${name} was told of version ${version} after ${watch.position}: twice, or out of order`);
      return;
    }
    this.#passed(watch, version, tell);
    watch.position = version;
  }

  /** A change that nobody had told of so far: no watch may have gone past it. */
  learned(change: Change, by: string | null, tell: Tell): void {
    for (const watch of this.#watches.values()) {
      if (watch.name === by || change.version <= watch.start || change.version > watch.position || !isWatched(watch, change.key)) continue;
      tell('violation', missed(watch, change));
    }
  }

  /** The watch told nothing between its position and `version`, both excluded. */
  #passed(watch: Watch, version: number, tell: Tell): void {
    const from = watch.position + 1;
    if (from >= version) return;
    if (watch.key === null && (watch.prefix === null || watch.prefix === '')) {
      const change = this.#log.change(from);
      const what = change === undefined ? `version ${from}, whatever it was` : missedChange(change);
      tell('violation', `watch ${watch.name} of all keys went from version ${watch.position} to ${version} and did not tell ${what}`);
      return;
    }
    if (from <= this.#log.forgottenTo) {
      tell('undecided', `watch ${watch.name} lags so far behind that the changes after version ${watch.position} are no longer remembered`);
      return;
    }
    if (watch.key !== null) {
      const change = this.#log.nextChange(watch.key, watch.position);
      if (change !== undefined && change.version < version) tell('violation', missed(watch, change));
      return;
    }
    if (version - from > GAP_MAX) tell('undecided', `watch ${watch.name} told nothing of more than ${GAP_MAX} versions`);
    else {
      for (let at = from; at < version; at++) {
        const change = this.#log.change(at);
        if (change !== undefined && isWatched(watch, change.key)) tell('violation', missed(watch, change));
      }
    }
  }
}

function isWatched(watch: Watch, key: string): boolean {
  return watch.key === null ? hasPrefix(key, watch.prefix ?? '') : key === watch.key;
}

function missed(watch: Watch, change: Change): string {
  return `watch ${watch.name} went past version ${change.version} and did not tell ${missedChange(change)}`;
}

function missedChange({ key, value, line }: Change): string {
  return `the ${value === null ? 'removal' : 'change'} of ${JSON.stringify(key)}, known from line ${line}`;
}

/** The fields of a told change. */
export function toldChange(fields: HistoryFields): { readonly version: number; readonly key: string; readonly value: string | null } {
  const { version, key, change, value } = fields;
  return { version: version as number, key: key as string, value: change === 'set' ? (value as string) : null };
}
