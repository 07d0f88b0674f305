import type { HistoryFields, HistoryValue, ObjectKind } from '@quorate/checkers';

/** What a call gives: an answer, or a refusal that changes nothing. */
export type Outcome = { readonly result: HistoryValue } | { readonly error: string };

/** A plain sequential object, written without a look at the models of the checkers. `copy` is for those who try all orders. */
export interface RealObject {
  apply(op: string, args: HistoryFields): Outcome;
  copy(): RealObject;
}

class RealRegister implements RealObject {
  value: HistoryValue = null;
  apply(op: string, args: HistoryFields): Outcome {
    const before = this.value;
    if (op === 'write' || (op === 'cas' && before === args['expected'])) this.value = args['value'] as HistoryValue;
    return { result: op === 'read' ? before : op === 'write' ? null : before === args['expected'] };
  }
  copy(): RealObject {
    return Object.assign(new RealRegister(), { value: this.value });
  }
}

class RealCounter implements RealObject {
  value = 0;
  apply(op: string, args: HistoryFields): Outcome {
    const before = this.value;
    if (op === 'add') this.value += args['delta'] as number;
    if (op === 'set') this.value = args['value'] as number;
    if (op === 'compareAndSet') {
      if (before === args['expected']) this.value = args['value'] as number;
      return { result: before === args['expected'] };
    }
    return { result: op === 'set' ? before : this.value };
  }
  copy(): RealObject {
    return Object.assign(new RealCounter(), { value: this.value });
  }
}

class RealMap implements RealObject {
  entries = new Map<string, { readonly value: string; readonly version: number }>();
  version = 0;
  apply(op: string, args: HistoryFields): Outcome {
    const key = args['key'] as string;
    const entry = this.entries.get(key);
    const expected = args['version'] as number | undefined;
    switch (op) {
      case 'get':
        return { result: entry ?? null };
      case 'size':
        return { result: { size: this.entries.size, version: this.version } };
      case 'scan': {
        const entries = [...this.entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => ({ key: name, ...each }));
        const limit = (args['limit'] as number | undefined) ?? entries.length;
        return { result: { entries: entries.slice(0, limit), hasMore: limit < entries.length } };
      }
      case 'remove':
        if (entry !== undefined && expected !== undefined && entry.version !== expected) return { error: 'versionMismatch' };
        if (entry !== undefined) this.version++;
        return { result: this.entries.delete(key) };
      case 'setIfAbsent':
        if (entry !== undefined) return { result: { isSet: false, version: entry.version } };
        this.#put(key, args);
        return { result: { isSet: true, version: this.version } };
      case 'compareAndSet':
        if ((entry?.version ?? 0) !== expected) return { error: 'versionMismatch' };
        this.#put(key, args);
        return { result: { version: this.version } };
      default:
        this.#put(key, args);
        return { result: { version: this.version, previousVersion: entry?.version ?? null } };
    }
  }
  #put(key: string, args: HistoryFields): void {
    this.version++;
    this.entries.set(key, { value: args['value'] as string, version: this.version });
  }
  copy(): RealObject {
    return Object.assign(new RealMap(), { entries: new Map(this.entries), version: this.version });
  }
}

class RealLock implements RealObject {
  holder: number | null = null;
  index = 0;
  apply(op: string, args: HistoryFields): Outcome {
    this.index++;
    if (op === 'holder') return { result: this.holder === null ? null : { token: this.holder } };
    if (op === 'release') {
      if (this.holder !== args['token']) return { error: 'notHeld' };
      this.holder = null;
      return { result: null };
    }
    if (this.holder !== null) return op === 'tryAcquire' ? { result: null } : { error: 'lockTimeout' };
    this.holder = this.index;
    return { result: { token: this.index } };
  }
  copy(): RealObject {
    return Object.assign(new RealLock(), { holder: this.holder, index: this.index });
  }
}

class RealQueue implements RealObject {
  waiting: string[] = [];
  apply(op: string, args: HistoryFields): Outcome {
    if (op === 'dequeue') return { result: this.waiting.shift() ?? null };
    this.waiting.push(args['value'] as string);
    return { result: null };
  }
  copy(): RealObject {
    return Object.assign(new RealQueue(), { waiting: [...this.waiting] });
  }
}

/** A new, empty object of that kind. */
export function realObject(kind: ObjectKind): RealObject {
  switch (kind) {
    case 'register':
      return new RealRegister();
    case 'counter':
      return new RealCounter();
    case 'map':
      return new RealMap();
    case 'queue':
      return new RealQueue();
    default:
      return new RealLock();
  }
}
