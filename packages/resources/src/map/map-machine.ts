import { QuorateError, bytesEqual } from '@quorate/base';
import { type ApplyCall, type OperationArguments, type ResourceMachine, type Space, resourceType } from '@quorate/machine';
import { ScratchBytes } from '../scratch-bytes.js';
import { type MapChange, changesAfter } from './map-changes.js';
import { MAP, type MapDeclaration } from './map-declaration.js';
import { entryIn } from './map-entry.js';
import { type MapHeader, headerIn, storeHeader } from './map-header.js';
import { scanMap } from './map-scan.js';
import { addWatch, isWatched, removeWatch, removeWatchesOf, sessionOfTimer, watchesOf } from './map-watches.js';
import { EXPIRY_TIMER, MapWrites } from './map-writes.js';

// Entries of common sizes; longer ones take long anyway.
const SCRATCH_BYTES = 8192;

function mapMachine(): ResourceMachine<MapDeclaration> {
  const scratch = new ScratchBytes(SCRATCH_BYTES);
  const writesOf = (call: ApplyCall<MapDeclaration>): MapWrites => new MapWrites(call, scratch);
  return {
    commands: {
      set: (call, { key, value, ttlMs, fence }) => {
        if (fence !== null) call.checkFence(fence);
        const writes = writesOf(call);
        const before = writes.set(key, value, ttlMs);
        writes.finish();
        return { version: writes.header.version, previousVersion: before === 0 ? null : before };
      },
      setIfAbsent: (call, { key, value, ttlMs, fence }) => {
        if (fence !== null) call.checkFence(fence);
        const writes = writesOf(call);
        const found = writes.versionOf(key);
        if (found !== 0) return { isSet: false, version: found };
        writes.set(key, value, ttlMs);
        writes.finish();
        return { isSet: true, version: writes.header.version };
      },
      compareAndSet: (call, { key, version, value, ttlMs, fence }) => {
        if (fence !== null) call.checkFence(fence);
        const writes = writesOf(call);
        writes.expect(key, version);
        writes.set(key, value, ttlMs);
        writes.finish();
        return { version: writes.header.version };
      },
      remove: (call, { key, version, fence }) => {
        if (fence !== null) call.checkFence(fence);
        const writes = writesOf(call);
        if (version !== null) writes.expect(key, version);
        if (!writes.remove(key, 'removed')) return false;
        writes.finish();
        return true;
      },
      watch: (call, { key, isPrefix, afterVersion }) => {
        if (!isPrefix && key.length === 0) {
          throw new QuorateError('invalidArgument', 'watch.key has at least 1 byte unless it is a prefix', { path: 'watch.key', min: 1 });
        }
        const header = headerIn(call.space);
        const watched = { key, isPrefix };
        const watch = call.index;
        const missed = missedBy(call.space, header, { key, isPrefix, afterVersion });
        addWatch(call.space, header, { watch, session: call.session }, watched);
        storeHeader(call.space, header);
        call.own(call.session);
        for (const change of missed) if (isWatched(watched, change.key)) call.publish(call.session, 'changed', { watch, ...change });
        return { watch, version: header.version };
      },
      unwatch: (call, { watch }) => {
        const header = headerIn(call.space);
        if (!removeWatch(call.space, header, { watch, session: call.session })) {
          throw new QuorateError('notHeld', `this session has no watch ${watch}`, { watch });
        }
        storeHeader(call.space, header);
        if (watchesOf(call.space, call.session, 1).length === 0) call.disown(call.session);
        return undefined;
      },
    },
    queries: {
      get: (call, { key }) => {
        const entry = entryIn(call.space, key);
        return entry === null ? null : { value: entry.value, version: entry.version };
      },
      size: (call) => {
        const { size, version } = headerIn(call.space);
        return { size, version };
      },
      scan: (call, args) => scanMap(call.space, args),
    },
    sessionEnded: (call, session) => {
      const header = headerIn(call.space);
      removeWatchesOf(call, header, session);
      storeHeader(call.space, header);
    },
    timer: (call, id) => {
      if (!bytesEqual(id, EXPIRY_TIMER)) {
        const header = headerIn(call.space);
        removeWatchesOf(call, header, sessionOfTimer(id));
        storeHeader(call.space, header);
        return;
      }
      const writes = writesOf(call);
      writes.expire();
      writes.finish();
    },
  };
}

/** The changes that a watch is told at once. Throws as `changesAfter`; but a key that still has the entry that was there has not changed since. */
function missedBy(
  space: Space,
  header: MapHeader,
  { key, isPrefix, afterVersion }: OperationArguments<MapDeclaration, 'watch'>,
): readonly MapChange[] {
  if (afterVersion === null) return [];
  const entry = isPrefix || afterVersion > header.version ? null : entryIn(space, key);
  return entry !== null && entry.version <= afterVersion ? [] : changesAfter(space, header, afterVersion);
}

/** The kind of resource `map`, to be handed to a node. */
export const mapType = resourceType(MAP, mapMachine());
