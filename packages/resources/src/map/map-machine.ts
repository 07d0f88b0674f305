import { QuorateError, bytesEqual } from '@quorate/base';
import { type ApplyCall, type OperationArguments, type ResourceMachine, type Space, resourceType } from '@quorate/machine';
import { BytesPool, ScratchBytes } from '../scratch-bytes.js';
import type { ChangeLog, MapChange } from './change-log.js';
import { MAP, type MapDeclaration } from './map-declaration.js';
import { entryIn } from './map-entry.js';
import { headerIn } from './map-header.js';
import { scanMap } from './map-scan.js';
import { addWatch, isWatched, removeWatch, removeWatchesOf, sessionOfTimer, watchesOf } from './map-watches.js';
import { EXPIRY_TIMER, MapWrites } from './map-writes.js';

// Entries of common sizes; longer ones take long anyway.
const SCRATCH_BYTES = 8192;

function mapMachine(): ResourceMachine<MapDeclaration> {
  const memory = { scratch: new ScratchBytes(SCRATCH_BYTES), pool: new BytesPool() };
  // What `hold` made.
  const writesOf = (call: ApplyCall<MapDeclaration>): MapWrites => call.held as MapWrites;
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
        const { header, changes } = writesOf(call);
        const watched = { key, isPrefix };
        const watch = call.index;
        const missed = missedBy(call.space, changes, { key, isPrefix, afterVersion });
        addWatch(call.space, header, { watch, session: call.session }, watched);
        call.own(call.session);
        for (const change of missed) if (isWatched(watched, change.key)) call.publish(call.session, 'changed', { watch, ...change });
        return { watch, version: header.version };
      },
      unwatch: (call, { watch }) => {
        const { header } = writesOf(call);
        if (!removeWatch(call.space, header, { watch, session: call.session })) {
          throw new QuorateError('notHeld', `this session has no watch ${watch}`, { watch });
        }
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
    hold: (call) => new MapWrites(call, memory),
    sessionEnded: (call, session) => removeWatchesOf(call, writesOf(call).header, session),
    timer: (call, id) => {
      const writes = writesOf(call);
      if (!bytesEqual(id, EXPIRY_TIMER)) {
        removeWatchesOf(call, writes.header, sessionOfTimer(id));
        return;
      }
      writes.expire();
      writes.finish();
    },
  };
}

/** The changes that a watch is told at once. Throws as `ChangeLog.after`; but a key that still has the entry that was there has not changed since. */
function missedBy(
  space: Space,
  changes: ChangeLog,
  { key, isPrefix, afterVersion }: OperationArguments<MapDeclaration, 'watch'>,
): readonly MapChange[] {
  if (afterVersion === null) return [];
  const entry = isPrefix || changes.isAhead(afterVersion) ? null : entryIn(space, key);
  return entry !== null && entry.version <= afterVersion ? [] : changes.after(afterVersion);
}

/** The kind of resource `map`, to be handed to a node. */
export const mapType = resourceType(MAP, mapMachine());
