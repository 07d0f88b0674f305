import { FIRST_STREAM_GROUP, type GroupId, type Incarnation, LIMITS, type NodeId, QuorateError, groupId } from '@quorate/base';
import type { StreamEntry } from '@quorate/wire';
import type { CatalogueCommand, RegisteredNode } from './commands.js';

/** What a command gave: the stream, whether it is new; nodes noted; or, when the catalogue is full, `overloaded`. */
export type CatalogueOutcome =
  | { readonly type: 'streamCreated'; readonly stream: StreamEntry; readonly wasCreated: boolean }
  | { readonly type: 'nodesRegistered' }
  | { readonly type: 'refused'; readonly error: QuorateError };

/**
 * State of the system group: the nodes with their incarnations, and the streams with the group of each.
 * Deterministic: the same commands in the same order give the same state. Group ids are never reused.
 */
export class Catalogue {
  readonly #streams = new Map<string, StreamEntry>();
  readonly #byGroup = new Map<GroupId, StreamEntry>();
  readonly #nodes = new Map<NodeId, RegisteredNode>();
  readonly #superseded = new Set<Incarnation>();
  #nextGroup: number = FIRST_STREAM_GROUP;
  /** All names in order, from the first listing on. */
  #sortedNames: string[] | null = null;

  get nodes(): ReadonlyMap<NodeId, RegisteredNode> {
    return this.#nodes;
  }

  apply(command: CatalogueCommand): CatalogueOutcome {
    if (command.type === 'registerNodes') {
      for (const node of command.nodes) this.#register(node);
      return { type: 'nodesRegistered' };
    }
    const existing = this.#streams.get(command.name);
    if (existing !== undefined) return { type: 'streamCreated', stream: existing, wasCreated: false };
    if (this.#streams.size >= LIMITS.catalogueEntriesMax) {
      const error = new QuorateError('overloaded', `the catalogue is full: ${LIMITS.catalogueEntriesMax} names`);
      return { type: 'refused', error };
    }
    const stream: StreamEntry = { name: command.name, group: groupId(this.#nextGroup++) };
    this.#streams.set(stream.name, stream);
    this.#byGroup.set(stream.group, stream);
    this.#sortedNames?.splice(firstAfter(this.#sortedNames, stream.name), 0, stream.name);
    return { type: 'streamCreated', stream, wasCreated: true };
  }

  #register(node: RegisteredNode): void {
    const before = this.#nodes.get(node.nodeId);
    if (this.#superseded.has(node.incarnation)) return;
    if (before !== undefined && before.incarnation !== node.incarnation) this.#superseded.add(before.incarnation);
    this.#nodes.set(node.nodeId, node);
  }

  /** True for an incarnation in whose place another was registered: its directory must not be used any more. */
  isSuperseded(incarnation: Incarnation): boolean {
    return this.#superseded.has(incarnation);
  }

  find(name: string): StreamEntry | undefined {
    return this.#streams.get(name);
  }

  ofGroup(group: GroupId): StreamEntry | undefined {
    return this.#byGroup.get(group);
  }

  streams(): IterableIterator<StreamEntry> {
    return this.#streams.values();
  }

  /** Names that start with `prefix` and come after `after`, in code-unit order, at most `limit`. */
  list(prefix: string, after: string, limit: number): { streams: StreamEntry[]; hasMore: boolean } {
    this.#sortedNames ??= [...this.#streams.keys()].sort(byCodeUnit);
    const found: StreamEntry[] = [];
    const names = this.#sortedNames;
    // Names with the prefix lie together, from where the prefix itself would lie.
    const begin = after < prefix ? firstAtLeast(names, prefix) : firstAfter(names, after);
    for (let at = begin; at < names.length; at++) {
      const name = names[at] as string;
      if (!name.startsWith(prefix)) break;
      if (found.length === limit) return { streams: found, hasMore: true };
      const entry = this.#streams.get(name);
      if (entry !== undefined) found.push(entry);
    }
    return { streams: found, hasMore: false };
  }
}

/** Position of the first name, of sorted ones, that is not before `name`. */
function firstAtLeast(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstAfter(names: readonly string[], name: string): number {
  const at = firstAtLeast(names, name);
  return names[at] === name ? at + 1 : at;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
