import { type GroupId, asQuorateError } from '@quorate/base';
import type { SnapshotSource } from '@quorate/raft';
import type { Storage } from '@quorate/storage';

/** The stored snapshots of a group as its leader sends them. One that is damaged cannot be read; storage tells of that by itself. */
export function storedSnapshots(storage: Storage, group: GroupId): SnapshotSource {
  return {
    open: () => {
      const file = storage.snapshot(group);
      if (file === null) return null;
      const { index, term, length, voters, loggedTimeMs } = file;
      return {
        index,
        term,
        head: { length, configuration: { voters }, loggedTimeMs },
        read: (offset, maxBytes) => {
          try {
            return file.read(offset, maxBytes);
          } catch (thrown) {
            const error = asQuorateError(thrown);
            if (error.code !== 'dataDamaged') throw error;
            return null;
          }
        },
        close: file.retain(),
      };
    },
  };
}
