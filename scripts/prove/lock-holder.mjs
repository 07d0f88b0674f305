// A process that takes a lock and writes under it without pause, to a map (in the group of the lock) and to a stream (a group of its own), told by
// the proof of frozen holders when to be frozen. Each goes on until it was refused. One JSON line per event.
import { Quorate } from 'quorate';
import { delay } from './processes.mjs';

/** After so many refusals in a row it has understood. */
const REFUSALS = 5;

const [addresses, lockName, mapName, streamName, ttlMs] = process.argv.slice(2);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const quorate = await Quorate.connect(addresses, { sessionTtlMs: Number(ttlMs), deadlineMs: 20_000 });
const held = await quorate.lock(lockName).acquire();
const { fence } = held;
const holder = held.token.index;
tell({ event: 'held', token: holder });
held.lost.addEventListener('abort', () => tell({ event: 'lost', code: held.lost.reason?.code }));

/** Writes to one place until that was refused for good. */
async function writeTo(place, write) {
  let refusals = 0;
  for (let number = 1; refusals < REFUSALS; number++) {
    const believedToHold = held.isHeld;
    try {
      tell({ event: 'written', place, number, ...(await write(number)), believedToHold });
      refusals = 0;
    } catch (error) {
      tell({ event: 'refused', place, number, code: error.code ?? String(error), believedToHold });
      refusals++;
    }
    await delay(5);
  }
  tell({ event: 'over', place });
}

const map = quorate.map(mapName);
const stream = quorate.stream(streamName);
await Promise.all([
  writeTo('map', async (number) => {
    const { version } = await map.set('guarded', { holder, number }, { fence });
    return { version };
  }),
  writeTo('stream', async (number) => {
    const { offset } = await stream.append(JSON.stringify({ holder, number }), { fence });
    return { offset };
  }),
]);
await quorate.close();
process.exit();
