// How much load a proof had, by what the process that made it tells every second, and whether that was what it asked for.

/** Part of the sets a second asked for that each phase must have had: with less to do no loop is late. */
const RATE_LEAST = 0.95;

/** Sets a second in the seconds of load of which `isMeant` holds. */
export function setsPerSecond(progress, isMeant) {
  let sets = 0;
  let ms = 0;
  for (let at = 1; at < progress.length; at++) {
    const [before, now] = [progress[at - 1], progress[at]];
    if (before.phase !== 'steady' || !isMeant(before.atMs, now.atMs)) continue;
    sets += now.done - before.done;
    ms += now.atMs - before.atMs;
  }
  return ms === 0 ? 0 : Math.round((1000 * sets) / ms);
}

/** Of the sets a second in each phase, and of the errors of the load by code. */
export function loadDemands(rate, setsByPhase, errors) {
  const least = Math.ceil(rate * RATE_LEAST);
  return [
    ...Object.entries(setsByPhase).map(([phase, sets]) => [`${phase}: at least ${least} sets a second (${sets})`, sets >= least]),
    ['no set of the load failed', Object.keys(errors).length === 0],
  ];
}
