// A process that takes a lock and writes under it without pause, told by the proof of frozen holders when to be frozen. One JSON line per event.
import { Quorate } from 'quorate';
import { delay } from './processes.mjs';

/** After so many refusals in a row it has understood. */
const REFUSALS = 5;

const [addresses, lockName, mapName, ttlMs] = process.argv.slice(2);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const quorate = await Quorate.connect(addresses, { sessionTtlMs: Number(ttlMs), deadlineMs: 20_000 });
const held = await quorate.lock(lockName).acquire();
const { fence } = held;
tell({ event: 'held', token: held.token.index });
held.lost.addEventListener('abort', () => tell({ event: 'lost', code: held.lost.reason?.code }));
const map = quorate.map(mapName);
let refusals = 0;
for (let number = 1; refusals < REFUSALS; number++) {
  const believedToHold = held.isHeld;
  try {
    const { version } = await map.set('guarded', { holder: held.token.index, number }, { fence });
    tell({ event: 'written', number, version, believedToHold });
    refusals = 0;
  } catch (error) {
    tell({ event: 'refused', number, code: error.code ?? String(error), believedToHold });
    refusals++;
  }
  await delay(5);
}
tell({ event: 'over' });
await quorate.close();
process.exit();
