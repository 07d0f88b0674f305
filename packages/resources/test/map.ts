import type { Fence, OperationArguments, OperationResult, ResourceId, SessionId } from '@quorate/machine';
import { MAP, type MapDeclaration } from '@quorate/resources';
import { Driver, type SeenEvent, b, t } from './driver.js';

type Scan = OperationArguments<MapDeclaration, 'scan'>;

/** A map as tests use it: texts for bytes. */
export class TestMap {
  readonly driver: Driver;
  readonly resource: ResourceId;

  constructor(driver: Driver, session: SessionId, name = 'map') {
    this.driver = driver;
    this.resource = driver.create(session, MAP, name);
  }

  set(session: SessionId, key: string, value: string, ttlMs: number | null = null, fence: Fence | null = null) {
    return this.driver.do(session, MAP, this.resource, 'set', { key: b(key), value: b(value), ttlMs, fence });
  }

  setIfAbsent(session: SessionId, key: string, value: string, ttlMs: number | null = null) {
    return this.driver.do(session, MAP, this.resource, 'setIfAbsent', { key: b(key), value: b(value), ttlMs, fence: null });
  }

  compareAndSet(session: SessionId, key: string, version: number, value: string, ttlMs: number | null = null) {
    return this.driver.do(session, MAP, this.resource, 'compareAndSet', { key: b(key), version, value: b(value), ttlMs, fence: null });
  }

  remove(session: SessionId, key: string, version: number | null = null, fence: Fence | null = null): boolean {
    return this.driver.do(session, MAP, this.resource, 'remove', { key: b(key), version, fence });
  }

  watch(session: SessionId, key: string, { isPrefix = false, afterVersion = null as number | null } = {}) {
    return this.driver.do(session, MAP, this.resource, 'watch', { key: b(key), isPrefix, afterVersion });
  }

  unwatch(session: SessionId, watch: number): void {
    this.driver.do(session, MAP, this.resource, 'unwatch', { watch });
  }

  get(key: string): [value: string | null, version: number] | null {
    const entry = this.driver.query(MAP, this.resource, 'get', { key: b(key) });
    return entry === null ? null : [t(entry.value), entry.version];
  }

  size(): { readonly size: number; readonly version: number } {
    return this.driver.query(MAP, this.resource, 'size', {});
  }

  scanBytes(args: Partial<Scan>): OperationResult<MapDeclaration, 'scan'> {
    const all = { from: null, to: null, prefix: null, limit: 100, isReverse: false, isKeysOnly: false };
    return this.driver.query(MAP, this.resource, 'scan', { ...all, ...args });
  }

  /** Keys in a range, and whether there are more. */
  keys(
    args: { from?: string; to?: string; prefix?: string; limit?: number; isReverse?: boolean } = {},
  ): [keys: string[], hasMore: boolean] {
    const { from, to, prefix, ...rest } = args;
    const border = (text: string | undefined): Uint8Array | null => (text === undefined ? null : b(text));
    const { entries, hasMore } = this.scanBytes({ from: border(from), to: border(to), prefix: border(prefix), ...rest });
    return [entries.map((entry) => t(entry.key) ?? ''), hasMore];
  }
}

/** A change as a watch told of it: `3 set a=1 (version 7)` without the words. */
export function toldOf(events: readonly SeenEvent[]): (number | string | null)[][] {
  return events.map(({ fields }) => {
    const { watch, version, change, key, value } = fields as {
      watch: number;
      version: number;
      change: string;
      key: Uint8Array;
      value: Uint8Array | null;
    };
    return [watch, version, change, t(key), t(value)];
  });
}
