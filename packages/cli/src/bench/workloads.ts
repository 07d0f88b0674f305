import type { Operation } from './driver.js';

/** A workload by name: a load of operations, or what a change of the leader costs. */
export interface Workload {
  readonly name: string;
  /** Null: no load. */
  readonly operation: Operation | null;
  /** Bytes of each value or record; null: as `--bytes` says. */
  readonly bytes: number | null;
  /** Records in each append. */
  readonly batch: number;
  readonly doc: string;
}

/** All that `quorate bench` measures, in the order in which it does. */
export const WORKLOADS: readonly Workload[] = [
  { name: 'put', operation: 'put', bytes: null, batch: 1, doc: 'set an entry of a map' },
  { name: 'append', operation: 'append', bytes: null, batch: 1, doc: 'append a record to a stream' },
  { name: 'append-1k', operation: 'append', bytes: 1024, batch: 1, doc: 'append a record of 1 KiB' },
  { name: 'append-batch', operation: 'append', bytes: 1024, batch: 16, doc: 'append 16 records of 1 KiB in one call' },
  { name: 'read', operation: 'read', bytes: null, batch: 1, doc: 'look an entry of a map up, linearizable' },
  { name: 'transfer', operation: null, bytes: null, batch: 1, doc: 'hand leadership over: how long no write is acknowledged' },
];

/** Needs the processes of the servers, which only `npm run bench` has. */
export const FAILOVER = 'failover';

/** Names of `WORKLOADS`. */
export const WORKLOAD_NAMES: readonly string[] = WORKLOADS.map(({ name }) => name);
