// A program with an embedded node: starts it, uses it, closes it, and does nothing to end itself.
import { Quorate } from 'quorate';

const [data, address] = process.argv.slice(2) as [string, string];
const quorate = await Quorate.start({ data, address, settings: { journalFileBytes: 4_194_304 } });
process.stdout.write(`counter ${await quorate.counter('c').add()}\n`);
await quorate.map('m').set('k', 1);
await quorate.lock('l').acquire();
await quorate.close();
process.stdout.write('closed\n');
