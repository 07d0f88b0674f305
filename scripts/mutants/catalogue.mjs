// All mutants. One is {
//   id      of letters, digits and hyphens, unique
//   shows   the traps ("T57") and rules ("rule 21") that it puts back; see traps.mjs
//   bug     what the bug is, in a sentence
//   file    the source file, from the root of the repository
//   old     text that stands there exactly once
//   new     what takes its place: the bug as somebody would write it, never a throw
//   tests   the tests that must fail with it: "PACKAGE/FILE: start of the title" (FILE from the folder `test` of the package)
// }
import { reasonNotApplicable } from './scratch.mjs';
import { listTitles } from './named-tests.mjs';
import { TRAPS } from './traps.mjs';
import { CHECKERS } from './list/checkers.mjs';
import { CLIENT } from './list/client.mjs';
import { HOST } from './list/host.mjs';
import { HOST_SNAPSHOTS } from './list/host-snapshots.mjs';
import { MACHINE } from './list/machine.mjs';
import { RAFT } from './list/raft.mjs';
import { RAFT_REPLICATION } from './list/raft-replication.mjs';
import { RESOURCES } from './list/resources.mjs';
import { STORAGE } from './list/storage.mjs';
import { STREAMS } from './list/streams.mjs';
import { TESTKIT } from './list/testkit.mjs';
import { WIRE } from './list/wire.mjs';

/** Runs in every `npm test`, so that it is known that mutants are caught at all: quick, and its test is small. */
export const CANARY = 'vote-twice-in-a-term';

export const MUTANTS = [RAFT, RAFT_REPLICATION, STORAGE, STREAMS, WIRE, MACHINE, RESOURCES, CLIENT, HOST, HOST_SNAPSHOTS, CHECKERS, TESTKIT]
  .flat()
  .map((mutant) => ({
    ...mutant,
    tests: mutant.tests.map(parseTest),
  }));

/** Those with the given ids, in the order of the list; all for null. */
export function mutantsOf(ids) {
  return ids === null ? MUTANTS : MUTANTS.filter(({ id }) => ids.includes(id));
}

function parseTest(text) {
  const match = /^([a-z-]+)\/([^:]+\.ts): (.+)$/su.exec(text);
  if (match === null) throw new Error(`not "PACKAGE/FILE: start of the title": ${text}`);
  return { package: match[1], file: match[2], title: match[3] };
}

/** What is wrong with mutants as they stand, without running them: text that is gone, tests and traps that do not exist. */
export function problemsOf(mutants) {
  const titles = listTitles();
  const problems = [];
  for (const mutant of mutants) {
    const tell = (what) => problems.push(`${mutant.id}: ${what}`);
    if (!/^[a-z0-9-]+$/u.test(mutant.id)) tell('an id has letters, digits and hyphens');
    if (MUTANTS.filter(({ id }) => id === mutant.id).length > 1) tell('the id is taken');
    const reason = reasonNotApplicable(mutant);
    if (reason !== null) tell(reason);
    for (const shown of mutant.shows) if (!TRAPS.some(({ id }) => id === shown)) tell(`there is no trap or rule "${shown}"`);
    if (mutant.tests.length === 0) tell('names no test');
    for (const { package: name, file, title } of mutant.tests) {
      const isThere = titles.some((known) => known.package === name && known.file === file && isSameStart(known.title, title));
      if (!isThere) tell(`there is no test "${title}" in packages/${name}/test/${file}`);
    }
  }
  return problems;
}

/** `known` is a title as it stands in the source: what a template inserts may be anything. */
function isSameStart(known, title) {
  const [first, ...rest] = known.split(/\$\{[^}]*\}/u);
  return rest.length === 0 ? known.startsWith(title) : first.startsWith(title) || title.startsWith(first);
}
