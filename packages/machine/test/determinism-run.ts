import { SeededRandom, randomBetween } from '@quorate/base';
import { Driver, add, cell, openCell } from './driver.js';

/** Hashes and outcomes of one fixed log, printed: equal in every process, whatever its time zone, locale or version of Node. */
const random = new SeededRandom(76);
const driver = new Driver();
const sessions = [driver.open(), driver.open(), driver.open()];
const names = ['ı', 'I', 'i', 'ß', 'ä', 'z', 'Z', 'é', 'e\u0301', '日本', '😀'];
for (const name of names) driver.run(sessions[0] as number, openCell(name));
const resources = driver.machine.resources().map(({ resource }) => resource);
const lines: string[] = [JSON.stringify(driver.machine.resources())];
for (let i = 0; i < 120; i++) {
  const session = sessions[randomBetween(random, 0, 2)] as number;
  const resource = resources[randomBetween(random, 0, resources.length - 1)] as number;
  const commands = [
    add(resource, randomBetween(random, -100, 300)),
    cell(resource, 'watch', { isOn: random.nextUint32() % 2 === 0 }),
    cell(resource, 'delay', { id: randomBetween(random, 0, 3), afterMs: randomBetween(random, 0, 9), repeats: 1 }),
    cell(resource, 'take', {}),
    cell(resource, 'release', {}),
  ];
  const replies = driver.run(session, ...commands.slice(randomBetween(random, 0, 4)));
  lines.push(
    replies.map((reply) => (reply.isOk ? [...reply.result].join(',') : `${reply.code} ${reply.message}`)).join(';'),
    driver.machine.hash,
  );
  driver.tick(driver.machine.timeMs + randomBetween(random, 0, 5));
  if (i === 60) driver.reload();
}
process.stdout.write(`${lines.join('\n')}\n${driver.told.length}\n${driver.machine.hash}\n`);
