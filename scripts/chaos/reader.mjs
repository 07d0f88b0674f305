// The client of the run itself: makes the streams, notes the faults, and reads in the end what there is.
import { closeSync, openSync, writeSync } from 'node:fs';
import { fromUtf8 } from '@quorate/base';
import { encodeEvent } from '@quorate/checkers';
import { COUNTER, MAP } from '@quorate/resources';
import { HistoryRecorder, objectOf } from '@quorate/testkit';
import { Quorate } from 'quorate';
import { until } from '../prove/processes.mjs';
import { MAPS, PLAN, STREAMS } from './plan.mjs';
import { readOnce } from './stream-work.mjs';

const DEADLINE_MS = 20_000;
const NAME = 'reader';

export class Reader {
  #recorder;
  #fd;
  #quorate = null;

  constructor(file, nowMs) {
    this.#fd = openSync(file, 'a');
    this.#recorder = new HistoryRecorder(nowMs, (event) => writeSync(this.#fd, `${encodeEvent(event)}\n`));
  }

  fault(fault, target) {
    this.#recorder.fault(fault, target);
  }

  async connect(addresses) {
    this.#quorate = await Quorate.connect(addresses, { deadlineMs: DEADLINE_MS });
    for (const stream of STREAMS) await this.#quorate.createStream(stream);
  }

  /** Reads everything. Gives the version of each map and of its keys, by the name of the object, and the number of records. */
  async readAll() {
    const lane = this.#recorder.lane(NAME);
    const final = {};
    for (const map of MAPS) final[objectOf('map', map)] = await this.#readMap(lane, map);
    for (const counter of PLAN.counters) {
      lane.invoke({ object: objectOf('counter', counter), op: 'get', args: {} });
      await this.#query(lane, COUNTER, counter, 'get', {}, (value) => value);
    }
    let records = 0;
    for (const stream of STREAMS) records += await this.#readStream(lane, stream);
    return { final, records };
  }

  async #readMap(lane, map) {
    const object = objectOf('map', map);
    lane.invoke({ object, op: 'scan', args: { limit: 1000 } });
    const range = { from: null, to: null, prefix: null, limit: 1000, isReverse: false, isKeysOnly: false };
    const { entries } = await this.#query(lane, MAP, map, 'scan', range, (page) => ({
      entries: page.entries.map(({ key, value, version }) => ({ key: fromUtf8(key), value: fromUtf8(value), version })),
      hasMore: page.hasMore,
    }));
    lane.invoke({ object, op: 'size', args: {} });
    const { version } = await this.#query(lane, MAP, map, 'size', {}, ({ size, version: newest }) => ({ size, version: newest }));
    return { version, keys: Object.fromEntries(entries.map((entry) => [entry.key, entry.version])) };
  }

  #query(lane, declaration, name, op, args, valueOf) {
    const handle = this.#quorate.resources.client.handle(declaration, name);
    return new Promise((resolve, reject) => {
      handle.query(op, args, { deadlineMs: DEADLINE_MS }, (error, result) => {
        if (error !== null) {
          lane.failed(error);
          reject(error);
          return;
        }
        const value = valueOf(result);
        lane.ok(value);
        resolve(value);
      });
    });
  }

  async #readStream(lane, stream) {
    let from = 0;
    await until(
      `${stream} to be read to its end`,
      async () => {
        const read = await readOnce({ quorate: this.#quorate, lane, stream, from, deadlineMs: DEADLINE_MS });
        from = read?.next ?? from;
        return read !== null && read.next >= read.end;
      },
      { withinMs: 120_000, everyMs: 0 },
    );
    return from;
  }

  async close() {
    await this.#quorate?.close();
    this.#quorate = null;
    closeSync(this.#fd);
  }
}
