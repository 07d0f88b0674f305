import { QuorateError, asQuorateError, shownValue } from '@quorate/base';
import type { CommandNames, OperationArguments, OperationResult, QueryNames } from '@quorate/machine';
import { CLIENT_LIMITS } from '../client/client-limits.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import { type ValueCodec, decodeValueWith, encodeValueWith } from '../codecs/value-codec.js';
import { BufferedIterator } from '../promises/buffered-iterator.js';
import { type CallOptions, type QueryOptions, type WriteOptions, queryTimeOf, timeOf } from '../promises/call-options.js';
import { promiseOf } from '../promises/pending-promise.js';
import { type ReadTurns, TurnReader } from '../promises/turn-reader.js';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { decodeKey, encodeBorder, encodeKey, keyAfter } from './key-codec.js';
import type { MapDeclaration } from './map-declaration.js';
import { type ChangeRecord, type WatchRange, WatchSubscription } from './watch-subscription.js';

type D = MapDeclaration;
type ScanResult = OperationResult<D, 'scan'>;

/** A value and the version of its last change. Versions are those of the map: each change has the next one. */
export interface MapEntry<T> {
  readonly value: T;
  readonly version: number;
}
/** An entry with its key. */
export interface KeyedMapEntry<T> extends MapEntry<T> {
  readonly key: string;
}

/** Options of a write of a value. */
export interface MapSetOptions extends WriteOptions {
  /** Time to live in ms, by the clock of the cluster; default: for ever. A later write replaces it. */
  readonly ttlMs?: number;
}
/** Options of a removal. */
export interface MapRemoveOptions extends WriteOptions {
  /** Only if the entry has this version; otherwise `versionMismatch`. */
  readonly version?: number;
}

/** Which entries, and in what order. Keys are in the order of their bytes in UTF-8. */
export interface MapRangeOptions extends QueryOptions {
  readonly prefix?: string;
  /** First key, included. */
  readonly from?: string;
  /** Last key, excluded. */
  readonly to?: string;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** At most so many; default all. */
  readonly limit?: number;
}

/** What to watch: one key, all with a prefix, or (neither) all. */
export interface MapWatchOptions extends CallOptions {
  readonly key?: string;
  readonly prefix?: string;
  /** Also the changes after this version, up to now; `watchCompacted` if the map no longer remembers them. */
  readonly afterVersion?: number;
  /** Goes on in the next session after one was lost (default), once it has begun; false: ends with `sessionExpired` then. */
  readonly resume?: boolean;
}

/** A change of a watched key. */
export type MapEvent<T> =
  | { readonly type: 'set'; readonly key: string; readonly value: T; readonly version: number }
  | { readonly type: 'removed' | 'expired'; readonly key: string; readonly version: number };

/** What a set did. */
export interface MapSetResult {
  /** Of the new entry. */
  readonly version: number;
  /** Of the entry that was there before; absent: there was none. */
  readonly previousVersion?: number;
}

/**
 * Ordered keys with values. Keys are texts of 1 to 4096 bytes in UTF-8, values up to 1 MiB encoded.
 *
 * Errors of all calls: `keyTooLarge`, `valueTooLarge`, `valueInvalid` (the codec refused it), `invalidArgument`; then nothing was sent.
 *
 * @example
 * ```ts
 * const users = client.map<{ name: string }>('users');
 * const { version } = await users.set('7', { name: 'Ada' });
 * await users.compareAndSet('7', version, { name: 'Ada L.' });
 * for await (const { key, value } of users.entries({ prefix: '7' })) console.log(key, value.name);
 * ```
 */
export class ReplicatedMap<T = unknown> {
  readonly #handle: ResourceHandle<D>;
  readonly #codec: ValueCodec<T>;

  /** Use `Resources.map`. */
  constructor(handle: ResourceHandle<D>, codec: ValueCodec<T>) {
    this.#handle = handle;
    this.#codec = codec;
  }

  get name(): string {
    return this.#handle.name;
  }

  /** The entry of a key; undefined: there is none. */
  async get(key: string, options: QueryOptions = {}): Promise<MapEntry<T> | undefined> {
    const entry = await this.#query('get', { key: encodeKey(key) }, options);
    return entry === null ? undefined : { value: this.#decode(key, entry.value), version: entry.version };
  }

  /** True if the key has an entry. */
  async has(key: string, options: QueryOptions = {}): Promise<boolean> {
    // A scan without values: they may be large.
    const from = encodeKey(key);
    const { entries } = await this.#query('scan', { from, to: null, prefix: from, limit: 1, isReverse: false, isKeysOnly: true }, options);
    const [first] = entries;
    return first !== undefined && first.key.length === from.length;
  }

  /** Number of entries. */
  async size(options: QueryOptions = {}): Promise<number> {
    return (await this.#query('size', {}, options)).size;
  }

  /** Version of the newest change; 0: none yet. For `watch({ afterVersion })`. */
  async version(options: QueryOptions = {}): Promise<number> {
    return (await this.#query('size', {}, options)).version;
  }

  /** Sets a value. `fenced`. */
  async set(key: string, value: T, options: MapSetOptions = {}): Promise<MapSetResult> {
    const { version, previousVersion } = await this.#command('set', this.#writeOf(key, value, options), options);
    return previousVersion === null ? { version } : { version, previousVersion };
  }

  /** Sets a value if the key has none; gives the version of the entry that is there then. `fenced`. */
  async setIfAbsent(key: string, value: T, options: MapSetOptions = {}): Promise<{ readonly isSet: boolean; readonly version: number }> {
    return this.#command('setIfAbsent', this.#writeOf(key, value, options), options);
  }

  /**
   * Sets a value if the entry still has the version expected (0: if there is none). `versionMismatch` (details: `found`, the present version, 0 if
   * there is no entry), `fenced`.
   */
  async compareAndSet(key: string, expectedVersion: number, value: T, options: MapSetOptions = {}): Promise<{ readonly version: number }> {
    return this.#command('compareAndSet', { ...this.#writeOf(key, value, options), version: expectedVersion }, options);
  }

  /** Removes an entry; false: there was none. `versionMismatch` (only with `version`), `fenced`. */
  async remove(key: string, options: MapRemoveOptions = {}): Promise<boolean> {
    return this.#command('remove', { key: encodeKey(key), version: options.version ?? null, fence: options.fence ?? null }, options);
  }

  /**
   * Entries in order of keys. Read in pages, each of which sees everything acknowledged before it was asked for; entries that change meanwhile
   * are seen as they are when their page is read, none twice.
   */
  entries(options: MapRangeOptions = {}): AsyncGenerator<KeyedMapEntry<T>, void, undefined> {
    return new TurnReader((turns) => this.#entries(turns, options));
  }

  /** The same without the values. */
  keys(options: MapRangeOptions = {}): AsyncGenerator<string, void, undefined> {
    return new TurnReader((turns) => this.#keys(turns, options));
  }

  /**
   * Changes as they happen, each once and in order, until it is left or aborted. What this client calls after `watch` returned is seen by it. Goes
   * on in the next session after one was lost, without a gap; if that is impossible because the map has forgotten what came between, it ends with
   * `watchCompacted`. A consumer that lags 8192 changes or 32 MiB behind gets those and then `slowConsumer`: it may go on after the last version.
   *
   * @example
   * ```ts
   * for await (const change of client.map('config').watch({ prefix: 'limits/', signal })) apply(change);
   * ```
   */
  watch(options: MapWatchOptions = {}): AsyncGenerator<MapEvent<T>, void, undefined> {
    let watch: WatchSubscription | null = null;
    const changes = new BufferedIterator<MapEvent<T>>({
      itemsMax: CLIENT_LIMITS.watchItemsMax,
      bytesMax: CLIENT_LIMITS.watchBytesMax,
      signal: options.signal,
      left: () => watch?.stop(),
    });
    if (changes.isOver) return changes;
    try {
      watch = new WatchSubscription(
        this.#handle,
        watchRangeOf(options),
        {
          changed: (change) => {
            const error = this.#push(changes, change);
            if (error === null) return;
            watch?.stop();
            changes.end(error);
          },
          ended: (error) => changes.end(error),
        },
        timeOf(options),
      );
    } catch (thrown) {
      changes.end(asQuorateError(thrown));
    }
    return changes;
  }

  #push(changes: BufferedIterator<MapEvent<T>>, record: ChangeRecord): QuorateError | null {
    const { version, change, value } = record;
    let event: MapEvent<T>;
    try {
      const key = decodeKey(record.key);
      event =
        change === 'set' ? { type: change, key, value: this.#decode(key, value ?? NOTHING), version } : { type: change, key, version };
    } catch (thrown) {
      return asQuorateError(thrown);
    }
    if (changes.push(event, record.key.length + (value?.length ?? 0))) return null;
    return new QuorateError('slowConsumer', `the consumer of a watch lags behind; it was given what came before version ${version}`, {
      version,
    });
  }

  async *#entries(turns: ReadTurns, options: MapRangeOptions): AsyncGenerator<KeyedMapEntry<T>, void, undefined> {
    for await (const page of this.#pages(turns, options, false)) {
      for (const { key, value, version } of page) {
        const name = decodeKey(key);
        yield { key: name, value: this.#decode(name, value), version };
      }
    }
  }

  async *#keys(turns: ReadTurns, options: MapRangeOptions): AsyncGenerator<string, void, undefined> {
    for await (const page of this.#pages(turns, options, true)) for (const { key } of page) yield decodeKey(key);
  }

  async *#pages(turns: ReadTurns, options: MapRangeOptions, isKeysOnly: boolean): AsyncGenerator<ScanResult['entries'], void, undefined> {
    const { limit = Number.POSITIVE_INFINITY, reverse = false } = options;
    if (typeof limit !== 'number' || !(limit >= 0))
      throw new QuorateError('invalidArgument', `limit must be a number from 0, not ${shownValue(limit)}`, { path: 'limit' });
    let { from, to } = { from: borderOf(options.from, 'from'), to: borderOf(options.to, 'to') };
    const prefix = borderOf(options.prefix, 'prefix');
    let left = Math.floor(limit);
    while (left > 0) {
      const args = { from, to, prefix, limit: Math.min(left, CLIENT_LIMITS.pageEntries), isReverse: reverse, isKeysOnly };
      const page = await turns.ask<ScanResult>(options.signal, (done) => this.#handle.query('scan', args, queryTimeOf(options), done));
      if (page === null) return;
      yield page.entries;
      left -= page.entries.length;
      const last = page.entries.at(-1);
      if (!page.hasMore || last === undefined) return;
      if (reverse) {
        to = last.key;
      } else {
        const next = keyAfter(last.key);
        if (next === undefined) return;
        from = next;
      }
    }
  }

  #writeOf(key: string, value: T, options: MapSetOptions): OperationArguments<D, 'set'> {
    return {
      key: encodeKey(key),
      value: encodeValueWith(this.#codec, value, { what: 'the value', max: RESOURCE_LIMITS.valueBytesMax }),
      ttlMs: options.ttlMs ?? null,
      fence: options.fence ?? null,
    };
  }

  #decode(key: string, value: Uint8Array): T {
    return decodeValueWith(this.#codec, value, `the value of "${key.slice(0, 100)}"`);
  }
  #command<K extends CommandNames<D>>(name: K, args: OperationArguments<D, K>, options: CallOptions): Promise<OperationResult<D, K>> {
    return promiseOf(options.signal, (done) => this.#handle.command(name, args, timeOf(options), done));
  }
  #query<K extends QueryNames<D>>(name: K, args: OperationArguments<D, K>, options: QueryOptions): Promise<OperationResult<D, K>> {
    return promiseOf(options.signal, (done) => this.#handle.query(name, args, queryTimeOf(options), done));
  }
}

const NOTHING = new Uint8Array(0);

function borderOf(border: string | undefined, path: string): Uint8Array | null {
  return border === undefined ? null : encodeBorder(border, path);
}

function watchRangeOf({ key, prefix, afterVersion, resume = true }: MapWatchOptions): WatchRange {
  if (key !== undefined && prefix !== undefined) {
    throw new QuorateError('invalidArgument', 'watch takes a key or a prefix, not both', { path: 'watch' });
  }
  const isPrefix = key === undefined;
  return {
    key: isPrefix ? encodeBorder(prefix ?? '', 'prefix') : encodeKey(key),
    isPrefix,
    afterVersion: afterVersion ?? null,
    isResumed: resume,
  };
}
